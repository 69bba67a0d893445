"""OCPP 1.6J: its messages in our words, our replies and requests in its words."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from stations.ocpp import errors, messages, metering, requests
from stations.ocpp.tolerance import REPAIR, Tolerance
from stations.ocpp.wire import (
    MAX_BIGINT,
    neutral,
    number_in_range,
    read_optional_time,
    read_time,
    text,
    transaction_ref,
    write_time,
)

VERSION = "1.6"
SUBPROTOCOL = "ocpp1.6"

TOLERANCES = {
    "StartTransaction": Tolerance(transaction=True),
    "StopTransaction": Tolerance(transaction=True),
    "MeterValues": Tolerance(transaction=True),
    "StatusNotification": Tolerance(optional=frozenset({"errorCode"}), any_word=frozenset({"errorCode"})),
    "BootNotification": REPAIR,
    "Heartbeat": REPAIR,
    "Authorize": REPAIR,
    "DataTransfer": REPAIR,
}

_STATUSES_OF_TOKENS = {
    "accepted": "Accepted", "blocked": "Blocked", "expired": "Expired", "concurrent_tx": "ConcurrentTx",
}  # fmt: skip
_STATUSES = {
    "Available": "available", "Preparing": "preparing", "Charging": "charging",
    "SuspendedEV": "suspended_ev", "SuspendedEVSE": "suspended_evse", "Finishing": "finishing",
    "Reserved": "reserved", "Unavailable": "unavailable", "Faulted": "faulted",
}  # fmt: skip
MAX_TOKEN = 20
NO_TRANSACTION = "-1"


# ── From the station ─────────────────────────────────────────────────────────────────────────────


def decode(action: str, payload: dict[str, Any], *, now: datetime, flags: list[str], sent: bytes) -> Any:
    """Return the message in our words. Raises `errors.Violation` when an essential cannot be used."""
    return _DECODERS[action](payload, now, flags, sent)


def _boot(payload: dict[str, Any], _: datetime, flags: list[str], *_unused: Any) -> messages.BootNotification:
    return messages.BootNotification(
        vendor=text(payload["chargePointVendor"], 50),
        model=text(payload["chargePointModel"], 50),
        serial_number=text(
            payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber"), 50
        ),
        firmware_version=text(payload.get("firmwareVersion"), 50),
        iccid=text(payload.get("iccid"), 50),
        imsi=text(payload.get("imsi"), 50),
        meter_type=text(payload.get("meterType"), 50),
        meter_serial_number=text(payload.get("meterSerialNumber"), 50),
        flags=tuple(flags),
    )


def _heartbeat(_: Any, __: datetime, flags: list[str], *_unused: Any) -> messages.Heartbeat:
    return messages.Heartbeat(flags=tuple(flags))


def _status(
    payload: dict[str, Any], now: datetime, flags: list[str], *_unused: Any
) -> messages.StatusNotification:
    number = _connector(payload)
    error_code = text(payload.get("errorCode"), 50)
    return messages.StatusNotification(
        evse_number=number,
        connector_number=1 if number else 0,
        status=_STATUSES.get(payload["status"], "unknown"),
        error_code="" if error_code == "NoError" else error_code,
        info=text(payload.get("info"), 255),
        vendor_id=text(payload.get("vendorId"), 255),
        vendor_error_code=text(payload.get("vendorErrorCode"), 255),
        occurred_at=read_optional_time(payload.get("timestamp"), now=now, flags=flags),
        flags=tuple(flags),
    )


def _authorize(payload: dict[str, Any], _: datetime, flags: list[str], *_unused: Any) -> messages.Authorize:
    return messages.Authorize(id_token=_token(payload["idTag"]), flags=tuple(flags))  # type: ignore[arg-type]


def _start(
    payload: dict[str, Any], now: datetime, flags: list[str], sent: bytes
) -> messages.TransactionStarted:
    number = _connector_of_transaction(payload, flags)
    occurred_at = read_time(payload.get("timestamp"), now=now, flags=flags)
    return messages.TransactionStarted(
        transaction_ref=None,
        evse_number=number,
        connector_number=1,
        id_token=_token(payload.get("idTag")),
        occurred_at=occurred_at,
        meter_start_wh=_register(payload.get("meterStart"), flags),
        reservation_id=number_in_range(payload.get("reservationId"), MAX_BIGINT),
        flags=tuple(flags),
        payload=sent,
    )


def _stop(payload: dict[str, Any], now: datetime, flags: list[str], sent: bytes) -> messages.TransactionEnded:
    occurred_at = read_time(payload.get("timestamp"), now=now, flags=flags)
    return messages.TransactionEnded(
        transaction_ref=transaction_ref(payload.get("transactionId", NO_TRANSACTION)),
        occurred_at=occurred_at,
        meter_stop_wh=_register(payload.get("meterStop"), flags),
        stop_reason=neutral(payload.get("reason") or "Local")[:30],
        id_token=_token(payload.get("idTag")),
        readings=_readings(payload.get("transactionData"), now, flags),
        flags=tuple(flags),
        payload=sent,
    )


def _meter_values(
    payload: dict[str, Any], now: datetime, flags: list[str], sent: bytes
) -> messages.MeterValues:
    ref = payload.get("transactionId")
    return messages.MeterValues(
        evse_number=_connector_of_transaction(payload, flags) or 0,
        transaction_ref=None if ref is None or ref in (0, -1) else transaction_ref(ref),
        readings=_readings(payload.get("meterValue"), now, flags),
        flags=tuple(flags),
        payload=sent,
    )


def _data_transfer(
    payload: dict[str, Any], _: datetime, flags: list[str], *_unused: Any
) -> messages.DataTransfer:
    return messages.DataTransfer(
        vendor_id=text(payload["vendorId"], 255),
        message_id=text(payload.get("messageId"), 50),
        data=payload.get("data"),
        flags=tuple(flags),
    )


Decoder = Callable[[dict[str, Any], datetime, list[str], bytes], Any]
_DECODERS: dict[str, Decoder] = {
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "Authorize": _authorize,
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "MeterValues": _meter_values,
    "DataTransfer": _data_transfer,
}
ACTIONS = frozenset(_DECODERS)


def _connector(payload: dict[str, Any]) -> int:
    number = number_in_range(payload["connectorId"])
    if number is None:
        raise errors.Violation(errors.PROPERTY_CONSTRAINT_VIOLATION, "connectorId: must be from 0 to 32767")
    return number


def _connector_of_transaction(payload: dict[str, Any], flags: list[str]) -> int | None:
    """Return the connector's number, None when there is none to be read: no reason to refuse energy."""
    value = payload.get("connectorId")
    number = number_in_range(value)
    if number is None and value is not None and "unknown_value" not in flags:
        flags.append("unknown_value")
    return number


