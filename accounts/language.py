"""The language of pages: a cookie for everybody, kept with the account of who is logged in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from django.utils.translation import check_for_language

from accounts.models import User


def set_language_cookie(response: HttpResponseBase, language: str) -> None:
    """The browser's next pages are in that language."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE or 365 * 24 * 3600,
        path=settings.LANGUAGE_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def remember_language(user: Any, *, language: str) -> None:
    """The account has that language, if it is one we speak and somebody is logged in."""
    known = language in dict(settings.LANGUAGES) and check_for_language(language)
    if known and getattr(user, "is_authenticated", False):
        User.objects.filter(pk=user.pk).exclude(language=language).update(language=language)
