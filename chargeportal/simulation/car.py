"""Cars that charge: how much they take, and when they have had enough. No I/O, no clock."""

import itertools
from dataclasses import dataclass, field

#: Below this a car must not draw (IEC 61851): a lower offer is a pause.
MIN_CURRENT_A = 6.0
_AC_EFFICIENCY = 0.91
_DC_EFFICIENCY = 0.96
_AC_RAMP_S = 8.0
_DC_RAMP_S = 40.0
_AC_TAPER_FROM_PERCENT = 96.0
_HEAT_CAPACITY_J_PER_K_WH = 5.5
_HEAT_SHARE = 0.1  # losses and the battery heater
#: Share of the warm power that a battery of this temperature (°C) takes.
_COLD = ((-15.0, 0.25), (0.0, 0.45), (10.0, 0.75), (20.0, 1.0))

Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarModel:
    """A kind of car. `dc_curve` is (state of charge %, most power W) of a warm battery; empty: no DC."""

    name: str
    battery_wh: float
    ac_phases: int
    ac_max_a: float
    dc_curve: Curve = ()
    empty_v: float = 320.0
    full_v: float = 400.0

    @property
    def takes_dc(self) -> bool:
        """Whether it can charge at a DC outlet."""
        return bool(self.dc_curve)


@dataclass(slots=True, kw_only=True)
class Car:
    """One car at an outlet. It pauses by itself at `target_soc_percent`."""

    model: CarModel
    soc_percent: float = 35.0
    target_soc_percent: float = 80.0
    battery_c: float = 20.0
    drawing_s: float = field(default=0.0)

    @property
    def wants_energy(self) -> bool:
        """Whether it would take energy if it were offered."""
        return self.soc_percent < self.target_soc_percent

    @property
    def battery_v(self) -> float:
        """The battery's voltage, rising with its charge."""
        return self.model.empty_v + (self.model.full_v - self.model.empty_v) * self.soc_percent / 100

    def ac_currents_a(self, offered_a: float, *, phases: int = 3) -> tuple[float, float, float]:
        """Return what it draws on L1, L2 and L3 when `offered_a` is offered on `phases` phases."""
        if offered_a < MIN_CURRENT_A or not self.wants_energy:
            return (0.0, 0.0, 0.0)
        current_a = min(offered_a, self.model.ac_max_a) * self._ac_taper() * _ramp(self.drawing_s, _AC_RAMP_S)
        used = min(phases, self.model.ac_phases)
        first, second, third = (current_a if phase < used else 0.0 for phase in range(3))
        return (first, second, third)

    def dc_power_w(self, offered_w: float) -> float:
        """Return what it draws when `offered_w` is offered."""
        if not self.model.takes_dc or not self.wants_energy:
            return 0.0
        most_w = interpolate(self.model.dc_curve, self.soc_percent) * interpolate(_COLD, self.battery_c)
        return min(offered_w, most_w) * _ramp(self.drawing_s, _DC_RAMP_S)

    def take_ac(self, energy_wh: float, *, duration_s: float) -> None:
        """The battery has what is left of `energy_wh` behind the on-board charger."""
        self._store(energy_wh * _AC_EFFICIENCY, duration_s)

    def take_dc(self, energy_wh: float, *, duration_s: float) -> None:
        """The battery has what is left of `energy_wh` behind its own losses, and is warmer."""
        self._store(energy_wh * _DC_EFFICIENCY, duration_s)
        heat_j = energy_wh * 3600 * _HEAT_SHARE
        warmer_k = heat_j / (_HEAT_CAPACITY_J_PER_K_WH * self.model.battery_wh)
        self.battery_c = min(45.0, self.battery_c + warmer_k)

    def rest(self) -> None:
        """Nothing flows: the next charging ramps up from zero again."""
        self.drawing_s = 0.0

    def _store(self, energy_wh: float, duration_s: float) -> None:
        self.drawing_s += duration_s
        self.soc_percent = min(100.0, self.soc_percent + 100 * energy_wh / self.model.battery_wh)

    def _ac_taper(self) -> float:
        over = max(0.0, self.soc_percent - _AC_TAPER_FROM_PERCENT) / (100 - _AC_TAPER_FROM_PERCENT)
        return 1 - 0.8 * over


def interpolate(curve: Curve, x: float) -> float:
    """Return the curve's value at `x`, straight between its points and level outside them."""
    if x <= curve[0][0]:
        return curve[0][1]
    for (left, low), (right, high) in itertools.pairwise(curve):
        if x <= right:
            return low + (high - low) * (x - left) / (right - left)
    return curve[-1][1]


def _ramp(elapsed_s: float, ramp_s: float) -> float:
    return min(1.0, 0.1 + 0.9 * elapsed_s / ramp_s)