def _token(value: Any) -> messages.IdTokenRef | None:
    return messages.IdTokenRef(text(value, 255)) if value not in (None, "") else None


def _register(value: Any, flags: list[str]) -> float | None:
    return metering.normalised(metering.Sample(value), flags)


def _readings(
    meter_values: list[dict[str, Any]] | None, now: datetime, flags: list[str]
) -> tuple[messages.MeterReading, ...]:
    return metering.readings_of(meter_values or (), now, flags, read=_sample, unit_of=_plain_unit)


def _plain_unit(sampled: dict[str, Any]) -> str | None:
    return None if "format" in sampled and sampled["format"] != "Raw" else sampled.get("unit", "")


def _sample(sampled: dict[str, Any]) -> metering.Sample:
    get = sampled.get
    value, measurand = get("value"), get("measurand", metering.REGISTER)
    signed = None
    if get("format") == "SignedData":
        signed = {"measurand": measurand, "data": value, "format": "SignedData"}
        value = None
    unit = get("unit", "")
    return metering.Sample(
        value, get("context", ""), measurand, get("phase", ""), get("location", ""), unit, 0, signed
    )


# ── To the station: replies ──────────────────────────────────────────────────────────────────────


def encode_reply(reply: Any, *, action: str) -> bytes:
    """Return the payload of the CALLRESULT to `action` as JSON."""
    if action == "StartTransaction":
        return _start_reply(reply)
    return _ENCODERS[type(reply)](reply)


def _boot_reply(reply: messages.BootReply) -> bytes:
    return orjson.dumps(
        {
            "currentTime": write_time(reply.current_time),
            "interval": reply.interval_s,
            "status": reply.status.capitalize(),
        }
    )


def _heartbeat_reply(reply: messages.HeartbeatReply) -> bytes:
    return orjson.dumps({"currentTime": write_time(reply.current_time)})


