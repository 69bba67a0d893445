"""What stations say and what we reply, in one vocabulary for every OCPP version.

Conventions that hold for every field here:

- Vocabularies are snake_case words (`suspended_ev`, `ev_disconnected`, `transaction_begin`), whatever
  the wire's spelling; error codes and id token types keep the wire's spelling because technicians
  look them up. A text that was not sent is `""`; a number or a time that was not sent is `None`.
- Texts never contain NUL, so any of them can go into PostgreSQL.
- Times are aware, in UTC. Energy is in Wh, power in W, current in A, voltage in V.
- `flags` names the deviations from the standard that were repaired or tolerated on the way in.
- `payload` is the JSON of the CALL's payload as the station sent it (NULs removed), fit for a
  jsonb column by way of `orjson.Fragment`.
- 1.6 connectorId n is `evse_number=n, connector_number=1`; number 0 is the station as a whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

# Deviations named in `flags`.
FLAGS = (
    "extra_field",  # a field the schema does not know
    "text_too_long",  # longer than the standard allows; kept whole
    "number_as_string",  # "12" where 12 was due
    "string_as_number",  # 12 where "12" was due
    "boolean_as_string",
    "null_removed",  # null where the field should have been left out
    "nul_in_text",  # U+0000 inside a text, removed
    "missing_field",  # a required field is absent and was filled or left empty
    "missing_timestamp",  # the time of receipt was taken
    "bad_timestamp",  # unreadable; the time of receipt was taken
    "naive_timestamp",  # without a zone; read as UTC
    "clock_skew",  # the station's clock is more than five minutes off, and the message was not queued
    "unknown_value",  # a value outside the standard's list; kept or read as `unknown`
    "misspelt_unit",  # Celcius
    "bad_sample",  # a sampled value that is no number or that no meter shows; left out of its field
    "nested_too_deeply",  # what lay too deep in the payload was cut off
    "schema_violation",  # anything else the schema objects to
)

STATUSES = (
    "available", "preparing", "charging", "suspended_ev", "suspended_evse", "finishing",
    "occupied", "reserved", "unavailable", "faulted", "unknown",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IdTokenRef:
    """A token as presented: its text as sent, and the 2.x type (`ISO14443`, `Central`, …) or ""."""

    uid: str
    type: str = ""
    additional: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class MeterReading:
    """All values a meter gave for one time and one context, in normalised units.

    `energy_wh` is the cumulative import register; when only phases were sent, energy and power are
    the sum of the phases. Values at the outlet win over values at the inlet. What has no field of
    its own is in `extra` under `measurand[/phase][@location]` (numbers, normalised units; interval
    energies among them), signed readings byte-exact in `extra["signed"]`, a list of objects.
    Numbers are int or float.
    """

    sampled_at: datetime
    context: str = "sample_periodic"
    energy_wh: float | None = None
    power_w: float | None = None
    current_l1_a: float | None = None
    current_l2_a: float | None = None
    current_l3_a: float | None = None
    voltage_l1_v: float | None = None
    voltage_l2_v: float | None = None
    voltage_l3_v: float | None = None
    soc_percent: float | None = None
    temperature_c: float | None = None
    offered_a: float | None = None
    offered_w: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


# ── What stations say ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class BootNotification:
    """A station introduces itself. Answered by `BootReply`."""

    vendor: str
    model: str
    serial_number: str = ""
    firmware_version: str = ""
    reason: str = ""
    iccid: str = ""
    imsi: str = ""
    meter_type: str = ""
    meter_serial_number: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A sign of life. Answered by `HeartbeatReply`."""

    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNotification:
    """The state of an EVSE's connector (`connector_number` 0: of the station or EVSE as a whole).

    `status` is one of `STATUSES`. `occurred_at` is None when the station did not say. Answered by
    `Empty`.
    """

    evse_number: int
    connector_number: int
    status: str
    error_code: str = ""
    info: str = ""
    vendor_id: str = ""
    vendor_error_code: str = ""
    occurred_at: datetime | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    """May this token charge here? Answered by `AuthorizeReply`."""

    id_token: IdTokenRef
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted:
    """1.6 StartTransaction (`transaction_ref` None: we give the id) or 2.x TransactionEvent Started.

    Answered by `TransactionReply`, in 1.6 always with a transaction_ref and an id_token_info.
    """

    transaction_ref: str | None
    evse_number: int | None
    connector_number: int | None
    id_token: IdTokenRef | None
    occurred_at: datetime
    meter_start_wh: float | None = None
    reservation_id: int | None = None
    remote_start_id: int | None = None
    seq_no: int | None = None
    trigger_reason: str = ""
    charging_state: str = ""
    offline: bool = False
    readings: tuple[MeterReading, ...] = ()
    flags: tuple[str, ...] = ()
    payload: bytes = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionUpdated:
    """2.x TransactionEvent Updated; may arrive before Started and after Ended.

    Answered by `TransactionReply`, with id_token_info when the message carried an id_token.
    """

    transaction_ref: str
    evse_number: int | None
    connector_number: int | None
    id_token: IdTokenRef | None
    occurred_at: datetime
    reservation_id: int | None = None
    remote_start_id: int | None = None
    seq_no: int | None = None
    trigger_reason: str = ""
    charging_state: str = ""
    offline: bool = False
    readings: tuple[MeterReading, ...] = ()
    flags: tuple[str, ...] = ()
    payload: bytes = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded:
    """1.6 StopTransaction or 2.x TransactionEvent Ended; can never be refused.

    `transaction_ref` may be unknown to us, and is "-1" when a 1.6 station never got an id.
    `stop_reason` is "local" when the station gave none. `id_token` is the token that stopped it.
    Answered by `TransactionReply`.
    """

    transaction_ref: str
    occurred_at: datetime
    meter_stop_wh: float | None = None
    stop_reason: str = "local"
    id_token: IdTokenRef | None = None
    evse_number: int | None = None
    connector_number: int | None = None
    reservation_id: int | None = None
    remote_start_id: int | None = None
    seq_no: int | None = None
    trigger_reason: str = ""
    charging_state: str = ""
    offline: bool = False
    readings: tuple[MeterReading, ...] = ()
    flags: tuple[str, ...] = ()
    payload: bytes = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValues:
    """Readings of one EVSE (0: the main meter). Answered by `Empty`.

    `transaction_ref` is None outside transactions and when a 1.6 station left it out.
    """

    evse_number: int
    transaction_ref: str | None
    readings: tuple[MeterReading, ...]
    flags: tuple[str, ...] = ()
    payload: bytes = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransfer:
    """A vendor's own message. `data` is any JSON value (1.6: a text). Answered by `DataTransferReply`."""

    vendor_id: str
    message_id: str = ""
    data: Any = None
    flags: tuple[str, ...] = ()


