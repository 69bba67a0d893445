"""Readings of a message with too much wrong in it to mend one objection after another.

What has the form of a sampled value is kept, what has not is left out; words are brought into the
standard's spelling, so that "kwh" is not read as Wh.
"""

from itertools import islice
from typing import Any

from stations.ocpp.metering import MAX_SAMPLES, SPELLINGS

FIELDS = frozenset({"meterValue", "transactionData"})
_WORDS = ("context", "measurand", "phase", "location", "unit", "format")


def well_formed(meter_values: Any) -> list[dict[str, Any]]:
    """Return the meter values that the translations can read, at most `MAX_SAMPLES` samples in all."""
    found, left = [], MAX_SAMPLES
    for value in islice(_objects(meter_values), MAX_SAMPLES):
        samples = [_sample(each) for each in islice(_objects(value.get("sampledValue")), left)]
        left -= len(samples)
        kept: dict[str, Any] = {"sampledValue": samples}
        if value.get("timestamp") is not None:
            kept["timestamp"] = value["timestamp"]
        found.append(kept)
    return found


def _objects(value: Any) -> Any:
    if type(value) is dict:
        return (value,)
    return (each for each in value if type(each) is dict) if type(value) is list else ()


def _sample(sampled: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    if type(sampled.get("value")) in (str, int, float):
        kept["value"] = sampled["value"]
    for name in _WORDS:
        word = sampled.get(name)
        if type(word) is str:
            kept[name] = SPELLINGS.get(word.strip().casefold(), word)
    unit = sampled.get("unitOfMeasure")
    if type(unit) is dict:
        kept["unitOfMeasure"] = _unit(unit)
    if type(sampled.get("signedMeterValue")) is dict:
        kept["signedMeterValue"] = sampled["signedMeterValue"]
    return kept


def _unit(unit: dict[str, Any]) -> dict[str, Any]:
    word, multiplier = unit.get("unit"), unit.get("multiplier")
    return {
        "unit": SPELLINGS.get(word.strip().casefold(), word) if type(word) is str else "",
        "multiplier": multiplier if type(multiplier) in (int, float) else 0,
    }
