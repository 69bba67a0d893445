"""Being liberal in what we take: repairs for the deviations that real stations ship with.

Runs only when the schema objects. What can be repaired is repaired and flagged. In messages of a
transaction nothing but an unusable essential is a reason to refuse: a station repeats a refused one
until its queue is full (OCPP 1.6 §4.8), and the energy in it would never be billed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import orjson

from stations.ocpp import lenient_readings
from stations.ocpp.validation import violation_of

_SPELLINGS = {"Celcius": "Celsius", "celcius": "Celsius"}
_MAX_PASSES = 4
#: A larger payload can call forth thousands of objections, and each costs as much as a whole message.
MAX_REPAIRED_BYTES = 5_000
_MAX_PART_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may be wrong in an action.

    `strict`: nothing may. `transaction`: anything may, except in the `essential` paths. Otherwise
    what can be repaired may, `optional` fields may be absent, and `any_word` fields may have values
    outside the standard's list.
    """

    strict: bool = False
    transaction: bool = False
    essential: frozenset[tuple[str, ...]] = frozenset()
    optional: frozenset[str] = frozenset()
    any_word: frozenset[str] = frozenset()


STRICT = Tolerance(strict=True)
REPAIR = Tolerance()


def repair(
    payload: dict[str, Any], *, validator: jsonschema_rs.Validator, tolerance: Tolerance, flags: list[str]
) -> dict[str, Any]:
    """Return a payload that can be translated, with what was wrong added to `flags`.

    Raises `errors.Violation` when it is beyond repair.
    """
    written = orjson.dumps(payload)
    if len(written) > MAX_REPAIRED_BYTES:
        return _repair_large(payload, validator, tolerance, flags)
    if tolerance.strict:
        raise violation_of(list(validator.iter_errors(payload)))
    return _repair(orjson.loads(written), validator, tolerance, flags)


def _repair(
    mended: dict[str, Any], validator: jsonschema_rs.Validator, tolerance: Tolerance, flags: list[str]
) -> dict[str, Any]:
    for _ in range(_MAX_PASSES):
        before = repr(mended)
        refused = [
            each for each in validator.iter_errors(mended) if not _mend(mended, each, tolerance, flags)
        ]
        if refused:
            raise violation_of(refused)
        if repr(mended) == before:  # what is left is tolerated as it is
            break
    return mended


def _repair_large(
    payload: dict[str, Any], validator: jsonschema_rs.Validator, tolerance: Tolerance, flags: list[str]
) -> dict[str, Any]:
    """Repair without asking the schema about every reading: they are taken as far as they can be read."""
    if not tolerance.transaction:
        raise violation_of([_first_objection(validator, payload)])
    rest = {name: value for name, value in payload.items() if name not in lenient_readings.FIELDS}
    mended = _repair(_of_small_parts(rest, levels=1), validator, tolerance, flags)
    for field in lenient_readings.FIELDS & payload.keys():
        mended[field] = lenient_readings.well_formed(payload[field])
    _flag(flags, "schema_violation")
    return mended


def _of_small_parts(value: Any, levels: int = 0) -> Any:
    """Return an object without the large arrays and objects in it; below it first, for so many levels."""
    if type(value) is not dict:
        return value
    if levels:
        value = {name: _of_small_parts(part, levels - 1) for name, part in value.items()}
    return {
        name: part
        for name, part in value.items()
        if type(part) not in (dict, list) or len(orjson.dumps(part)) <= _MAX_PART_BYTES
    }


def _first_objection(
    validator: jsonschema_rs.Validator, payload: dict[str, Any]
) -> jsonschema_rs.ValidationError:
    try:
        validator.validate(payload)
    except jsonschema_rs.ValidationError as objection:
        return objection
    raise AssertionError("only what the schema objects to is repaired")


def _mend(
    payload: dict[str, Any], objection: jsonschema_rs.ValidationError, tolerance: Tolerance, flags: list[str]
) -> bool:
    """Tell whether the objection has been dealt with."""
    kind = objection.kind.name
    if kind == "required":
        return _tolerate_missing(objection, tolerance, flags)
    mender = _MENDERS.get(kind)
    if mender and mender(payload, objection, flags):
        return True
    path = tuple(part for part in objection.instance_path if isinstance(part, str))
    if tolerance.transaction and path and path not in tolerance.essential:
        _flag(flags, "unknown_value" if kind == "enum" else "schema_violation")
        if kind == "type":
            _remove(payload, objection.instance_path)
        return True
    if kind == "enum" and path and path[-1] in tolerance.any_word:
        return _flag(flags, "unknown_value")
    return False


