"""From sampled values to one `MeterReading` for each time and context, in normalised units.

The rules are those of the OCPP texts and of meters in the field (docs/ocpp.md, "Meter values"): a
value without attributes is the import register in Wh; phases are added up for energy and power only
when no total was sent; voltages never; the outlet counts, the inlet only where nothing else is said.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from stations.ocpp.messages import MeterReading
from stations.ocpp.wire import neutral, read_time

REGISTER = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
LIMIT = 99_999_999_999.0  # what the columns hold; no meter of a charger gets there
MAX_SAMPLES = 4_000  # in one message; more than a frame of the largest size holds of real ones
MAX_CONTEXTS = 50  # at one time; the standard knows eight
_EVERYWHERE = (-LIMIT, LIMIT)
#: What a meter of a charging station can show; what lies outside is kept apart, never charted or billed.
_BOUNDS = {
    "power_w": (-1e8, 1e8),
    "offered_w": (-1e8, 1e8),
    "soc_percent": (0.0, 100.0),
    "temperature_c": (-273.15, 1_000.0),
    **{f"{name}_a": (-1e5, 1e5) for name in ("offered", "current_l1", "current_l2", "current_l3")},
    **{f"voltage_l{n}_v": (-1e5, 1e5) for n in (1, 2, 3)},
}

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
_WORDS = (
    *(word for words in _FIELDS for word in words), *_SUMMED, *_FACTORS, *_TO_CELSIUS,
    "Wh", "W", "A", "V", "varh", "var", "VA", "Percent", "Celsius", "Inlet", "Outlet", "Raw", "SignedData",
    "Interruption.Begin", "Interruption.End", "Other", "Sample.Clock", "Sample.Periodic",
    "Transaction.Begin", "Transaction.End", "Trigger",
)  # fmt: skip
#: The standard's spelling by the word in lower case; the measurands are those that have a field.
SPELLINGS = {word.casefold(): word for word in _WORDS} | {"celcius": "Celsius"}


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


def readings_of(
    meter_values: Sequence[dict[str, Any]],
    now: datetime,
    flags: list[str],
    *,
    read: Callable[[dict[str, Any]], Sample],
    unit_of: Callable[[dict[str, Any]], str | None],
) -> tuple[MeterReading, ...]:
    """Return the readings of a message's `meterValue`; `read` and `unit_of` as in `readings`."""
    found: list[MeterReading] = []
    left = MAX_SAMPLES
    for value in meter_values:
        if not value:
            continue
        samples = value.get("sampledValue", ())
        if len(samples) > left:
            _bad(flags)
            samples = samples[:left]
        left -= len(samples)
        sampled_at = read_time(value.get("timestamp"), now=now, flags=flags)
        found.extend(readings(sampled_at, samples, flags, read=read, unit_of=unit_of))
    return tuple(found)


def readings(
    sampled_at: datetime,
    sampled_values: Sequence[dict[str, Any]],
    flags: list[str],
    *,
    read: Callable[[dict[str, Any]], Sample],
    unit_of: Callable[[dict[str, Any]], str | None],
) -> list[MeterReading]:
    """Return one reading for each context among the sampled values, in order of appearance.

    `read` takes a sampled value of the version apart; `unit_of` returns its unit, "" for none, or
    None when the value needs more care than a unit.
    """
    plain = _plain_reading(sampled_at, sampled_values, unit_of)
    if plain is not None:
        return [plain]
    return _careful_readings(sampled_at, [read(value) for value in sampled_values if value], flags)


