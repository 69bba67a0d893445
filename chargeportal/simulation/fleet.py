"""The stations of the demonstration, and the process that runs them all."""

import asyncio
import contextlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chargeportal.simulation.charging import ChargingStation
from chargeportal.simulation.driver import (
    BUSY_AC,
    BUSY_DC,
    QUIET_AC,
    QUIET_DC,
    Habits,
    OutletDrivers,
    TokenPool,
    fault_now_and_then,
    obey_remote_starts,
)
from chargeportal.simulation.journal import Journal
from chargeportal.simulation.link import Backoff
from chargeportal.simulation.memory import Memory
from chargeportal.simulation.outlet import Kind
from chargeportal.simulation.station16 import SimulatedStation16
from chargeportal.simulation.station201 import SimulatedStation201

DEMO_PASSWORD = "charge-demo-station"  # noqa: S105 - the published one of the demonstration
#: DEMO0001 is the demo driver's own card: the simulated drivers leave it to the person who tries it out.
DEMO_TOKENS = tuple(f"DEMO{number:04d}" for number in range(1, 13))
FLEET_TOKENS = DEMO_TOKENS[1:]

STATION_CLASSES: dict[str, type[ChargingStation]] = {"1.6": SimulatedStation16, "2.0.1": SimulatedStation201}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOutlet:
    """One outlet's drivers: their habits and when the first one comes (seconds after the start)."""

    habits: Habits
    first_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStation:
    """One station of the demonstration. `max_power_kw` is that of each outlet."""

    identity: str
    version: Literal["1.6", "2.0.1"]
    kind: Kind
    evses: int
    max_power_kw: float
    location: str
    vendor: str
    model: str
    outlets: tuple[DemoOutlet, ...]
    faults_after_s: float | None = None


def _used(habits: Habits, first_after_s: float) -> DemoOutlet:
    return DemoOutlet(habits=habits, first_after_s=first_after_s)


DEMO_FLEET = (
    DemoStation(
        identity="DEMO-AC-2", version="1.6", kind="ac", evses=2, max_power_kw=22,
        location="stockholm-liljeholmen", vendor="Fjällström", model="Duo 22",
        outlets=(_used(BUSY_AC, 1), _used(QUIET_AC, 240)),
    ),
    DemoStation(
        identity="DEMO-AC-3", version="2.0.1", kind="ac", evses=2, max_power_kw=11,
        location="goteborg-lindholmen", vendor="Kustel", model="Home & Work 11",
        outlets=(_used(BUSY_AC, 3), _used(QUIET_AC, 25)),
    ),
    DemoStation(
        identity="DEMO-DC-1", version="2.0.1", kind="dc", evses=2, max_power_kw=150,
        location="malmo-hyllie", vendor="Fjällström", model="Rapid 150",
        outlets=(_used(BUSY_DC, 2), _used(QUIET_DC, 60)),
    ),
    DemoStation(
        identity="DEMO-DC-2", version="1.6", kind="dc", evses=1, max_power_kw=50,
        location="goteborg-lindholmen", vendor="Kustel", model="Quick 50",
        outlets=(_used(BUSY_DC, 8),),
    ),
    DemoStation(
        identity="DEMO-AC-4", version="1.6", kind="ac", evses=2, max_power_kw=22,
        location="umea-centrum", vendor="Norrbox", model="N2",
        outlets=(_used(QUIET_AC, 15), _used(QUIET_AC, 400)), faults_after_s=75,
    ),
)  # fmt: skip


class DemoFleet:
    """All stations of the demonstration in one event loop."""

    def __init__(self, *, url: str, memory_folder: Path | None = None, seed: int | None = None) -> None:
        self._url, self._folder = url, memory_folder
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._tokens = TokenPool(FLEET_TOKENS, chance=self._chance)
        self.stations: list[ChargingStation] = []
        self._drivers: list[asyncio.Task[None]] = []

    async def run(self, *, until: asyncio.Event) -> None:
        """The fleet lives until the event is set; then running sessions are ended and it disconnects."""
        for entry in DEMO_FLEET:
            self._switch_on(entry)
        await until.wait()
        for driver in self._drivers:  # or one would plug in while the others are sent away
            driver.cancel()
        await asyncio.gather(*self._drivers, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(4):
                await asyncio.gather(*(station.end_all(reason="Reboot") for station in self.stations))
        await asyncio.gather(*(station.close() for station in self.stations))

    def _switch_on(self, entry: DemoStation) -> None:
        memory = Memory(self._folder, entry.identity) if self._folder else None
        station = STATION_CLASSES[entry.version](
            url=self._url, identity=entry.identity, password=DEMO_PASSWORD, kind=entry.kind,
            evses=entry.evses, max_power_kw=entry.max_power_kw, vendor=entry.vendor, model=entry.model,
            backoff=Backoff(first_s=1, most_s=15), journal=Journal(keep=50), memory=memory,
            sample_interval_s=5 if entry.kind == "dc" else 10,
        )  # fmt: skip
        obey_remote_starts(station)
        station.begin()
        self.stations.append(station)
        for number, outlet in enumerate(entry.outlets, start=1):
            drivers = OutletDrivers(
                station, number, habits=outlet.habits, tokens=self._tokens, chance=self._chance
            )
            self._drivers.append(station.spawn(drivers.run(first_after_s=outlet.first_after_s)))
        if entry.faults_after_s is not None:
            faults = fault_now_and_then(station, 2, chance=self._chance, first_after_s=entry.faults_after_s)
            self._drivers.append(station.spawn(faults))
