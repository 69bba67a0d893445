"""The state of an EVSE and of the transaction on it, as the station keeps them."""

import asyncio
import math
import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from chargeportal.simulation.car import Car
from chargeportal.simulation.meter import Phases
from chargeportal.simulation.outlet import Kind, Outlet

#: OCPP 1.6 statuses in which a car may be plugged in and a transaction started.
FREE = ("Available", "Preparing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a message reports of the meter. Fields that are None are not reported."""

    sampled_at: datetime
    energy_wh: float
    power_w: float | None = None
    current_a: Phases | None = None
    voltage_v: Phases | None = None
    offered_a: float | None = None
    offered_w: float | None = None
    soc_percent: float | None = None
    temperature_c: float | None = None
    is_dc: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class Transaction:
    """One transaction. `ref` is known to the server: in OCPP 1.6 only once it has answered the start."""

    evse_number: int
    id_token: str
    started_at: datetime
    meter_start_wh: float
    remote_start_id: int | None = None
    ref: int | str | None = None
    verdict: str = ""
    is_exact: bool = False
    charging_state: str = "EVConnected"
    seq_no: int = 0
    stop_reason: str = ""
    ended_at: datetime | None = None
    last: Reading
    over: asyncio.Event = field(default_factory=asyncio.Event)
    key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def energy_wh(self) -> float:
        """What the car has got so far."""
        return self.last.energy_wh - self.meter_start_wh

    def next_seq_no(self) -> int:
        """Return the number of the next 2.x event."""
        self.seq_no += 1
        return self.seq_no - 1


class Evse:
    """One EVSE: the outlet, what it last told the server, and the transaction on it.

    `status` is in the words of OCPP 1.6, which say more; 2.x stations tell a coarser one.
    """

    def __init__(
        self, number: int, *, kind: Kind, max_power_w: float, register_wh: float, chance: random.Random,
        now: datetime,
    ) -> None:  # fmt: skip
        self.number = number
        self.outlet = Outlet(kind=kind, max_power_w=max_power_w, register_wh=register_wh, chance=chance)
        self.status = "Available"
        self.status_at = now
        self.error_code = "NoError"
        self.info = ""
        self.told: tuple[str, str] | None = None
        self.is_operative = True
        self.becomes_operative: bool | None = None
        self.transaction: Transaction | None = None
        self.awaits_remote_start = False
        self.plugged = asyncio.Event()
        self._advanced_at = now

    @property
    def car(self) -> Car | None:
        """The car that is plugged in."""
        return self.outlet.car

    @property
    def is_faulted(self) -> bool:
        """Whether a fault keeps it from working."""
        return self.error_code != "NoError"

    @property
    def can_start(self) -> bool:
        """Whether a transaction could be started here, perhaps after plugging in."""
        return (
            self.is_operative and not self.is_faulted and not self.awaits_remote_start
            and self.transaction is None and self.status in FREE
        )  # fmt: skip

    def plug_in(self, car: Car, *, now: datetime) -> None:
        """The car's cable is in."""
        self.outlet.car = car
        self._advanced_at = now
        self.plugged.set()

    def unplug(self) -> None:
        """No cable is in."""
        self.outlet.open()
        self.outlet.car = None
        self.plugged.clear()

    def advance_to(self, now: datetime) -> None:
        """Everything that flowed until `now` is counted."""
        self.outlet.advance(max(0.0, (now - self._advanced_at).total_seconds()))
        self._advanced_at = max(now, self._advanced_at)

    def read(self, now: datetime) -> Reading:
        """Return what the meter shows at `now`: whole Wh, as most meters do."""
        self.advance_to(now)
        seen = self.outlet.read()
        measured = seen.measured
        return Reading(
            sampled_at=now, energy_wh=math.floor(measured.energy_wh), power_w=round(measured.power_w),
            current_a=measured.current_a, voltage_v=measured.voltage_v,
            offered_a=seen.offered_a, offered_w=seen.offered_w, soc_percent=seen.soc_percent,
            temperature_c=seen.temperature_c, is_dc=self.outlet.kind == "dc",
        )  # fmt: skip

    def resting_status(self) -> str:
        """Return what it is when no transaction runs."""
        if self.is_faulted:
            return "Faulted"
        if not self.is_operative:
            return "Unavailable"
        return "Preparing" if self.plugged.is_set() else "Available"
