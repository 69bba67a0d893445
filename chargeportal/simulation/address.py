"""Where this installation's own OCPP gateway listens."""

import os

from chargeportal.runtime.addresses import reachable_host


def own_ocpp_url() -> str:
    """Return the address that `HOST` and `PORT` say, as `make run` sets them."""
    host = reachable_host(os.environ.get("HOST") or "127.0.0.1")
    bracketed = f"[{host}]" if ":" in host else host
    return f"ws://{bracketed}:{os.environ.get('PORT') or '8000'}/ocpp"
