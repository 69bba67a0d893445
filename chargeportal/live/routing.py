"""Addresses of live pages' WebSockets."""

from http.cookies import SimpleCookie
from typing import Any

from django.conf import settings
from django.urls import re_path
from django.utils.translation import get_supported_language_variant

from chargeportal.live.consumers import LivePageConsumer


def page_language(scope: dict[str, Any]) -> str:
    """The language of the page that opened the socket: its cookie's, else the default."""
    header = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
    morsel = SimpleCookie(header).get(settings.LANGUAGE_COOKIE_NAME)
    try:
        return get_supported_language_variant(morsel.value if morsel else settings.LANGUAGE_CODE)
    except LookupError:
        return settings.LANGUAGE_CODE


class PageLanguage:
    """ASGI middleware that puts the page's language into the scope as ``language``."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The application runs with the language in its scope."""
        await self.application({**scope, "language": page_language(scope)}, receive, send)


websocket_urlpatterns = [
    re_path(
        r"^live/(?P<topic>[a-z-]+)/(?:(?P<key>[A-Za-z0-9-]+)/)?$",
        PageLanguage(LivePageConsumer.as_asgi()),  # type: ignore[arg-type]  # an ASGI application, as Channels wants
    ),
]
