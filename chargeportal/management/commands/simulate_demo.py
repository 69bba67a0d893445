"""``manage.py simulate_demo``: the chargers of the demonstration, until stopped."""

import argparse
import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from chargeportal.simulation.address import own_ocpp_url
from chargeportal.simulation.fleet import DEMO_FLEET, DemoFleet


class Command(BaseCommand):
    help = "Run the demonstration's simulated chargers until interrupted."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Where the server is."""
        parser.add_argument("--url", help="the server's OCPP address (default: this installation's)")
        parser.add_argument("--seed", type=int, help="the same seed brings the same drivers")

    def handle(self, *args: Any, **options: Any) -> None:
        """The fleet has lived until SIGINT or SIGTERM."""
        url = options["url"] or own_ocpp_url()
        self.stdout.write(f"{len(DEMO_FLEET)} simulated stations for {url}")
        asyncio.run(_run(url=url, seed=options["seed"]))


async def _run(*, url: str, seed: int | None) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    fleet = DemoFleet(url=url, memory_folder=settings.VAR_DIR / "simulation", seed=seed)
    await fleet.run(until=stop)
