"""Replies and requests fit the official schemas of their version; words are ours inside."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from stations.ocpp import framing, messages, requests, validation
from stations.ocpp.dispatch import StationRef
from stations.ocpp.errors import Violation
from stations.ocpp.exchanges import Exchange
from stations.ocpp.translation import BY_VERSION, encode_request, negotiate
from stations.ocpp.wire import neutral, transaction_ref, write_time

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
VERSIONS = ("1.6", "2.0.1", "2.1")
INFO = messages.IdTokenInfo(status="accepted", group_uid="FLEET", expires_at=NOON, message="Hej")
STATUSES = (
    "accepted", "blocked", "concurrent_tx", "expired", "invalid", "no_credit", "not_allowed_type_evse",
    "not_at_this_location", "not_at_this_time", "unknown",
)  # fmt: skip

REPLIES: dict[str, list[tuple[str, Any]]] = {
    "BootNotification": [
        (version, messages.BootReply(status, 300, NOON))
        for version in VERSIONS
        for status in ("accepted", "pending", "rejected")
    ],
    "Heartbeat": [(version, messages.HeartbeatReply(NOON)) for version in VERSIONS],
    "StatusNotification": [(version, messages.EMPTY) for version in VERSIONS],
    "MeterValues": [(version, messages.EMPTY) for version in VERSIONS],
    "Authorize": [
        *[(version, messages.AuthorizeReply(INFO)) for version in VERSIONS],
        *[
            (version, messages.AuthorizeReply(messages.IdTokenInfo(status=status)))
            for version in VERSIONS
            for status in STATUSES
        ],
    ],
    "StartTransaction": [
        ("1.6", messages.TransactionReply(transaction_ref="7", id_token_info=INFO)),
        ("1.6", messages.TransactionReply(transaction_ref="7")),
    ],
    "StopTransaction": [
        ("1.6", messages.TransactionReply(transaction_ref="7", id_token_info=INFO)),
        ("1.6", messages.TransactionReply(transaction_ref="7")),
    ],
    "TransactionEvent": [
        (version, reply)
        for version in ("2.0.1", "2.1")
        for reply in (
            messages.TransactionReply(transaction_ref="t", id_token_info=INFO, total_cost=Decimal("12.50")),
            messages.TransactionReply(transaction_ref="t"),
        )
    ],
    "DataTransfer": [
        (version, messages.DataTransferReply(status, data))
        for version in VERSIONS
        for status, data in (("unknown_vendor_id", None), ("accepted", "text"))
    ],
}


@pytest.mark.parametrize("action", REPLIES)
def test_replies_fit_the_official_schema(action: str) -> None:
    for version, reply in REPLIES[action]:
        payload = orjson.loads(BY_VERSION[version].encode_reply(reply, action=action))
        validation.check(payload, version=version, action=action, response=True)


REQUESTS = [
    requests.RemoteStart(id_token="CARD1", evse_number=1, remote_start_id=7),
    requests.RemoteStart(id_token="CARD1"),
    requests.RemoteStop(transaction_ref="7"),
    requests.Reset(mode="immediate"),
    requests.Reset(mode="on_idle", evse_number=1),
    requests.UnlockConnector(evse_number=1),
    requests.ChangeAvailability(operative=True),
    requests.ChangeAvailability(operative=False, evse_number=1, connector_number=1),
    requests.TriggerMessage(requested_message="StatusNotification", evse_number=1, connector_number=1),
    requests.TriggerMessage(requested_message="Heartbeat"),
    requests.GetConfiguration(keys=["OCPPCommCtrlr.HeartbeatInterval", "ChargingStation.AllowNew[x]"]),
    requests.ChangeConfiguration(key="OCPPCommCtrlr.HeartbeatInterval", value="60"),
    requests.RawCall(action="ClearCache", payload={}),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_requests_fit_the_official_schema(version: str, request_: Any) -> None:
    kind, parameters = requests.as_row(request_)
    again = requests.from_row(kind, orjson.loads(orjson.dumps(parameters)))
    action, payload = encode_request(again, version=version)
    validation.check(payload, version=version, action=action)


def test_what_a_version_has_no_words_for_says_so() -> None:
    for version, request in (
        ("1.6", requests.RemoteStart(id_token="x" * 21)),
        ("1.6", requests.RemoteStop(transaction_ref="not-a-number")),
        ("2.0.1", requests.GetConfiguration()),
        ("2.0.1", requests.ChangeConfiguration(key="HeartbeatInterval", value="1")),
        ("1.5", requests.Reset()),
    ):
        with pytest.raises(requests.CannotBeAsked):
            encode_request(request, version=version)
    with pytest.raises(requests.UnknownRequest):
        requests.from_row("make_coffee", {})


def test_variables_have_instances() -> None:
    request = requests.GetConfiguration(keys=["DeviceDataCtrlr.ItemsPerMessage[GetReport]"])
    assert encode_request(request, version="2.0.1") == (
        "GetVariables",
        {
            "getVariableData": [
                {
                    "component": {"name": "DeviceDataCtrlr"},
                    "variable": {"name": "ItemsPerMessage", "instance": "GetReport"},
                }
            ]
        },
    )


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("SuspendedEV", "suspended_ev"),
        ("SuspendedEVSE", "suspended_evse"),
        ("EVConnected", "ev_connected"),
        ("DeAuthorized", "de_authorized"),
        ("SOCLimitReached", "soc_limit_reached"),
        ("Sample.Clock", "sample_clock"),
        ("Local", "local"),
    ],
)
def test_words_become_snake_case(word: str, ours: str) -> None:
    assert neutral(word) == ours


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert write_time(NOON) == "2026-11-20T12:00:00.123Z"


def test_long_transaction_names_stay_apart() -> None:
    one, other = transaction_ref("x" * 40), transaction_ref("x" * 41)
    assert len(one) == len(other) == 36
    assert one != other
    assert transaction_ref("x" * 36) == "x" * 36


def read(version: str, action: str, payload: dict[str, Any]) -> Any:
    call = framing.Call("1", action, payload, orjson.dumps(payload), [])
    return BY_VERSION[version].read_call(call, now=NOON)


def test_a_status_of_1_6_belongs_to_an_evse_with_one_connector() -> None:
    message = read(
        "1.6", "StatusNotification", {"connectorId": 2, "status": "SuspendedEV", "errorCode": "NoError"}
    )
    assert message == messages.StatusNotification(evse_number=2, connector_number=1, status="suspended_ev")


def test_a_fault_keeps_the_exact_code() -> None:
    payload = {
        "connectorId": 0, "status": "Faulted", "errorCode": "GroundFailure", "vendorErrorCode": "E42",
        "info": "leak", "vendorId": "V", "timestamp": "2026-11-20T11:00:00Z",
    }  # fmt: skip
    message = read("1.6", "StatusNotification", payload)
    assert (message.evse_number, message.connector_number, message.status) == (0, 0, "faulted")
    assert (message.error_code, message.vendor_error_code, message.info) == ("GroundFailure", "E42", "leak")
    assert message.occurred_at == datetime(2026, 11, 20, 11, tzinfo=UTC)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_transaction_event_says_the_same_in_both_2_x_versions(version: str) -> None:
    payload = {
        "eventType": "Ended", "timestamp": "2026-11-20T11:00:00Z", "triggerReason": "EVDeparted", "seqNo": 4,
        "offline": True, "transactionInfo": {
            "transactionId": "t-1", "chargingState": "EVConnected", "stoppedReason": "EVDisconnected",
            "remoteStartId": 12,
        },
        "evse": {"id": 2, "connectorId": 1}, "idToken": {"idToken": "AABB", "type": "ISO14443"},
    }  # fmt: skip
    message = read(version, "TransactionEvent", payload)
    assert message == messages.TransactionEnded(
        transaction_ref="t-1", occurred_at=datetime(2026, 11, 20, 11, tzinfo=UTC), evse_number=2,
        connector_number=1, id_token=messages.IdTokenRef("AABB", "ISO14443"), stop_reason="ev_disconnected",
        remote_start_id=12, seq_no=4, trigger_reason="ev_departed", charging_state="ev_connected",
        offline=True, payload=orjson.dumps(payload),
    )  # fmt: skip


def test_a_stop_without_reason_is_local_and_without_id_has_none() -> None:
    message = read("1.6", "StopTransaction", {"meterStop": 7, "timestamp": "2026-11-20T11:00:00Z"})
    assert (message.stop_reason, message.transaction_ref) == ("local", "-1")
    message = read("1.6", "StopTransaction", {})
    assert (message.transaction_ref, message.meter_stop_wh) == ("-1", None)


def test_a_clock_in_the_future_is_flagged() -> None:
    message = read(
        "1.6", "StopTransaction",
        {"transactionId": 1, "meterStop": 7, "timestamp": "2026-11-20T12:06:00Z"},
    )  # fmt: skip
    assert message.flags == ("clock_skew",)
    assert message.occurred_at == datetime(2026, 11, 20, 12, 6, tzinfo=UTC)


def test_the_tenth_of_an_ampere_is_no_reason_to_refuse_a_profile() -> None:
    profile = {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative", "chargingSchedule": {
                "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.3}],
            },
        },
    }  # fmt: skip
    validation.check(profile, version="1.6", action="SetChargingProfile")


def test_an_action_that_does_not_exist_is_told_apart_from_a_wrong_payload() -> None:
    with pytest.raises(validation.UnknownAction):
        validation.check({}, version="2.0.1", action="MakeCoffee")
    with pytest.raises(Violation) as caught:
        validation.check({"type": "Gently"}, version="1.6", action="Reset")
    assert caught.value.code == "PropertyConstraintViolation"
    assert caught.value.details["violations"][0]["path"] == "type"


def test_every_version_has_every_schema_of_the_standard() -> None:
    assert [len(validation.schemas_of(version)) for version in VERSIONS] == [39, 64, 91]


def test_negotiation_follows_the_station() -> None:
    chosen = negotiate(["ocpp1.5", "ocpp2.1", "ocpp1.6"])
    assert chosen
    assert chosen.version == "2.1"
    assert negotiate([]) is None


def test_heartbeats_of_a_crowd_are_spread() -> None:
    call = framing.Call("1", "BootNotification", {}, b"{}", [])
    station = StationRef(1, "CP-1", "1.6")
    intervals = set()
    for _ in range(50):
        exchange = Exchange(station, 1, BY_VERSION["1.6"], call, NOON, spread=True)
        text, _row = exchange.conclude(messages.BootReply("accepted", 300, NOON))
        intervals.add(orjson.loads(text)[2]["interval"])
    assert len(intervals) > 10
    assert min(intervals) >= 240
    assert max(intervals) <= 360
