"""What the demo pretends: a card processor on loopback, when no real one is configured."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from pathlib import Path

from chargeportal.runtime.addresses import page_address

LOOPBACK = "127.0.0.1"


def stripe_environment(*, port: int) -> dict[str, str]:
    """The settings by which the product finds the fake on that port; its keys are good until it stops."""
    address = f"http://{LOOPBACK}:{port}"
    return {
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
        "STRIPE_PUBLISHABLE_KEY": f"pk_test_{secrets.token_hex(16)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "STRIPE_API_BASE": address,
        "STRIPE_CHECKOUT_ORIGIN": address,
        # a proxy for the world outside has no business between us and loopback
        "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), LOOPBACK))),
    }


def stripe_command(*, fd: int, var: Path, host: str, port: int) -> list[str]:
    """The command of the fake that serves the socket and reports to the product at host and port."""
    where = ["--fd", str(fd), "--state", str(var / "stripe-fake.json")]
    tells = ["--webhook", f"{page_address(host, port)}webhooks/stripe/"]
    return [sys.executable, "-m", "chargeportal.stripe_fake", *where, *tells]


def loopback_socket() -> socket.socket:
    """A socket on any free port of loopback, kept open so that a restarted fake has the same address."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.bind((LOOPBACK, 0))
    bound.listen(1)
    return bound
