"""Addresses of live pages' WebSockets."""

from django.conf import settings
from django.http import HttpRequest
from django.urls import re_path
from django.utils.translation import get_supported_language_variant

from chargeportal.live.consumers import LivePageConsumer


class LanguageMiddleware:
    """Gives the page's language to the consumer: the language cookie, else the default."""

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        cookies = scope.get("cookies") or _cookies(scope)
        wanted = cookies.get(settings.LANGUAGE_COOKIE_NAME, settings.LANGUAGE_CODE)
        try:
            language = get_supported_language_variant(wanted)
        except LookupError:
            language = settings.LANGUAGE_CODE
        return await self.application({**scope, "language": language}, receive, send)


def _cookies(scope) -> dict[str, str]:
    request = HttpRequest()
    request.META["HTTP_COOKIE"] = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
    from django.http import parse_cookie  # noqa: PLC0415  (only needed without Channels' cookie middleware)

    return parse_cookie(request.META["HTTP_COOKIE"])


websocket_urlpatterns = [
    re_path(
        r"^live/(?P<topic>[a-z-]+)/(?:(?P<key>[A-Za-z0-9-]+)/)?$", LanguageMiddleware(LivePageConsumer.as_asgi())
    ),
]