def _plain_reading(
    sampled_at: datetime,
    sampled_values: Sequence[dict[str, Any]],
    unit_of: Callable[[dict[str, Any]], str | None],
) -> MeterReading | None:
    """Return the reading when every value simply belongs to a field of its own, as nearly all do.

    None sends the values the careful way, which costs four times as much.
    """
    context: str | None = None
    fields: dict[str, Any] = {}
    for sampled in sampled_values:
        get = sampled.get
        said = get("context", "")
        unit = unit_of(sampled)
        if unit is None or (context is not None and said != context):
            return None
        context = said
        plan = _plan(get("measurand", REGISTER), get("phase", ""), get("location", ""), unit)
        if plan is None or plan[0] in fields:
            return None
        try:
            value = float(sampled["value"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        if plan[1] != 1.0:
            value = round(value * plan[1], 6)
        if not plan[2] <= value <= plan[3]:
            return None
        fields[plan[0]] = value
    if context is None:
        return None
    return MeterReading(sampled_at, _CONTEXTS.get(context) or neutral(context)[:24], **fields)


@lru_cache(maxsize=4096)
def _plan(measurand: str, phase: str, location: str, unit: str) -> tuple[str, float, float, float] | None:
    """Return the field, factor and bounds for a value that needs no thought, None for others."""
    field = _FIELDS.get((measurand, phase))
    if field is None or location == "Inlet" or unit in _TO_CELSIUS:
        return None
    return field, _FACTORS.get(unit, 1.0), *_BOUNDS.get(field, _EVERYWHERE)


def _careful_readings(sampled_at: datetime, samples: list[Sample], flags: list[str]) -> list[MeterReading]:
    found: dict[str, MeterReading] = {}
    phases: dict[str, dict[tuple[str, str], float]] = {}
    inlets: list[tuple[Sample, float]] = []
    for sample in samples:
        context = sample.context
        reading = found.get(context)
        if reading is None:
            if len(found) == MAX_CONTEXTS:
                _bad(flags)
                continue
            words = _CONTEXTS.get(context) or neutral(context)[:24]
            reading = found[context] = MeterReading(sampled_at=sampled_at, context=words)
        if sample.signed is not None:
            reading.extra.setdefault("signed", []).append(sample.signed)
        value = normalised(sample, flags)
        if value is None:
            continue
        if sample.location == "Inlet":
            inlets.append((sample, value))
        else:
            _place(reading, sample, value, phases.setdefault(context, {}), flags)
    for sample, value in inlets:
        _place_inlet(found[sample.context], sample, value, phases.setdefault(sample.context, {}), flags)
    for context, parts in phases.items():
        if parts:
            _add_up(found[context], parts, flags)
    return list(found.values())


def normalised(sample: Sample, flags: list[str]) -> float | None:
    """Return the value in Wh, W, A, V, °C, or None when it is no number (flagged, or signed data)."""
    raw, unit = sample.value, sample.unit
    if raw is None:
        return None
    try:
        value = float(raw)
    except (TypeError, ValueError, OverflowError):
        return _bad(flags)
    factor = _FACTORS.get(unit)
    if factor:
        value = round(value * factor, 6)
    if sample.multiplier:
        value = round(value * 10.0 ** max(-12, min(12, sample.multiplier)), 6)
    if unit in _TO_CELSIUS:
        value = round(_TO_CELSIUS[unit](value), 3)
    return value if -LIMIT < value < LIMIT else _bad(flags)


def _is_credible(field: str, value: float, flags: list[str]) -> bool:
    low, high = _BOUNDS.get(field, _EVERYWHERE)
    if not low <= value <= high:
        _bad(flags)
        return False
    return True


def _bad(flags: list[str]) -> None:
    if "bad_sample" not in flags:
        flags.append("bad_sample")


def _place(
    reading: MeterReading,
    sample: Sample,
    value: float,
    phases: dict[tuple[str, str], float],
    flags: list[str],
) -> None:
    measurand, phase = sample.measurand, sample.phase
    field = _FIELDS.get((measurand, phase))
    if field is None:
        reading.extra[_name(sample)] = value
        if measurand in _SUMMED:
            phases[measurand, phase] = value
    elif getattr(reading, field) is None and _is_credible(field, value, flags):
        setattr(reading, field, value)
    else:
        reading.extra.setdefault(_name(sample), value)


def _place_inlet(
    reading: MeterReading,
    sample: Sample,
    value: float,
    phases: dict[tuple[str, str], float],
    flags: list[str],
) -> None:
    """What was measured on the grid side is used only where the outlet says nothing."""
    field = _FIELDS.get((sample.measurand, sample.phase)) or _SUMMED.get(sample.measurand)
    if (
        field is None
        or getattr(reading, field) is not None
        or any(key[0] == sample.measurand for key in phases)
    ):
        reading.extra[_name(sample)] = value
    else:
        _place(reading, sample, value, phases, flags)


def _add_up(reading: MeterReading, parts: dict[tuple[str, str], float], flags: list[str]) -> None:
    for measurand, field in _SUMMED.items():
        if getattr(reading, field) is not None:
            continue
        for names in _PHASE_SETS:
            values = [parts[measurand, name] for name in names if (measurand, name) in parts]
            if values:
                total = round(sum(values), 6)
                if _is_credible(field, total, flags):
                    setattr(reading, field, total)
                break


def _name(sample: Sample) -> str:
    phase = f"/{sample.phase}" if sample.phase else ""
    location = f"@{sample.location}" if sample.location and sample.location != "Outlet" else ""
    return f"{sample.measurand}{phase}{location}"[:120]
