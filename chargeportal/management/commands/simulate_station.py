"""``manage.py simulate_station``: one simulated charger, for a session or for ever."""

import argparse
import asyncio
import logging
import re
import signal
from collections.abc import Coroutine
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chargeportal.simulation.address import own_ocpp_url
from chargeportal.simulation.car_models import CAR_MODELS
from chargeportal.simulation.charging import ChargingStation, NotAuthorized, NotPossible
from chargeportal.simulation.clock import SimulatedClock, behind_for
from chargeportal.simulation.fleet import DEMO_PASSWORD, STATION_CLASSES
from chargeportal.simulation.memory import Memory
from chargeportal.simulation.single import Errand, run_forever, run_once
from chargeportal.simulation.station import NeverReady

READY_TIMEOUT_S = 20.0
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def duration(text: str) -> float:
    """Return the seconds of a text such as 90, 45m or 1.5h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|min|h)?", text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 90, 45m or 1.5h")
    return float(match[1]) * _SECONDS[match[2] or ""]


def speed(text: str) -> float:
    """Return a factor of at least 1."""
    factor = float(text)
    if factor < 1:
        raise argparse.ArgumentTypeError("the speed must be at least 1")
    return factor


class Command(BaseCommand):
    help = "Run a simulated charging station: one session on each EVSE, or sessions for ever."
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        """As in every command, but `--version` is the station's OCPP version."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **options)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """What can be said about the station, the drivers and the time."""
        parser.add_argument("identity", help="the station's identity, e.g. DEMO-AC-1")
        parser.add_argument("--url", help="the server's OCPP address (default: this installation's)")
        parser.add_argument("--password", default=DEMO_PASSWORD, help="default: the demo stations'")
        parser.add_argument("--version", choices=sorted(STATION_CLASSES), default="1.6")
        parser.add_argument("--kind", choices=("ac", "dc"), default="ac")
        parser.add_argument("--evses", type=int, default=1)
        parser.add_argument("--max-power-kw", type=float, help="of each EVSE (default: 22 AC, 150 DC)")
        parser.add_argument(
            "--token", action="append", help="id token of the driver; repeat it for more EVSEs (DEMO0001)"
        )
        parser.add_argument("--car", choices=sorted(CAR_MODELS))
        parser.add_argument("--soc", type=float, help="the battery at the beginning, in percent")
        parser.add_argument("--duration", type=duration, help="length of a session: 90, 45m, 1.5h")
        parser.add_argument("--energy", type=float, help="energy of a session in kWh")
        parser.add_argument("--interval", type=duration, default=10.0, help="between meter samples")
        parser.add_argument(
            "--speed", type=speed, default=1.0,
            help="simulated seconds per second; the sessions start in the past and end at the present",
        )  # fmt: skip
        parser.add_argument("--behind", type=duration, help="how far in the past to start (with --speed)")
        how_often = parser.add_mutually_exclusive_group()
        how_often.add_argument("--once", action="store_true", help="one session (the default)")
        how_often.add_argument("--forever", action="store_true", help="until interrupted")
        parser.add_argument("--pause", type=duration, default=60.0, help="between sessions, with --forever")
        parser.add_argument("--seed", type=int, help="the same seed gives the same meter values")
        parser.add_argument("--frames", action="store_true", help="show every OCPP frame")

    def handle(self, *args: Any, **options: Any) -> None:
        """The sessions have taken place."""
        if options["frames"]:
            _show_frames()
        errand = Errand(
            tokens=tuple(options["token"] or ["DEMO0001"]), car=options["car"], soc_percent=options["soc"],
            duration_s=options["duration"],
            energy_wh=options["energy"] * 1000 if options["energy"] else None,
        )  # fmt: skip
        expected: list[BaseException] = []
        try:
            asyncio.run(self._run(options, errand))
        except* (NeverReady, NotAuthorized, NotPossible, TimeoutError) as problems:
            expected.extend(problems.exceptions)
        if expected:  # raised out here: some Pythons wrap what is raised in there in a group again
            raise CommandError(str(expected[0]) or "the server did not answer in time")

    async def _run(self, options: dict[str, Any], errand: Errand) -> None:
        station = _station(options, errand)
        say = self.stdout.write
        if options["forever"]:
            await until_stopped(run_forever(station, errand, pause_s=options["pause"], say=say))
        else:
            await until_stopped(run_once(station, errand, say=say))


async def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """The work is done, or was told to end by SIGINT or SIGTERM and has cleaned up."""
    task = asyncio.ensure_future(work)
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    await asyncio.wait((task,))
    if not task.cancelled():
        task.result()


def _station(options: dict[str, Any], errand: Errand) -> ChargingStation:
    behind_s = options["behind"]
    if behind_s is None:
        behind_s = 86_400.0 if options["forever"] else behind_for(errand.expected_s, speed=options["speed"])
    clock = SimulatedClock(speed=options["speed"], behind_s=behind_s if options["speed"] > 1 else 0)
    most_kw = options["max_power_kw"] or (150.0 if options["kind"] == "dc" else 22.0)
    return STATION_CLASSES[options["version"]](
        url=options["url"] or own_ocpp_url(), identity=options["identity"], password=options["password"],
        kind=options["kind"], evses=options["evses"], max_power_kw=most_kw, clock=clock,
        sample_interval_s=options["interval"], seed=options["seed"],
        memory=Memory(settings.VAR_DIR / "simulation", options["identity"]),
        ready_timeout_s=None if options["forever"] else READY_TIMEOUT_S,
    )  # fmt: skip


def _show_frames() -> None:
    wire = logging.getLogger("chargeportal.simulation.wire")
    wire.setLevel(logging.INFO)
    wire.addHandler(logging.StreamHandler())
