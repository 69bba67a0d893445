"""The OCPP gateway alone, for a process that serves charging stations and nothing else."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chargeportal.settings")
    django.setup(set_prefix=False)

from stations.ocpp import gateway

OCPP_PREFIX = "/ocpp/"
logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve `/ocpp/…` sockets; answer every request with 404."""
    if scope["type"] == "lifespan":
        await run_lifespan(receive, send)
    elif scope["type"] == "websocket":
        await gateway.ocpp_application(scope, receive, send)
    else:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def run_lifespan(receive: Receive, send: Send) -> None:
    """Start the gateway when the server starts, and let it finish its work before the server ends."""
    await receive()
    try:
        await gateway.lifespan_startup()
    except Exception as error:
        logger.exception("the gateway did not start")
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await gateway.lifespan_shutdown()
    await send({"type": "lifespan.shutdown.complete"})
