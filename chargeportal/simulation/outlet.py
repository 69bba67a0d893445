"""An outlet: its meter, the car plugged in, and what flows between them. No I/O, no clock."""

import random
from dataclasses import dataclass
from typing import Literal

from chargeportal.simulation.car import Car
from chargeportal.simulation.meter import NO_CURRENT, Measured, Meter

Kind = Literal["ac", "dc"]
_STEP_S = 5.0
_NOMINAL_V = 230.0


@dataclass(frozen=True, slots=True)
class OutletReading:
    """The meter and what the station knows beside it. `soc_percent` is told only over a DC cable."""

    measured: Measured
    offered_a: float
    offered_w: float
    soc_percent: float | None
    temperature_c: float


class Outlet:
    """The physical half of an EVSE."""

    def __init__(self, *, kind: Kind, max_power_w: float, register_wh: float, chance: random.Random) -> None:
        self.kind = kind
        self.max_power_w = max_power_w
        self.meter = Meter(register_wh=register_wh, chance=chance)
        self.car: Car | None = None
        self._inside_c = chance.uniform(14.0, 19.0)
        self._offering = False

    @property
    def offered_w(self) -> float:
        """What the car may take now."""
        return self.max_power_w if self._offering else 0.0

    @property
    def offered_a(self) -> float:
        """The same as a current: of a phase at AC, of the battery at DC."""
        if self.kind == "dc":
            return self.offered_w / (self.car.battery_v if self.car else 400.0)
        return self.offered_w / (3 * _NOMINAL_V)

    @property
    def is_drawing(self) -> bool:
        """Whether a car is taking energy, or would in the next moment."""
        return self._offering and self.car is not None and self.car.wants_energy

    def close(self) -> None:
        """The contactor is closed: a car that wants energy gets it."""
        self._offering = True

    def open(self) -> None:
        """The contactor is open: nothing flows, and the meter shows it."""
        self._offering = False
        self.advance(0.0)

    def advance(self, duration_s: float) -> None:
        """`duration_s` have passed, with everything that flowed."""
        remaining_s = duration_s
        while True:
            step_s = min(_STEP_S, remaining_s)
            self._step(step_s)
            remaining_s -= step_s
            if remaining_s <= 0:
                return

    def read(self) -> OutletReading:
        """Return what the station can report at this moment."""
        soc_percent = self.car.soc_percent if self.car and self.kind == "dc" else None
        return OutletReading(
            self.meter.read(), self.offered_a, self.offered_w, soc_percent, round(self._inside_c, 1)
        )

    def _step(self, duration_s: float) -> None:
        car = self.car
        if car is None or not self.is_drawing:
            self._idle(duration_s)
        elif self.kind == "dc":
            power_w = car.dc_power_w(self.offered_w)
            energy_wh = self.meter.count_dc(power_w, battery_v=car.battery_v, duration_s=duration_s)
            car.take_dc(energy_wh, duration_s=duration_s)
        else:
            energy_wh = self.meter.count_ac(car.ac_currents_a(self.offered_a), duration_s=duration_s)
            car.take_ac(energy_wh, duration_s=duration_s)
        self._warm(duration_s)

    def _idle(self, duration_s: float) -> None:
        if self.car:
            self.car.rest()
        if self.kind == "dc":
            battery_v = self.car.battery_v if self.car else 400.0
            self.meter.count_dc(0.0, battery_v=battery_v, duration_s=duration_s)
        else:
            self.meter.count_ac(NO_CURRENT, duration_s=duration_s)

    def _warm(self, duration_s: float) -> None:
        """The cabinet tends towards a temperature that grows with the load, within some minutes."""
        goal_c = 16.0 + 22.0 * min(1.0, self.meter.read().power_w / self.max_power_w)
        self._inside_c += (goal_c - self._inside_c) * min(1.0, duration_s / 600)
