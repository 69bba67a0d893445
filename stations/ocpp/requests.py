"""What we ask of stations, in one vocabulary for every OCPP version.

A command is kept as a row: `kind` names one of the classes in `KINDS`, `parameters` is the JSON
object of its fields. The gateway process that holds the socket builds the request from the row,
spells it for the version the station speaks just then, and files the outcome.
"""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStart:
    """Start charging for this token. `remote_start_id` comes back in a 2.x transaction."""

    id_token: str
    id_token_type: str = "Central"  # noqa: S105 - a kind of token
    evse_number: int | None = None
    remote_start_id: int = 0
    charging_profile: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStop:
    """Stop this transaction."""

    transaction_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Restart the station: `mode` is "immediate" (1.6 Hard) or "on_idle" (1.6 Soft)."""

    mode: str = "on_idle"
    evse_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockConnector:
    """Release the cable of a connector."""

    evse_number: int
    connector_number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAvailability:
    """Put the station (`evse_number` None or 0), an EVSE or a connector in or out of service."""

    operative: bool
    evse_number: int | None = None
    connector_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMessage:
    """Have the station send a message, named as on the wire ("StatusNotification", "MeterValues", …)."""

    requested_message: str
    evse_number: int | None = None
    connector_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetConfiguration:
    """Read settings. `keys` are 1.6 keys or 2.x names `Component[instance].Variable[instance]`.

    No keys: all settings of a 1.6 station; 2.x needs names.
    """

    keys: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeConfiguration:
    """Set one setting; `key` as in GetConfiguration."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCall:
    """Send this action and payload as they are."""

    action: str
    payload: dict[str, Any]


Request = (
    RemoteStart | RemoteStop | Reset | UnlockConnector | ChangeAvailability | TriggerMessage
    | GetConfiguration | ChangeConfiguration | RawCall
)  # fmt: skip


class CannotBeAsked(Exception):
    """The station's OCPP version has no words for this request; the text says why."""


class UnknownRequest(Exception):
    """A row's kind or parameters do not make a request."""


KINDS: dict[str, type] = {
    "remote_start": RemoteStart,
    "remote_stop": RemoteStop,
    "reset": Reset,
    "unlock_connector": UnlockConnector,
    "change_availability": ChangeAvailability,
    "trigger_message": TriggerMessage,
    "get_configuration": GetConfiguration,
    "change_configuration": ChangeConfiguration,
    "raw_call": RawCall,
}
_NAMES = {request_class: kind for kind, request_class in KINDS.items()}


def as_row(request: Request) -> tuple[str, dict[str, Any]]:
    """Return `(kind, parameters)` of a request, as kept in a command row."""
    return _NAMES[type(request)], asdict(request)


def from_row(kind: str, parameters: dict[str, Any]) -> Request:
    """Return the request of a command row. Raises `UnknownRequest`."""
    try:
        request: Request = KINDS[kind](**parameters)
    except (KeyError, TypeError) as error:
        raise UnknownRequest(f"{kind}: {error}") from error
    return request
