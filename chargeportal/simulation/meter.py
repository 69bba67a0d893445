"""The energy meter of an outlet: a register that only grows, and voltages like a real grid's. No I/O."""

import random
from dataclasses import dataclass

_NOMINAL_V = 231.0
_LOWEST_V = 226.0
_HIGHEST_V = 236.0
_POWER_FACTOR = 0.99
_POWER_FACTOR_IDLE_LOSS = 0.25

Phases = tuple[float, float, float]
NO_CURRENT: Phases = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the meter shows at one moment."""

    energy_wh: float
    power_w: float
    current_a: Phases
    voltage_v: Phases
    power_factor: float


class Meter:
    """Counts what flows. Its noise comes from `chance`, so the same seed gives the same session."""

    def __init__(self, *, register_wh: float = 0.0, chance: random.Random | None = None) -> None:
        self.register_wh = register_wh
        self._chance = chance or random.Random(0)  # noqa: S311 - no secret
        self._voltage_v = [_NOMINAL_V + self._chance.uniform(-2.5, 2.5) for _ in range(3)]
        self._last = Measured(register_wh, 0.0, NO_CURRENT, self._voltages(), 1.0)

    def count_ac(self, current_a: Phases, *, duration_s: float) -> float:
        """The register has grown by what these currents carried; returns the energy in Wh."""
        self._drift()
        noisy = tuple(current * self._chance.uniform(0.994, 1.006) for current in current_a)
        noisy_a: Phases = (noisy[0], noisy[1], noisy[2])
        factor = _power_factor(max(noisy_a))
        power_w = factor * sum(u * i for u, i in zip(self._voltage_v, noisy_a, strict=True))
        return self._count(power_w, noisy_a, self._voltages(), factor, duration_s)

    def count_dc(self, power_w: float, *, battery_v: float, duration_s: float) -> float:
        """The register has grown by `power_w` over the time; returns the energy in Wh."""
        noisy_w = power_w * self._chance.uniform(0.996, 1.0)
        current_a = noisy_w / battery_v
        return self._count(noisy_w, (current_a, 0.0, 0.0), (battery_v, 0.0, 0.0), 1.0, duration_s)

    def read(self) -> Measured:
        """Return what the meter shows."""
        last = self._last
        return Measured(self.register_wh, last.power_w, last.current_a, last.voltage_v, last.power_factor)

    def _count(
        self, power_w: float, current_a: Phases, voltage_v: Phases, factor: float, duration_s: float
    ) -> float:
        energy_wh = power_w * duration_s / 3600
        self.register_wh += energy_wh
        self._last = Measured(self.register_wh, power_w, current_a, voltage_v, factor)
        return energy_wh

    def _drift(self) -> None:
        for phase, voltage_v in enumerate(self._voltage_v):
            pull = (_NOMINAL_V - voltage_v) * 0.05
            moved = voltage_v + pull + self._chance.uniform(-0.35, 0.35)
            self._voltage_v[phase] = min(_HIGHEST_V, max(_LOWEST_V, moved))

    def _voltages(self) -> Phases:
        return (self._voltage_v[0], self._voltage_v[1], self._voltage_v[2])


def _power_factor(current_a: float) -> float:
    """Chargers in cars are clean at load and poor at a few ampere."""
    return _POWER_FACTOR - _POWER_FACTOR_IDLE_LOSS * max(0.0, 1 - current_a / 6)
