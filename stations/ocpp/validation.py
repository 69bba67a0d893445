"""The official JSON schemas of each OCPP version, compiled once.

The schemas are those shipped in the `ocpp` package. Formats are not checked here: many 1.6 stations
send timestamps without a zone, so times are read, and judged, at the translation. `multipleOf: 0.1`
of the 1.6 schemas is left out: binary fractions break it (0.3 is not a multiple of 0.1).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from stations.ocpp import errors

VERSIONS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}

_CODES = {
    "required": errors.OCCURRENCE_CONSTRAINT_VIOLATION,
    "minItems": errors.OCCURRENCE_CONSTRAINT_VIOLATION,
    "maxItems": errors.OCCURRENCE_CONSTRAINT_VIOLATION,
    "type": errors.TYPE_CONSTRAINT_VIOLATION,
    "additionalProperties": errors.FORMAT_VIOLATION,
}


class UnknownAction(Exception):
    """The OCPP version has no such action."""


@dataclass(frozen=True, slots=True)
class Schemas:
    """The compiled schemas of one action."""

    request: jsonschema_rs.Validator
    response: jsonschema_rs.Validator


@lru_cache
def schemas_of(version: str) -> Mapping[str, Schemas]:
    """Return the schemas of every action of an OCPP version."""
    folder = files("ocpp") / VERSIONS[version] / "schemas"
    compiled: dict[str, jsonschema_rs.Validator] = {}
    for file in folder.iterdir():
        if file.name.endswith(".json"):
            schema = _without_multiples(json.loads(file.read_text(encoding="utf-8-sig")))
            compiled[file.name[:-5]] = jsonschema_rs.validator_for(schema, validate_formats=False)
    actions = {name.removesuffix("Request").removesuffix("Response") for name in compiled}
    empty = jsonschema_rs.validator_for({"type": "object"})
    return {
        action: Schemas(
            request=compiled.get(f"{action}Request") or compiled.get(action, empty),
            response=compiled.get(f"{action}Response", empty),
        )
        for action in actions
    }


def check(payload: Any, *, version: str, action: str, response: bool = False) -> None:
    """Return when the payload fits the official schema.

    Raises `UnknownAction`, or `errors.Violation` with the standard's error code and, in `details`,
    every objection with its path.
    """
    try:
        schemas = schemas_of(version)[action]
    except KeyError:
        raise UnknownAction(f"OCPP {version} has no {action}") from None
    validator = schemas.response if response else schemas.request
    if not validator.is_valid(payload):
        raise violation_of(list(validator.iter_errors(payload)))


def violation_of(objections: list[jsonschema_rs.ValidationError]) -> errors.Violation:
    """Return the CALLERROR for what a schema objects to: the code of the first, all in `details`."""
    first = objections[0]
    return errors.Violation(
        code_of(first),
        f"{path_of(first)}: {first.message}"[:255],
        {"violations": [{"path": path_of(each), "problem": each.message[:200]} for each in objections[:10]]},
    )


def code_of(objection: jsonschema_rs.ValidationError) -> str:
    """Return the error code (2.x spelling) for one objection."""
    return _CODES.get(objection.kind.name, errors.PROPERTY_CONSTRAINT_VIOLATION)


def path_of(objection: jsonschema_rs.ValidationError) -> str:
    """Return where the objection is, as `meterValue.0.timestamp`; `payload` is the whole."""
    return ".".join(str(part) for part in objection.instance_path) or "payload"


def _without_multiples(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_multiples(value) for key, value in schema.items() if key != "multipleOf"}
    if isinstance(schema, list):
        return [_without_multiples(item) for item in schema]
    return schema