# ── What the connection itself says: same dispatch, same batches, no frame ────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLookup:
    """A socket asks for `identity`; `Received.station.id` is 0. Answered by `StationRecord` or None.

    None is an unknown station (404). Where the project onboards unknown stations, the handler
    creates the station with registration_status "pending" and returns its record. Identities are
    compared case-folded.
    """

    identity: str
    remote_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened:
    """A station has authenticated and its socket is open. Answered by `ConnectionReply`.

    `process_id` names the gateway process that holds the socket (a random text per process).
    """

    process_id: str
    remote_address: str
    version: str
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionClosed:
    """The socket with this fencing token is gone. A newer token for the station makes it history only."""

    fencing_token: int
    closed_at: datetime
    close_code: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSeen:
    """The socket with this fencing token was alive at `seen_at` (every 30 s, all sockets in one batch)."""

    fencing_token: int
    seen_at: datetime


# ── What we reply ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Empty:
    """Taken."""


EMPTY = Empty()


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRecord:
    """What the gateway must know of a station before it lets it in.

    `password_digests`: any of them opens the door (two while a password is being changed); none
    means that the station may come without a password. Made by `credentials.digest_password`.
    `registration_status`: accepted, pending or rejected, as last answered to its BootNotification.
    `tolerate_before_boot`: messages before acceptance are handled instead of refused.
    """

    station_id: int
    identity: str
    password_digests: tuple[str, ...]
    registration_status: str
    security_profile: int = 1
    tolerate_before_boot: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionReply:
    """The token that tells this connection from every earlier one of the station: it only grows."""

    fencing_token: int


@dataclass(frozen=True, slots=True)
class BootReply:
    """`status` is accepted, pending or rejected; `interval_s` > 0; `current_time` aware."""

    status: str
    interval_s: int
    current_time: datetime


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """The time that the station sets its clock to."""

    current_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenInfo:
    """The verdict on a token.

    `status`: accepted, blocked, concurrent_tx, expired, invalid, no_credit, not_allowed_type_evse,
    not_at_this_location, not_at_this_time, unknown. 1.6 knows the first five; the rest become Invalid.
    """

    status: str
    group_uid: str = ""
    expires_at: datetime | None = None
    message: str = ""
    message_language: str = ""


@dataclass(frozen=True, slots=True)
class AuthorizeReply:
    """The verdict, as the answer to Authorize."""

    info: IdTokenInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReply:
    """Stored. `total_cost` is including tax in the station's currency, for 2.x stations."""

    transaction_ref: str
    id_token_info: IdTokenInfo | None = None
    total_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DataTransferReply:
    """`status`: accepted, rejected, unknown_message_id, unknown_vendor_id."""

    status: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The message is answered with a CALLERROR of this code (2.x spelling; 1.6's is derived)."""

    code: str
    description: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


Reply = (
    Empty | StationRecord | ConnectionReply | BootReply | HeartbeatReply | AuthorizeReply
    | TransactionReply | DataTransferReply | Refused | None
)  # fmt: skip
