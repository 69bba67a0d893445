"""One web process: uvicorn with the options that charging stations need.

    python -m chargeportal.runtime.web --port 8000
    python -m chargeportal.runtime.web --port 8001 --app chargeportal.asgi_gateway:application

The second form serves charging stations alone, behind a proxy that routes `/ocpp/` to it, so that pages
never delay chargers.
"""

from __future__ import annotations

import argparse
import logging.config
import os
import resource
import socket

import uvicorn
from django.conf import settings

DEFAULT_APP = "chargeportal.asgi:application"
#: A mass reconnect fills the listen queue faster than it can be emptied.
BACKLOG = 4096


def main() -> None:
    """Serve until told to stop."""
    options = _options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chargeportal.settings")
    raise_open_files_limit()
    sockets = [socket.socket(fileno=options.fd)] if options.fd is not None else None
    server = uvicorn.Server(server_config(options.app, host=options.host, port=options.port))
    server.run(sockets=sockets)


def server_config(app: str, *, host: str, port: int) -> uvicorn.Config:
    """Return uvicorn's configuration for our sockets and pages."""
    logging.config.dictConfig(settings.LOGGING)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",  # `websockets` is deprecated and slower
        ws_max_size=settings.OCPP_MAX_FRAME_BYTES,
        ws_ping_interval=settings.OCPP_PING_INTERVAL_S,  # 20 s, uvicorn's own, cuts off poor modems
        ws_ping_timeout=settings.OCPP_PING_TIMEOUT_S,
        ws_per_message_deflate=settings.OCPP_PERMESSAGE_DEFLATE,
        backlog=BACKLOG,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def raise_open_files_limit() -> None:
    """Leave this process allowed to open as many files, and so sockets, as the machine lets it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chargeportal.runtime.web", description=__doc__)
    parser.add_argument("--app", default=DEFAULT_APP)
    parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
    parser.add_argument("--fd", type=int, default=None, help="a listening socket inherited from the parent")
    return parser.parse_args()


if __name__ == "__main__":
    main()
