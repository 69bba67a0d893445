"""One simulated station run by hand: its sessions, told line by line."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from chargeportal.simulation.car import Car
from chargeportal.simulation.car_models import CAR_MODELS, arriving_car
from chargeportal.simulation.charging import ChargingStation, NotAuthorized, NotPossible
from chargeportal.simulation.driver import obey_remote_starts

EXPECTED = (NotAuthorized, NotPossible)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What drivers want: a session ends with the duration, the energy or, without both, a full car.

    The tokens go to the EVSEs in turn: one card cannot charge in two places at once.
    """

    tokens: tuple[str, ...]
    car: str | None = None
    soc_percent: float | None = None
    duration_s: float | None = None
    energy_wh: float | None = None

    def token(self, evse: int) -> str:
        """Return the card of the driver at this EVSE."""
        return self.tokens[(evse - 1) % len(self.tokens)]

    @property
    def expected_s(self) -> float:
        """About how long a session takes: what an accelerated clock must be put back by."""
        if self.duration_s is not None:
            return self.duration_s
        return 7200.0 if self.energy_wh is None else max(600.0, self.energy_wh / 7)


async def run_session(station: ChargingStation, errand: Errand, *, evse: int = 1, say: Say) -> None:
    """A car has come, charged and left.

    Raises: NotAuthorized, NotPossible.
    """
    car = _car(station, errand)
    await station.plug_in(evse, car=car)
    say(f"EVSE {evse}: {car.model.name} plugged in at {car.soc_percent:.0f} %")
    try:
        transaction = await station.start(errand.token(evse), evse=evse)
        say(f"EVSE {evse}: transaction {transaction.ref} of {transaction.id_token}")
        await station.charge(evse=evse, duration_s=errand.duration_s, energy_wh=errand.energy_wh)
    finally:
        if station.evses[evse].transaction:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    ended = await station.stop(evse, token=errand.token(evse))
                    say(f"EVSE {evse}: {ended.energy_wh:.0f} Wh until {ended.ended_at:%Y-%m-%d %H:%M:%S} UTC")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await station.unplug(evse)


async def run_once(station: ChargingStation, errand: Errand, *, say: Say) -> None:
    """One session has taken place on every EVSE, at the same time, with everything acknowledged.

    Raises: NeverReady, NotAuthorized, NotPossible, TimeoutError.
    """
    async with station:
        say(f"{station.identity} is connected with OCPP {station.version}")
        async with asyncio.TaskGroup() as sessions:
            for number in station.evses:
                sessions.create_task(run_session(station, errand, evse=number, say=say))
        await station.flushed()


async def run_forever(station: ChargingStation, errand: Errand, *, pause_s: float, say: Say) -> None:
    """Sessions follow one another on every EVSE, and remote starts are obeyed, until cancelled."""
    obey_remote_starts(station)

    async def keep_busy(number: int) -> None:
        while True:
            await station.ready.wait()
            if station.evses[number].can_start:
                with contextlib.suppress(*EXPECTED):
                    await run_session(station, errand, evse=number, say=say)
            await station.clock.sleep(station.chance.uniform(0.5, 1.5) * pause_s)

    async with station:
        say(f"{station.identity} is connected with OCPP {station.version}")
        await asyncio.gather(*(keep_busy(number) for number in station.evses))


def _car(station: ChargingStation, errand: Errand) -> Car:
    car = arriving_car(station.chance, dc=station.kind == "dc")
    if errand.car:
        car.model = CAR_MODELS[errand.car]
    if errand.soc_percent is not None:
        car.soc_percent = errand.soc_percent
        car.target_soc_percent = max(car.target_soc_percent, min(100.0, errand.soc_percent + 10))
    return car
