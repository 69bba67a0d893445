"""OCPP 2.0.1, and the charging path of 2.1, which has the same fields there (tested against both)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from stations.ocpp import errors, messages, metering, requests
from stations.ocpp.tolerance import STRICT, Tolerance
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

VERSION = "2.0.1"
SUBPROTOCOL = "ocpp2.0.1"

TOLERANCES = {
    "TransactionEvent": Tolerance(
        transaction=True,
        essential=frozenset({
            ("eventType",), ("transactionInfo",), ("transactionInfo", "transactionId"),
        }),
    ),
    "MeterValues": Tolerance(transaction=True, essential=frozenset({("evseId",)})),
    "BootNotification": STRICT,
    "Heartbeat": STRICT,
    "StatusNotification": STRICT,
    "Authorize": STRICT,
    "DataTransfer": STRICT,
}  # fmt: skip

MAX_GROUP = 36


# ── From the station ─────────────────────────────────────────────────────────────────────────────


def decode(action: str, payload: dict[str, Any], *, now: datetime, flags: list[str], sent: bytes) -> Any:
    """Return the message in our words. Raises `errors.Violation` when an essential cannot be used."""
    return _DECODERS[action](payload, now, flags, sent)


def _boot(payload: dict[str, Any], _: datetime, flags: list[str], *_unused: Any) -> messages.BootNotification:
    station = payload["chargingStation"]
    modem = station.get("modem") or {}
    return messages.BootNotification(
        vendor=text(station["vendorName"], 50),
        model=text(station["model"], 50),
        serial_number=text(station.get("serialNumber"), 50),
        firmware_version=text(station.get("firmwareVersion"), 50),
        reason=neutral(payload["reason"])[:30],
        iccid=text(modem.get("iccid"), 50),
        imsi=text(modem.get("imsi"), 50),
        flags=tuple(flags),
    )


def _heartbeat(_: Any, __: datetime, flags: list[str], *_unused: Any) -> messages.Heartbeat:
    return messages.Heartbeat(flags=tuple(flags))


def _status(
    payload: dict[str, Any], now: datetime, flags: list[str], *_unused: Any
) -> messages.StatusNotification:
    return messages.StatusNotification(
        evse_number=_number(payload, "evseId"),
        connector_number=_number(payload, "connectorId"),
        status=neutral(payload["connectorStatus"]),
        occurred_at=read_optional_time(payload.get("timestamp"), now=now, flags=flags),
        flags=tuple(flags),
    )


def _authorize(payload: dict[str, Any], _: datetime, flags: list[str], *_unused: Any) -> messages.Authorize:
    return messages.Authorize(id_token=_token(payload["idToken"]), flags=tuple(flags))  # type: ignore[arg-type]


def _meter_values(
    payload: dict[str, Any], now: datetime, flags: list[str], sent: bytes
) -> messages.MeterValues:
    return messages.MeterValues(
        evse_number=_number(payload, "evseId"),
        transaction_ref=None,
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


def _transaction_event(payload: dict[str, Any], now: datetime, flags: list[str], sent: bytes) -> Any:
    kind = payload["eventType"]
    if kind not in _EVENTS:
        raise errors.Violation(errors.PROPERTY_CONSTRAINT_VIOLATION, "eventType: Started, Updated or Ended")
    info = payload["transactionInfo"]
    evse = payload.get("evse") or {}
    occurred_at = read_time(payload.get("timestamp"), now=now, flags=flags)
    fields = {
        "transaction_ref": transaction_ref(info["transactionId"]),
        "evse_number": number_in_range(evse.get("id")),
        "connector_number": number_in_range(evse.get("connectorId")),
        "id_token": _token(payload.get("idToken")),
        "occurred_at": occurred_at,
        "reservation_id": number_in_range(payload.get("reservationId"), MAX_BIGINT),
        "remote_start_id": number_in_range(info.get("remoteStartId"), MAX_BIGINT),
        "seq_no": number_in_range(payload.get("seqNo"), MAX_BIGINT),
        "trigger_reason": neutral(payload.get("triggerReason") or "")[:30],
        "charging_state": neutral(info.get("chargingState") or "")[:16],
        "offline": bool(payload.get("offline")),
        "readings": _readings(payload.get("meterValue"), now, flags),
    }
    if kind == "Ended":
        fields["stop_reason"] = neutral(info.get("stoppedReason") or "Local")[:30]
    return _EVENTS[kind](**fields, flags=tuple(flags), payload=sent)


_EVENTS: dict[str, Callable[..., Any]] = {
    "Started": messages.TransactionStarted,
    "Updated": messages.TransactionUpdated,
    "Ended": messages.TransactionEnded,
}
Decoder = Callable[[dict[str, Any], datetime, list[str], bytes], Any]
_DECODERS: dict[str, Decoder] = {
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "Authorize": _authorize,
    "TransactionEvent": _transaction_event,
    "MeterValues": _meter_values,
    "DataTransfer": _data_transfer,
}
ACTIONS = frozenset(_DECODERS)


def _number(payload: dict[str, Any], field: str) -> int:
    number = number_in_range(payload[field])
    if number is None:
        raise errors.Violation(errors.PROPERTY_CONSTRAINT_VIOLATION, f"{field}: must be from 0 to 32767")
    return number


def _token(value: dict[str, Any] | None) -> messages.IdTokenRef | None:
    """NoAuthorization comes with an empty token: that is a token too, and gets its verdict."""
    if not value:
        return None
    return messages.IdTokenRef(
        uid=text(value.get("idToken"), 255),
        type=text(value.get("type"), 20),
        additional=tuple(
            (text(item.get("type"), 50), text(item.get("additionalIdToken"), 255))
            for item in value.get("additionalInfo") or ()
        ),
    )


def _readings(
    meter_values: list[dict[str, Any]] | None, now: datetime, flags: list[str]
) -> tuple[messages.MeterReading, ...]:
    return metering.readings_of(meter_values or (), now, flags, read=_sample, unit_of=_plain_unit)


def _plain_unit(sampled: dict[str, Any]) -> str | None:
    if "signedMeterValue" in sampled:
        return None
    unit = sampled.get("unitOfMeasure")
    if not unit:
        return ""
    return None if unit.get("multiplier") else unit.get("unit", "")


def _sample(sampled: dict[str, Any]) -> metering.Sample:
    get = sampled.get
    measurand = get("measurand", metering.REGISTER)
    unit = get("unitOfMeasure")
    signed = get("signedMeterValue")
    return metering.Sample(
        get("value"),
        get("context", ""),
        measurand,
        get("phase", ""),
        get("location", ""),
        unit.get("unit", "") if unit else "",
        unit.get("multiplier", 0) if unit else 0,
        {"measurand": measurand, **signed} if signed else None,
    )


# ── To the station: replies ──────────────────────────────────────────────────────────────────────


def encode_reply(reply: Any, *, action: str) -> bytes:  # noqa: ARG001 - one signature for all versions
    """Return the payload of the CALLRESULT to `action` as JSON."""
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
    return orjson.dumps({"idTokenInfo": _id_token_info(reply.info)})


def _transaction_reply(reply: messages.TransactionReply) -> bytes:
    answer: dict[str, Any] = {}
    if reply.id_token_info:
        answer["idTokenInfo"] = _id_token_info(reply.id_token_info)
    if reply.total_cost is not None:
        answer["totalCost"] = float(reply.total_cost)
    return orjson.dumps(answer)


def _data_reply(reply: messages.DataTransferReply) -> bytes:
    answer: dict[str, Any] = {"status": _camel(reply.status)}
    if reply.data is not None:
        answer["data"] = reply.data
    return orjson.dumps(answer)


_TOKEN_STATUSES = {
    "not_allowed_type_evse": "NotAllowedTypeEVSE",
}


def _id_token_info(info: messages.IdTokenInfo) -> dict[str, Any]:
    answer: dict[str, Any] = {"status": _TOKEN_STATUSES.get(info.status) or _camel(info.status)}
    if info.expires_at:
        answer["cacheExpiryDateTime"] = write_time(info.expires_at)
    if info.group_uid and len(info.group_uid) <= MAX_GROUP:  # a cut one would name another group
        answer["groupIdToken"] = {"idToken": info.group_uid, "type": "Central"}
    if info.message:
        message = {"format": "UTF8", "content": info.message[:512]}
        if info.message_language:
            message["language"] = info.message_language[:8]
        answer["personalMessage"] = message
    return answer


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("_"))


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
    payload: dict[str, Any] = {
        "idToken": {"idToken": request.id_token, "type": request.id_token_type or "Central"},
        "remoteStartId": request.remote_start_id,
    }
    if request.evse_number:
        payload["evseId"] = request.evse_number
    if request.charging_profile:
        payload["chargingProfile"] = request.charging_profile
    return "RequestStartTransaction", payload


def _reset(request: requests.Reset) -> tuple[str, dict[str, Any]]:
    payload: dict[str, Any] = {"type": "Immediate" if request.mode == "immediate" else "OnIdle"}
    if request.evse_number:
        payload["evseId"] = request.evse_number
    return "Reset", payload


def _availability(request: requests.ChangeAvailability) -> tuple[str, dict[str, Any]]:
    payload: dict[str, Any] = {"operationalStatus": "Operative" if request.operative else "Inoperative"}
    return "ChangeAvailability", payload | _evse(request)


def _trigger(request: requests.TriggerMessage) -> tuple[str, dict[str, Any]]:
    return "TriggerMessage", {"requestedMessage": request.requested_message} | _evse(request)


def _evse(request: requests.ChangeAvailability | requests.TriggerMessage) -> dict[str, Any]:
    if not request.evse_number:
        return {}
    evse = {"id": request.evse_number}
    if request.connector_number:
        evse["connectorId"] = request.connector_number
    return {"evse": evse}


def _get_variables(request: requests.GetConfiguration) -> tuple[str, dict[str, Any]]:
    if not request.keys:
        raise requests.CannotBeAsked("OCPP 2.x needs the names of the variables to read")
    return "GetVariables", {"getVariableData": [_variable(key) for key in request.keys]}


def _set_variables(request: requests.ChangeConfiguration) -> tuple[str, dict[str, Any]]:
    data = _variable(request.key) | {"attributeValue": request.value}
    return "SetVariables", {"setVariableData": [data]}


def _variable(key: str) -> dict[str, Any]:
    """`Component[instance].Variable[instance]` → component and variable."""
    component, dot, variable = key.partition(".")
    if not (component and dot and variable):
        raise requests.CannotBeAsked(f"{key!r} is not of the form Component.Variable")
    return {"component": _named(component), "variable": _named(variable)}


def _named(name: str) -> dict[str, Any]:
    bare, bracket, instance = name.partition("[")
    return {"name": bare, "instance": instance.removesuffix("]")} if bracket else {"name": bare}


_REQUESTS: dict[type, Callable[[Any], tuple[str, dict[str, Any]]]] = {
    requests.RemoteStart: _remote_start,
    requests.RemoteStop: lambda request: (
        "RequestStopTransaction",
        {"transactionId": request.transaction_ref},
    ),
    requests.Reset: _reset,
    requests.UnlockConnector: lambda request: (
        "UnlockConnector",
        {"evseId": request.evse_number, "connectorId": request.connector_number or 1},
    ),
    requests.ChangeAvailability: _availability,
    requests.TriggerMessage: _trigger,
    requests.GetConfiguration: _get_variables,
    requests.ChangeConfiguration: _set_variables,
    requests.RawCall: lambda request: (request.action, request.payload),
}
