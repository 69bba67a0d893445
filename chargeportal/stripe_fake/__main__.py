"""Runs the fake for the demo: `python -m chargeportal.stripe_fake --port 41400 --webhook http://…`.

Keys come from the environment (`STRIPE_SECRET_KEY`, `STRIPE_WEBHOOK_SECRET`), as they do for the product.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from chargeportal.stripe_fake.server import StripeFake


def main() -> None:
    """Listen on loopback until killed."""
    parser = argparse.ArgumentParser(description="A small Stripe for the demo and for tests.")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0: any that is free")
    parser.add_argument("--fd", type=int, help="a socket that listens already")
    parser.add_argument("--state", type=Path, help="the file to keep everything in; without it: in memory")
    parser.add_argument("--webhook", default="", help="where events are sent")
    wishes = parser.parse_args()
    fake = StripeFake(
        port=wishes.port,
        fd=wishes.fd,
        state=wishes.state,
        secret_key=os.environ.get("STRIPE_SECRET_KEY", ""),
        webhook_url=wishes.webhook,
        webhook_secret=os.environ.get("STRIPE_WEBHOOK_SECRET", ""),
    )
    fake.start()
    print(f"Stripe fake on {fake.address}", flush=True)  # noqa: T201 - what a program says when it runs
    fake.wait()


if __name__ == "__main__":
    main()
