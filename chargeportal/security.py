"""The Content-Security-Policy header."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase


class ContentSecurityPolicyMiddleware:
    """Adds the policy to every response that has none of its own."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Prepare both forms of the header once."""
        self.get_response = get_response
        strict = dict(settings.CONTENT_SECURITY_POLICY)
        loose = strict | {"script-src": settings.CONTENT_SECURITY_POLICY_LOOSE_SCRIPTS}
        self.strict, self.loose = ("; ".join(f"{k} {v}" for k, v in p.items()) for p in (strict, loose))
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Answer the request, with the policy."""
        if self.is_async:
            return self._answer_async(request)
        return self._with_policy(request, self.get_response(request))

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        return self._with_policy(request, await self.get_response(request))

    def _with_policy(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        loose = request.path.startswith(settings.CONTENT_SECURITY_POLICY_LOOSE_PATHS)
        response.headers.setdefault("Content-Security-Policy", self.loose if loose else self.strict)
        return response
