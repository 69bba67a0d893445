"""What we ask of stations, in one vocabulary for every OCPP version.

`translation.encode_request` spells a request for a station's version; a command row keeps that
spelling (action and payload), and `delivery` sends it.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStart:
    """Start charging for this token. `remote_start_id` comes back in a 2.x transaction."""

    id_token: str
    id_token_type: str = "Central"
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
