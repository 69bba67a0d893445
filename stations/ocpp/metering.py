"""From sampled values to one `MeterReading` for each time and context, in normalised units.

The rules are those of the OCPP texts and of meters in the field (docs/ocpp.md, "Meter values"): a
value without attributes is the import register in Wh; phases are added up for energy and power only
when no total was sent; voltages never; the outlet counts, the inlet only where nothing else is said.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from stations.ocpp.messages import MeterReading
from stations.ocpp.wire import neutral

REGISTER = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
LIMIT = 99_999_999_999.0  # what the columns hold; no meter of a charger gets there

_FIELDS = {
    (REGISTER, ""): "energy_wh",
    (POWER, ""): "power_w",
    ("Power.Offered", ""): "offered_w",
    ("Current.Offered", ""): "offered_a",
    ("SoC", ""): "soc_percent",
    ("Temperature", ""): "temperature_c",
    ("Current.Import", ""): "current_l1_a",
    ("Voltage", ""): "voltage_l1_v",
    **{("Current.Import", f"L{n}"): f"current_l{n}_a" for n in (1, 2, 3)},
    **{("Current.Import", f"L{n}-N"): f"current_l{n}_a" for n in (1, 2, 3)},
    **{("Voltage", f"L{n}"): f"voltage_l{n}_v" for n in (1, 2, 3)},
    **{("Voltage", f"L{n}-N"): f"voltage_l{n}_v" for n in (1, 2, 3)},
}
_SUMMED = {REGISTER: "energy_wh", POWER: "power_w", "Power.Offered": "offered_w"}
_PHASE_SETS = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))
_FACTORS = {
    "kWh": 1000.0,
    "kW": 1000.0,
    "kvarh": 1000.0,
    "kvar": 1000.0,
    "kVA": 1000.0,
    "MWh": 1e6,
    "mA": 0.001,
}
_TO_CELSIUS = {"K": lambda t: t - 273.15, "Fahrenheit": lambda t: (t - 32) * 5 / 9}
_CONTEXTS = {"Sample.Periodic": "sample_periodic", "": "sample_periodic"}


class Sample(NamedTuple):
    """One sampled value of either version: attributes in the wire's spelling, "" where not sent."""

    value: Any
    context: str = ""
    measurand: str = REGISTER
    phase: str = ""
    location: str = ""
    unit: str = ""
    multiplier: int = 0
    signed: dict[str, Any] | None = None


def readings(sampled_at: datetime, samples: Iterable[Sample], flags: list[str]) -> list[MeterReading]:
    """Return one reading for each context among `samples`, in order of appearance."""
    found: dict[str, MeterReading] = {}
    phases: dict[str, dict[tuple[str, str], float]] = {}
    inlets: list[tuple[Sample, float]] = []
    for sample in samples:
        context = sample[1]
        reading = found.get(context)
        if reading is None:
            words = _CONTEXTS.get(context) or neutral(context)[:24]
            reading = found[context] = MeterReading(sampled_at=sampled_at, context=words)
        if sample[7] is not None:
            reading.extra.setdefault("signed", []).append(sample[7])
        value = normalised(sample, flags)
        if value is None:
            continue
        if sample[4] == "Inlet":
            inlets.append((sample, value))
        else:
            _place(reading, sample, value, phases.setdefault(context, {}))
    for sample, value in inlets:
        _place_inlet(found[sample[1]], sample, value, phases.setdefault(sample[1], {}))
    for context, parts in phases.items():
        if parts:
            _add_up(found[context], parts)
    return list(found.values())


def normalised(sample: Sample, flags: list[str]) -> float | None:
    """Return the value in Wh, W, A, V, °C, or None when it is no number (flagged, or signed data)."""
    raw, unit = sample[0], sample[5]
    if raw is None:
        return None
    try:
        value = float(raw)
    except (TypeError, ValueError):
        return _bad(flags)
    factor = _FACTORS.get(unit)
    if factor:
        value = round(value * factor, 6)
    if sample[6]:
        value = round(value * 10.0 ** max(-12, min(12, sample[6])), 6)
    if unit in _TO_CELSIUS:
        value = round(_TO_CELSIUS[unit](value), 3)
    return value if -LIMIT < value < LIMIT else _bad(flags)


def _bad(flags: list[str]) -> None:
    if "bad_sample" not in flags:
        flags.append("bad_sample")


def _place(reading: MeterReading, sample: Sample, value: float, phases: dict[tuple[str, str], float]) -> None:
    measurand, phase = sample[2], sample[3]
    field = _FIELDS.get((measurand, phase))
    if field is None:
        reading.extra[_name(sample)] = value
        if measurand in _SUMMED:
            phases[measurand, phase] = value
    elif getattr(reading, field) is None:
        setattr(reading, field, value)
    else:
        reading.extra.setdefault(_name(sample), value)


def _place_inlet(
    reading: MeterReading, sample: Sample, value: float, phases: dict[tuple[str, str], float]
) -> None:
    """What was measured on the grid side is used only where the outlet says nothing."""
    field = _FIELDS.get((sample[2], sample[3])) or _SUMMED.get(sample[2])
    if field is None or getattr(reading, field) is not None or any(key[0] == sample[2] for key in phases):
        reading.extra[_name(sample)] = value
    else:
        _place(reading, sample, value, phases)


def _add_up(reading: MeterReading, parts: dict[tuple[str, str], float]) -> None:
    for measurand, field in _SUMMED.items():
        if getattr(reading, field) is not None:
            continue
        for names in _PHASE_SETS:
            values = [parts[measurand, name] for name in names if (measurand, name) in parts]
            if values:
                setattr(reading, field, round(sum(values), 6))
                break


def _name(sample: Sample) -> str:
    phase = f"/{sample[3]}" if sample[3] else ""
    location = f"@{sample[4]}" if sample[4] and sample[4] != "Outlet" else ""
    return f"{sample[2]}{phase}{location}"[:120]
