"""What our sign-up and login do beside django-allauth: the person's language goes along."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, get_supported_language_variant

from accounts.language import set_language_cookie
from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Keeps the language of the page at sign-up; a login brings back the language of the account."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:  # noqa: FBT001, FBT002
        """The new user has the language the sign-up page was read in."""
        user.language = get_supported_language_variant(get_language() or "sv")
        return super().save_user(request, user, form, commit)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """The pages after the login are in the language of the account."""
        response = super().post_login(request, user, **kwargs)
        set_language_cookie(response, user.language)
        return response
