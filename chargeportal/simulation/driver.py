"""Drivers of the demonstration: they come, charge, leave their cars too long, and go."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from chargeportal.simulation.car_models import arriving_car
from chargeportal.simulation.charging import ChargingStation, NotAuthorized, NotPossible
from chargeportal.simulation.evse import Evse, Transaction

_LONGEST_REMOTE_SESSION_S = 3600.0
#: A car that is full soon is fetched sooner than others, though not at once.
_LONGEST_FULL_S = 600.0
_PLUGGING_S = 3.0
_FAULTS = (
    ("GroundFailure", "Residual current detected"),
    ("HighTemperature", "Contactor above 85 C"),
    ("OverCurrentFailure", "L2 above 34 A"),
    ("ConnectorLockFailure", "Lock motor does not move"),
)


@dataclass(frozen=True, slots=True)
class Habits:
    """How an outlet is used: seconds of stay and of pause between cars, as (least, most)."""

    stay_s: tuple[float, float]
    pause_s: tuple[float, float]
    nearly_full_share: float = 0.25


BUSY_AC = Habits(stay_s=(420, 2400), pause_s=(60, 300))
QUIET_AC = Habits(stay_s=(300, 1200), pause_s=(600, 1500))
BUSY_DC = Habits(stay_s=(300, 1080), pause_s=(40, 200), nearly_full_share=0.15)
QUIET_DC = Habits(stay_s=(240, 900), pause_s=(300, 900), nearly_full_share=0.15)


class TokenPool:
    """The cards of the drivers on the road: one card charges in one place at a time."""

    def __init__(self, tokens: Iterable[str], *, chance: random.Random) -> None:
        self._free = list(tokens)
        self._chance = chance

    def take(self) -> str | None:
        """Return a card that nobody is using, or None."""
        if not self._free:
            return None
        return self._free.pop(self._chance.randrange(len(self._free)))

    def give_back(self, token: str) -> None:
        """The card may be used again."""
        self._free.append(token)


class OutletDrivers:
    """The drivers who use one outlet, one after another, for ever."""

    def __init__(
        self, station: ChargingStation, evse: int, *, habits: Habits, tokens: TokenPool, chance: random.Random
    ) -> None:
        self.station, self.place = station, station.evses[evse]
        self.habits, self.tokens, self.chance = habits, tokens, chance

    async def run(self, *, first_after_s: float) -> None:
        """Sessions take place until cancelled, the first after `first_after_s` seconds."""
        await self.station.clock.sleep(first_after_s)
        while True:
            await self.station.ready.wait()
            if self.place.can_start and self.place.car is None:
                await self._visit()
            await self._wait(self.habits.pause_s)

    async def _visit(self) -> None:
        token = self.tokens.take()
        if token is None:
            return
        try:
            await self._charge_with(token)
        finally:
            self.tokens.give_back(token)

    async def _charge_with(self, token: str) -> None:
        station, number = self.station, self.place.number
        nearly_full = self.chance.random() < self.habits.nearly_full_share
        car = arriving_car(self.chance, dc=station.kind == "dc", nearly_full=nearly_full)
        await station.plug_in(number, car=car)
        await self._wait((1, 3))
        try:
            transaction = await station.start(token, evse=number)
        except NotAuthorized:
            await self._wait((5, 10))
            await station.unplug(number)
        except NotPossible:
            return  # somebody started it remotely: that driver takes the car away
        else:
            stay_s = self.chance.uniform(*self.habits.stay_s)
            duration_s = min(stay_s, _LONGEST_FULL_S) if nearly_full else stay_s
            await stay(station, transaction, duration_s=duration_s)

    async def _wait(self, span_s: tuple[float, float]) -> None:
        await self.station.clock.sleep(self.chance.uniform(*span_s))


async def stay(station: ChargingStation, transaction: Transaction, *, duration_s: float) -> None:
    """The car has charged, or been paused, for the duration or until stopped, and has left."""
    number = transaction.evse_number
    await station.charge(evse=number, duration_s=duration_s)
    if not transaction.over.is_set():
        await station.stop(number, token=transaction.id_token)
    await station.clock.sleep(station.chance.uniform(4, 15))
    await station.unplug(number)


def obey_remote_starts(station: ChargingStation) -> None:
    """A remote start on a free outlet brings a car within seconds, which stays for up to an hour."""

    async def arrive(place: Evse) -> None:
        await station.clock.sleep(_PLUGGING_S)
        if place.car is None:
            await station.plug_in(place.number)

    async def charge(transaction: Transaction) -> None:
        await stay(station, transaction, duration_s=_LONGEST_REMOTE_SESSION_S)

    station.on_remote_start, station.on_transaction = arrive, charge


async def fault_now_and_then(
    station: ChargingStation, evse: int, *, chance: random.Random, first_after_s: float
) -> None:
    """The outlet breaks down and recovers, again and again, until cancelled."""
    await station.clock.sleep(first_after_s)
    while True:
        error_code, info = chance.choice(_FAULTS)
        await station.fault(evse, error_code=error_code, info=info)
        await station.clock.sleep(chance.uniform(45, 150))
        await station.clear_fault(evse)
        await station.clock.sleep(chance.uniform(240, 600))
