"""Addresses of live pages' WebSockets."""

from typing import Any

from django.http import HttpRequest, parse_cookie
from django.urls import re_path
from django.utils.translation import get_language_from_request

from chargeportal.live.consumers import LivePageConsumer


def page_language(scope: dict[str, Any]) -> str:
    """The language of the page that opened the socket, found as the page found it: cookie, then browser."""
    headers = dict(scope["headers"])
    request = HttpRequest()
    request.COOKIES = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    request.META["HTTP_ACCEPT_LANGUAGE"] = headers.get(b"accept-language", b"").decode("latin-1")
    return get_language_from_request(request)


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
