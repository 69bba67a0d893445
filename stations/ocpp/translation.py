"""The translations by version, and what the gateway negotiates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from stations.ocpp import errors, requests, v16, v201
from stations.ocpp.framing import Call
from stations.ocpp.tolerance import STRICT, Tolerance, repair
from stations.ocpp.validation import Schemas, schemas_of

_LET_GO: dict[str, Any] = {}


class _Decode(Protocol):
    def __call__(
        self, action: str, payload: dict[str, Any], *, now: datetime, flags: list[str], sent: bytes
    ) -> Any: ...


class _EncodeReply(Protocol):
    def __call__(self, reply: Any, *, action: str) -> bytes: ...


class _EncodeRequest(Protocol):
    def __call__(self, request: requests.Request) -> tuple[str, dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Translation:
    """One OCPP version: its schemas, what it tolerates, and both directions of translation."""

    version: str
    subprotocol: str
    actions: frozenset[str]
    schemas: Mapping[str, Schemas]
    tolerances: Mapping[str, Tolerance]
    decode: _Decode
    encode_reply: _EncodeReply
    encode_request: _EncodeRequest

    def read_call(self, call: Call, *, now: datetime) -> Any:
        """Return the message of a CALL in our words, its deviations in `call.flags` and in the message.

        The parsed payload is let go: thousands of calls wait for their commit at a time. Raises
        `errors.Violation`.
        """
        action, payload = call.action, call.payload
        if action not in self.actions:
            raise self._unwanted(action)
        validator = self.schemas[action].request
        if not validator.is_valid(payload):
            tolerance = self.tolerances.get(action, STRICT)
            payload = repair(payload, validator=validator, tolerance=tolerance, flags=call.flags)
        call.payload = _LET_GO
        return self.decode(action, payload, now=now, flags=call.flags, sent=call.sent)

    def _unwanted(self, action: str) -> errors.Violation:
        if action in self.schemas:
            return errors.Violation(errors.NOT_SUPPORTED, f"{action[:60]} is not supported here")
        return errors.Violation(errors.NOT_IMPLEMENTED, f"{action[:60]} is not known")


def _translation(module: Any, version: str, subprotocol: str) -> Translation:
    return Translation(
        version=version,
        subprotocol=subprotocol,
        actions=module.ACTIONS,
        schemas=schemas_of(version),
        tolerances=module.TOLERANCES,
        decode=module.decode,
        encode_reply=module.encode_reply,
        encode_request=module.encode_request,
    )


BY_SUBPROTOCOL: Mapping[str, Translation] = {
    "ocpp1.6": _translation(v16, "1.6", "ocpp1.6"),
    "ocpp2.0.1": _translation(v201, "2.0.1", "ocpp2.0.1"),
    "ocpp2.1": _translation(v201, "2.1", "ocpp2.1"),
}
BY_VERSION: Mapping[str, Translation] = {each.version: each for each in BY_SUBPROTOCOL.values()}


def negotiate(offered: list[str]) -> Translation | None:
    """Return the first of the station's subprotocols that we speak, in the station's order."""
    for subprotocol in offered:
        translation = BY_SUBPROTOCOL.get(subprotocol)
        if translation:
            return translation
    return None


def encode_request(request: requests.Request, *, version: str) -> tuple[str, dict[str, Any]]:
    """Return `(action, payload)` for a station of this version. Raises `requests.CannotBeAsked`."""
    if version not in BY_VERSION:
        raise requests.CannotBeAsked(f"OCPP version {version or 'unknown'}")
    return BY_VERSION[version].encode_request(request)