def _authorize_reply(reply: messages.AuthorizeReply) -> bytes:
    return orjson.dumps({"idTagInfo": _id_tag_info(reply.info)})


def _transaction_reply(reply: messages.TransactionReply) -> bytes:
    """StopTransaction.conf: no transactionId, the verdict only when there is one."""
    answer: dict[str, Any] = {}
    if reply.id_token_info:
        answer["idTagInfo"] = _id_tag_info(reply.id_token_info)
    return orjson.dumps(answer)


def _start_reply(reply: messages.TransactionReply) -> bytes:
    """Return StartTransaction.conf, which always has a transactionId and a verdict."""
    info = reply.id_token_info or messages.IdTokenInfo(status="invalid")
    return orjson.dumps({"idTagInfo": _id_tag_info(info), "transactionId": int(reply.transaction_ref)})


def _data_reply(reply: messages.DataTransferReply) -> bytes:
    answer = {"status": "".join(word.capitalize() for word in reply.status.split("_"))}
    if reply.data is not None:
        answer["data"] = reply.data if isinstance(reply.data, str) else orjson.dumps(reply.data).decode()
    return orjson.dumps(answer)


def _id_tag_info(info: messages.IdTokenInfo) -> dict[str, Any]:
    answer = {"status": _STATUSES_OF_TOKENS.get(info.status, "Invalid")}
    if info.expires_at:
        answer["expiryDate"] = write_time(info.expires_at)
    if info.group_uid and len(info.group_uid) <= MAX_TOKEN:  # a cut one would name another group
        answer["parentIdTag"] = info.group_uid
    return answer


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    messages.Empty: lambda _: b"{}",
    messages.BootReply: _boot_reply,
    messages.HeartbeatReply: _heartbeat_reply,
    messages.AuthorizeReply: _authorize_reply,
    messages.TransactionReply: _transaction_reply,
    messages.DataTransferReply: _data_reply,
}


# ── To the station: requests ─────────────────────────────────────────────────────────────────────


def encode_request(request: requests.Request) -> tuple[str, dict[str, Any]]:
    """Return `(action, payload)` of the CALL. Raises `requests.CannotBeAsked`."""
    return _REQUESTS[type(request)](request)


def _remote_start(request: requests.RemoteStart) -> tuple[str, dict[str, Any]]:
    if len(request.id_token) > MAX_TOKEN:
        raise requests.CannotBeAsked("OCPP 1.6 takes id tokens of at most 20 characters")
    payload: dict[str, Any] = {"idTag": request.id_token}
    if request.evse_number:
        payload["connectorId"] = request.evse_number
    if request.charging_profile:
        payload["chargingProfile"] = request.charging_profile
    return "RemoteStartTransaction", payload


def _remote_stop(request: requests.RemoteStop) -> tuple[str, dict[str, Any]]:
    if not request.transaction_ref.lstrip("-").isdigit():
        raise requests.CannotBeAsked("OCPP 1.6 knows transactions by number only")
    return "RemoteStopTransaction", {"transactionId": int(request.transaction_ref)}


def _trigger(request: requests.TriggerMessage) -> tuple[str, dict[str, Any]]:
    payload: dict[str, Any] = {"requestedMessage": request.requested_message}
    if request.evse_number:
        payload["connectorId"] = request.evse_number
    return "TriggerMessage", payload


_REQUESTS: dict[type, Callable[[Any], tuple[str, dict[str, Any]]]] = {
    requests.RemoteStart: _remote_start,
    requests.RemoteStop: _remote_stop,
    requests.Reset: lambda request: ("Reset", {"type": "Hard" if request.mode == "immediate" else "Soft"}),
    requests.UnlockConnector: lambda request: ("UnlockConnector", {"connectorId": request.evse_number}),
    requests.ChangeAvailability: lambda request: (
        "ChangeAvailability",
        {
            "connectorId": request.evse_number or 0,
            "type": "Operative" if request.operative else "Inoperative",
        },
    ),
    requests.TriggerMessage: _trigger,
    requests.GetConfiguration: lambda request: (
        "GetConfiguration",
        {"key": list(request.keys)} if request.keys else {},
    ),
    requests.ChangeConfiguration: lambda request: (
        "ChangeConfiguration",
        {"key": request.key, "value": request.value},
    ),
    requests.RawCall: lambda request: (request.action, request.payload),
}