def _tolerate_missing(
    objection: jsonschema_rs.ValidationError, tolerance: Tolerance, flags: list[str]
) -> bool:
    name = objection.kind.as_dict()["property"]
    path = (*(part for part in objection.instance_path if isinstance(part, str)), name)
    if (tolerance.transaction and path not in tolerance.essential) or name in tolerance.optional:
        return _flag(flags, "missing_timestamp" if name == "timestamp" else "missing_field")
    return False


def _mend_type(payload: dict[str, Any], objection: jsonschema_rs.ValidationError, flags: list[str]) -> bool:
    value = objection.instance
    if value is None:
        _remove(payload, objection.instance_path)
        return _flag(flags, "null_removed")
    for wanted in objection.kind.as_dict()["types"]:
        for flag, conversion in _CONVERSIONS.get((type(value), wanted), ()):
            converted = conversion(value)
            if converted is not None:
                _replace(payload, objection.instance_path, converted)
                return _flag(flags, flag)
    return False


def _mend_extra(payload: dict[str, Any], objection: jsonschema_rs.ValidationError, flags: list[str]) -> bool:
    owner = _at(payload, objection.instance_path)
    for name in objection.kind.as_dict()["unexpected"]:
        owner.pop(name, None)
    return _flag(flags, "extra_field")


def _mend_length(_: dict[str, Any], __: jsonschema_rs.ValidationError, flags: list[str]) -> bool:
    return _flag(flags, "text_too_long")


def _mend_word(payload: dict[str, Any], objection: jsonschema_rs.ValidationError, flags: list[str]) -> bool:
    value = objection.instance
    if not isinstance(value, str):
        return False
    allowed = objection.kind.as_dict().get("options") or []
    for word in allowed:
        if isinstance(word, str) and word.casefold() == value.strip().casefold():
            _replace(payload, objection.instance_path, word)
            return _flag(flags, "unknown_value")
    if value in _SPELLINGS:
        return _flag(flags, "misspelt_unit")
    return False


_MENDERS: dict[str, Callable[[dict[str, Any], jsonschema_rs.ValidationError, list[str]], bool]] = {
    "type": _mend_type,
    "additionalProperties": _mend_extra,
    "maxLength": _mend_length,
    "enum": _mend_word,
}


def _whole(value: str | float) -> int | None:
    try:
        number = float(value)
        return (
            int(value)
            if isinstance(value, str) and value.strip().lstrip("+-").isdigit()
            else (int(number) if number.is_integer() and abs(number) < 1e15 else round(number))
        )
    except (ValueError, OverflowError):
        return None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _boolean(value: str) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())


_CONVERSIONS: dict[tuple[type, str], tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    (str, "integer"): (("number_as_string", _whole),),
    (str, "number"): (("number_as_string", _number),),
    (str, "boolean"): (("boolean_as_string", _boolean),),
    (float, "integer"): (("schema_violation", _whole),),
    (int, "string"): (("string_as_number", str),),
    (float, "string"): (("string_as_number", repr),),
    (int, "boolean"): (("boolean_as_string", bool),),
    (dict, "array"): (("schema_violation", lambda value: [value]),),
}


def _at(payload: Any, path: list[str | int]) -> Any:
    for part in path:
        payload = payload[part]
    return payload


def _replace(payload: dict[str, Any], path: list[str | int], value: Any) -> None:
    if path:
        _at(payload, path[:-1])[path[-1]] = value


def _remove(payload: dict[str, Any], path: list[str | int]) -> None:
    owner = _at(payload, path[:-1])
    if isinstance(owner, dict):
        owner.pop(path[-1], None)
    else:
        owner[path[-1]] = {}  # keeps the other paths of this pass true; an empty value is skipped later


def _flag(flags: list[str], flag: str) -> bool:
    if flag not in flags:
        flags.append(flag)
    return True
