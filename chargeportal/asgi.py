"""The whole product as one ASGI application.

`/ocpp/…` sockets go straight to the OCPP gateway, other sockets to Channels, requests to Django.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chargeportal.settings")
django_application = get_asgi_application()  # sets Django up; what follows needs its models

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import re_path  # noqa: E402

from chargeportal.asgi_gateway import OCPP_PREFIX, run_lifespan  # noqa: E402
from chargeportal.live.routing import websocket_urlpatterns  # noqa: E402
from stations.ocpp import gateway  # noqa: E402

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Close a socket to an address that there is none for."""
    await send({"type": "websocket.close"})


live_routes = URLRouter([*websocket_urlpatterns, re_path(r"", refuse)])  # type: ignore[arg-type]
live_application = AllowedHostsOriginValidator(AuthMiddlewareStack(live_routes))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a connection to the part of the product that it is for."""
    if scope["type"] == "http":
        await django_application(scope, receive, send)
    elif scope["type"] == "lifespan":
        await run_lifespan(receive, send)
    elif scope["path"].startswith(OCPP_PREFIX):
        await gateway.ocpp_application(scope, receive, send)
    else:
        await live_application(scope, receive, send)
