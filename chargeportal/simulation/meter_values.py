"""What a reading looks like in OCPP: the measurands, phases and units that real chargers send."""

from collections.abc import Iterator
from dataclasses import dataclass

from chargeportal.simulation.evse import Reading


@dataclass(frozen=True, slots=True)
class Value:
    """One sampled value, in words that 1.6 and 2.0.1 share."""

    measurand: str
    value: float
    unit: str
    decimals: int
    phase: str | None = None
    location: str = "Outlet"

    @property
    def number(self) -> float | int:
        """The value as shown by the meter, whole where it is whole."""
        rounded = round(float(self.value), self.decimals)
        return int(rounded) if rounded.is_integer() else rounded

    @property
    def text(self) -> str:
        """The same as 1.6 writes it."""
        return str(self.number)


def values_of(reading: Reading) -> Iterator[Value]:
    """Yield everything the reading knows."""
    yield Value("Energy.Active.Import.Register", reading.energy_wh, "Wh", 3)
    if reading.power_w is not None:
        yield Value("Power.Active.Import", reading.power_w, "W", 1)
    yield from _phases("Current.Import", reading.current_a, "A", 2, is_dc=reading.is_dc)
    yield from _phases("Voltage", reading.voltage_v, "V", 1, is_dc=reading.is_dc)
    if reading.offered_a is not None:
        yield Value("Current.Offered", reading.offered_a, "A", 1)
    if reading.offered_w is not None and reading.is_dc:
        yield Value("Power.Offered", reading.offered_w, "W", 0)
    if reading.soc_percent is not None:
        yield Value("SoC", reading.soc_percent, "Percent", 0, location="EV")
    if reading.temperature_c is not None:
        yield Value("Temperature", reading.temperature_c, "Celsius", 1, location="Body")


def _phases(
    measurand: str, values: tuple[float, float, float] | None, unit: str, decimals: int, *, is_dc: bool
) -> Iterator[Value]:
    if values is None:
        return
    if is_dc:
        yield Value(measurand, values[0], unit, decimals)
        return
    suffix = "-N" if measurand == "Voltage" else ""
    for phase, value in zip(("L1", "L2", "L3"), values, strict=True):
        yield Value(measurand, value, unit, decimals, phase=phase + suffix)
