"""What bad input gets: the standard's CALLERROR, in the spelling of the version, and the socket stays."""

import logging
from datetime import datetime
from typing import Any

import orjson
import pytest
from django.db import connection

from accounts.models import IdToken
from sessions.models import ChargingSession, MeterSample, UnmatchedStop
from stations.models import ChargingStation, OcppFrame
from stations.ocpp import dispatch, framing, messages
from tests.ocpp.conftest import BOOT_16, BOOT_201, Connect, RawStation

DEEP = "[" * 2000 + "]" * 2000
TEN_DEEP_OBJECTS = '{"a":' * 300 + "1" + "}" * 300

# frame, id in the answer, code in 1.6, code in 2.0.1
BROKEN = {
    "not JSON": ("hello", "-1", "FormationViolation", "RpcFrameworkError"),
    "nothing": ("", "-1", "FormationViolation", "RpcFrameworkError"),
    "cut off": ('[2,"7","Heartbeat",{', "7", "FormationViolation", "FormatViolation"),
    "NaN": ('[2,"7","Heartbeat",{"a":NaN}]', "7", "FormationViolation", "FormatViolation"),
    "Infinity": ('[2,"7","Heartbeat",{"a":1e999}]', "7", "FormationViolation", "FormatViolation"),
    "lone surrogate": ('[2,"7","Heartbeat",{"a":"\\ud800"}]', "7", "FormationViolation", "FormatViolation"),
    "byte order mark": ('\ufeff[2,"7","Heartbeat",{}]', "-1", "FormationViolation", "RpcFrameworkError"),
    "deep arrays": (f'[2,"7","Heartbeat",{{"a":{DEEP}}}]', "7", "FormationViolation", "FormatViolation"),
    "deep objects": (
        f'[2,"7","Heartbeat",{TEN_DEEP_OBJECTS}]', "7", "FormationViolation", "FormatViolation",
    ),
    "an object": ('{"a":1}', "-1", "FormationViolation", "RpcFrameworkError"),
    "a number": ("2", "-1", "FormationViolation", "RpcFrameworkError"),
    "an empty array": ("[]", "-1", "FormationViolation", "RpcFrameworkError"),
    "an id that is no text": ('[2,7,"Heartbeat",{}]', "-1", "FormationViolation", "RpcFrameworkError"),
    "an empty id": ('[2,"","Heartbeat",{}]', "-1", "FormationViolation", "RpcFrameworkError"),
    "no payload": ('[2,"7","Heartbeat"]', "7", "FormationViolation", "RpcFrameworkError"),
    "too many parts": ('[2,"7","Heartbeat",{},1]', "7", "FormationViolation", "RpcFrameworkError"),
    "an action that is no text": ('[2,"7",5,{}]', "7", "FormationViolation", "RpcFrameworkError"),
    "a payload that is no object": ('[2,"7","Heartbeat",[]]', "7", "FormationViolation", "FormatViolation"),
    "an unknown message type": ('[9,"7","Heartbeat",{}]', "7", "ProtocolError", "MessageTypeNotSupported"),
    "an unknown action": ('[2,"7","MakeCoffee",{}]', "7", "NotImplemented", "NotImplemented"),
    "a wrong case": ('[2,"7","heartbeat",{}]', "7", "NotImplemented", "NotImplemented"),
    "one of our own actions": ('[2,"7","Reset",{}]', "7", "NotSupported", "NotSupported"),
    "a missing field": (
        '[2,"7","BootNotification",{}]', "7",
        "OccurenceConstraintViolation", "OccurrenceConstraintViolation",
    ),
    "a wrong type": (
        '[2,"7","DataTransfer",{"vendorId":[]}]', "7", "TypeConstraintViolation", "TypeConstraintViolation",
    ),
    "too long a frame": (
        '[2,"7","DataTransfer",{"vendorId":"' + "x" * 300_000 + '"}]', "7",
        "FormationViolation", "FormatViolation",
    ),
}  # fmt: skip

ONLY_201 = {
    "an extra field": ('[2,"7","Heartbeat",{"extra":1}]', "7", "FormatViolation"),
    "null for a payload": ('[2,"7","Heartbeat",null]', "7", "FormatViolation"),
    "a word that is not in the list": (
        '[2,"7","StatusNotification",{"timestamp":"2026-11-20T12:00:00Z","connectorStatus":"Off","evseId":1,"connectorId":1}]',
        "7", "PropertyConstraintViolation",
    ),
    "a number as text": (
        '[2,"7","StatusNotification",{"timestamp":"2026-11-20T12:00:00Z","connectorStatus":"Available","evseId":"1","connectorId":1}]',
        "7", "TypeConstraintViolation",
    ),
    "an event of no known type": (
        '[2,"7","TransactionEvent",{"eventType":"Paused","timestamp":"2026-11-20T12:00:00Z","triggerReason":"Trigger","seqNo":1,"transactionInfo":{"transactionId":"t"}}]',
        "7", "PropertyConstraintViolation",
    ),
}  # fmt: skip


async def assert_refused(raw: RawStation, frame: str | bytes, message_id: str, code: str) -> None:
    answer = await raw.send(frame)
    assert answer[:3] == [4, message_id, code]
    assert isinstance(answer[3], str)
    assert isinstance(answer[4], dict)
    assert "currentTime" in await raw.result("Heartbeat", {})


async def booted(socket: Any, payload: dict[str, Any] = BOOT_16) -> RawStation:
    raw = RawStation(socket)
    await raw.result("BootNotification", payload)
    return raw


async def test_every_broken_frame_gets_its_error_in_1_6(station: ChargingStation, knock: Connect) -> None:
    async with knock(max_size=None) as socket:
        raw = await booted(socket)
        for name, (frame, message_id, code, _) in BROKEN.items():
            logging.getLogger(__name__).info(name)
            await assert_refused(raw, frame, message_id, code)


async def test_every_broken_frame_gets_its_error_in_2_0_1(station: ChargingStation, knock: Connect) -> None:
    async with knock(version="ocpp2.0.1", max_size=None) as socket:
        raw = await booted(socket, BOOT_201)
        for frame, message_id, _, code in BROKEN.values():
            await assert_refused(raw, frame, message_id, code)
        for frame, message_id, code in ONLY_201.values():
            await assert_refused(raw, frame, message_id, code)


async def test_a_binary_frame_gets_an_error(station: ChargingStation, knock: Connect) -> None:
    async with knock() as socket:
        raw = await booted(socket)
        await assert_refused(raw, b'[2,"7","Heartbeat",{}]', "7", "FormationViolation")
        await assert_refused(raw, b"\x00\xff", "-1", "FormationViolation")


async def test_refused_frames_are_in_the_log_with_what_was_received(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock() as socket:
        raw = await booted(socket)
        await raw.send("he\x00llo \U0001f600")
        await raw.send('[2,"unknown-1","MakeCoffee",{"strong":true}]')
        await raw.result("Heartbeat", {})
    frames = OcppFrame.objects.filter(station=station).exclude(error_code="")
    unread, unknown = [each async for each in frames.order_by("occurred_at")]
    assert (unread.error_code, unread.raw) == (
        "FormationViolation",
        "he\N{REPLACEMENT CHARACTER}llo \U0001f600",
    )
    assert (unknown.error_code, unknown.payload) == ("NotImplemented", {"strong": True})


async def test_nothing_but_a_boot_before_the_first_acceptance(
    knock: Connect, station: ChargingStation
) -> None:
    await ChargingStation.objects.filter(pk=station.pk).aupdate(registration="pending")
    async with knock() as socket:
        raw = RawStation(socket)
        assert (await raw.call("Heartbeat", {}))[2] == "SecurityError"
        assert (await raw.result("BootNotification", BOOT_16))["status"] == "Pending"
        refusal = await raw.call("StartTransaction", start())
        assert refusal[2] == "SecurityError"
    assert not await ChargingSession.objects.aexists()


async def test_a_tolerated_station_may_speak_before_its_boot(
    knock: Connect, station: ChargingStation
) -> None:
    await ChargingStation.objects.filter(pk=station.pk).aupdate(
        registration="pending", allows_messages_before_boot=True
    )
    async with knock() as socket:
        assert "currentTime" in await RawStation(socket).result("Heartbeat", {})


async def test_an_accepted_station_goes_on_without_a_boot(knock: Connect, station: ChargingStation) -> None:
    async with knock() as socket:
        assert "currentTime" in await RawStation(socket).result("Heartbeat", {})


# ── Transaction messages are stored, flagged and answered ────────────────────────────────────────


def start(**changes: Any) -> dict[str, Any]:
    payload = {
        "connectorId": 1, "idTag": "CARD1", "meterStart": 1000, "timestamp": "2026-11-20T12:00:00Z",
    } | changes  # fmt: skip
    return {name: value for name, value in payload.items() if value is not ...}


ODD_STARTS = {
    "numbers as texts": (start(connectorId="1", meterStart="1000"), "number_as_string"),
    "an extra field": (start(colour="green"), "extra_field"),
    "a text that is too long": (start(idTag="CARD1" + "0" * 40), "text_too_long"),
    "a number for a tag": (start(idTag=1234), "string_as_number"),
    "no timestamp": (start(timestamp=...), "missing_timestamp"),
    "a time without zone": (start(timestamp="2026-11-20T12:00:00"), "naive_timestamp"),
    "a time that is none": (start(timestamp="yesterday"), "bad_timestamp"),
    "nulls": (start(reservationId=None), "null_removed"),
    "no tag": (start(idTag=...), "missing_field"),
    "no register": (start(meterStart=...), "missing_field"),
    "a register that is none": (start(meterStart={"wh": 1}), "schema_violation"),
    "a NUL": (start(idTag="CARD1\x00"), "nul_in_text"),
}


@pytest.mark.parametrize("name", ODD_STARTS)
async def test_an_odd_start_is_stored_flagged_and_answered(
    station: ChargingStation, card: IdToken, knock: Connect, name: str
) -> None:
    payload, flag = ODD_STARTS[name]
    async with knock() as socket:
        answer = await (await booted(socket)).result("StartTransaction", payload)
    assert answer["transactionId"] > 0
    assert answer["idTagInfo"]["status"] in ("Accepted", "Invalid")
    session = await ChargingSession.objects.aget(station=station)
    assert session.transaction_ref == str(answer["transactionId"])
    frame = await OcppFrame.objects.aget(station=station, action="StartTransaction")
    assert flag in frame.flags
    assert flag in session.flags


async def test_an_unknown_token_gets_a_stored_transaction_and_invalid(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock() as socket:
        answer = await (await booted(socket)).result("StartTransaction", start(idTag="STRANGER"))
    assert answer["idTagInfo"]["status"] == "Invalid"
    assert (await ChargingSession.objects.aget()).transaction_ref == str(answer["transactionId"])


@pytest.mark.parametrize(
    ("connector", "flag"),
    [(-1, "unknown_value"), (40_000, "unknown_value"), ("one", "schema_violation"), (..., "missing_field")],
)
async def test_a_start_at_no_connector_at_all_is_stored_without_one(
    station: ChargingStation, card: IdToken, knock: Connect, connector: Any, flag: str
) -> None:
    """Refused, it would be repeated until the station's queue is full, and never be billed."""
    async with knock() as socket:
        answer = await (await booted(socket)).result("StartTransaction", start(connectorId=connector))
    session = await ChargingSession.objects.aget()
    assert session.transaction_ref == str(answer["transactionId"])
    assert session.evse_id is None
    assert flag in session.flags


async def test_a_start_that_is_nested_too_deeply_is_stored_without_its_depths(
    station: ChargingStation, card: IdToken, knock: Connect
) -> None:
    payload = orjson.dumps(start()).decode()[:-1] + ',"more":' + TEN_DEEP_OBJECTS + "}"
    async with knock() as socket:
        raw = await booted(socket)
        answer = await raw.send(f'[2,"7","StartTransaction",{payload}]')
    assert answer[:2] == [3, "7"]
    frame = await OcppFrame.objects.aget(station=station, action="StartTransaction")
    assert {"nested_too_deeply", "extra_field"} <= set(frame.flags)


async def test_a_stop_of_nothing_is_answered_and_kept(station: ChargingStation, knock: Connect) -> None:
    async with knock() as socket:
        raw = await booted(socket)
        assert await raw.result("StopTransaction", {"timestamp": "2026-11-20T13:00:00Z"}) == {}
    assert (await UnmatchedStop.objects.aget()).transaction_ref == "-1"


@pytest.mark.parametrize(
    "payload", [{"connectorId": 1, "meterValue": []}, {"connectorId": 1}, {"meterValue": "none"}]
)
async def test_meter_values_without_values_are_answered(
    station: ChargingStation, knock: Connect, payload: dict[str, Any]
) -> None:
    async with knock() as socket:
        assert await (await booted(socket)).result("MeterValues", payload) == {}
    assert not await MeterSample.objects.aexists()


async def test_whole_numbers_may_be_written_with_a_point_in_2_0_1(
    station: ChargingStation, knock: Connect
) -> None:
    event = (
        '{"eventType":"Updated","timestamp":"2026-11-20T12:00:00Z","triggerReason":"MeterValuePeriodic",'
        '"seqNo":3.0,"evse":{"id":1.0,"connectorId":1.0},"transactionInfo":{"transactionId":"t"}}'
    )
    async with knock(version="ocpp2.0.1") as socket:
        raw = await booted(socket, BOOT_201)
        assert (await raw.send(f'[2,"7","TransactionEvent",{event}]'))[:2] == [3, "7"]
    session = await ChargingSession.objects.select_related("evse").aget()
    assert session.evse.number == 1
    assert (await session.events.aget()).seq_no == 3


@pytest.mark.parametrize(
    "frame",
    [
        '[3,"x",' + '{"a":' * 700 + "1" + "}" * 700 + "]",
        '[4,"x","InternalError","",' + '{"a":' * 700 + "1" + "}" * 700 + "]",
        '[2,"x","Heartbeat",' + '{"a":' * 700 + r'"\u0000"' + "}" * 700 + "]",
    ],
    ids=["answer", "error", "call"],
)
async def test_no_depth_ends_the_connection(station: ChargingStation, knock: Connect, frame: str) -> None:
    async with knock() as socket:
        raw = await booted(socket)
        await raw.socket.send(frame)
        if frame.startswith("[2"):
            assert (await raw.receive())[:2] == [4, "x"]
        assert "currentTime" in await raw.result("Heartbeat", {})


def test_answers_lose_their_nuls_and_depths() -> None:
    error = framing.read(r'[4,"x","Generic\u0000","a\u0000b",{"why":"b\u0000c"}]', version="1.6")
    assert error == framing.CallError("x", "Generic", "ab", {"why": "bc"})
    result = framing.read('[3,"x",{"status":"Accepted","a":' + "[" * 700 + "]" * 700 + "}]", version="1.6")
    assert isinstance(result, framing.CallResult)
    assert result.payload["status"] == "Accepted"
    orjson.dumps(result.payload)


@pytest.mark.parametrize("transaction_id", [-1, 0, 4711, "4711"])
async def test_a_stop_of_an_unknown_transaction_is_answered_and_kept(
    station: ChargingStation, knock: Connect, transaction_id: Any
) -> None:
    async with knock() as socket:
        raw = await booted(socket)
        stop = {"transactionId": transaction_id, "meterStop": 5000, "timestamp": "2026-11-20T13:00:00Z"}
        assert await raw.result("StopTransaction", stop) is not None
    assert (await UnmatchedStop.objects.aget()).transaction_ref == str(transaction_id)


async def test_odd_meter_values_are_stored_as_far_as_they_can_be(
    station: ChargingStation, knock: Connect
) -> None:
    odd = {
        "connectorId": "1",
        "meterValue": [
            {
                "timestamp": "2026-11-20T12:00:00",
                "sampledValue": [
                    {"value": 12.5, "unit": "kWh"},
                    {"value": "21.5", "measurand": "Temperature", "unit": "Celcius"},
                    {"value": "much", "measurand": "SoC"},
                    {"value": "7", "measurand": "Made.Up"},
                    None,
                    {"measurand": "Voltage"},
                ],
            }
        ],
    }
    async with knock() as socket:
        assert await (await booted(socket)).result("MeterValues", odd) == {}
    sample = await MeterSample.objects.filter(station=station).aget()
    assert (float(sample.energy_wh), sample.temperature_c, sample.soc_percent) == (12_500.0, 21.5, None)
    assert sample.extra == {"Made.Up": 7.0}
    assert sample.sampled_at == datetime.fromisoformat("2026-11-20T12:00:00+00:00")
    assert {"number_as_string", "string_as_number", "naive_timestamp", "bad_sample"} <= set(sample.flags)


# ── A failing handler ────────────────────────────────────────────────────────────────────────────


async def test_a_failing_handler_costs_its_own_message_alone(
    station: ChargingStation,
    knock: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The poison fails after it has written something: nothing of it stays."""

    def writes_then_fails(batch: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE stations_chargingstation SET name = 'half-written'")
        raise RuntimeError("poison")

    owner = dispatch.owner_of(messages.DataTransfer)
    assert owner
    poisoned = dispatch.Owner(writes_then_fails, owner.lane, owner.turn)
    monkeypatch.setitem(dispatch._owners, messages.DataTransfer, poisoned)
    async with knock() as socket:
        raw = await booted(socket)
        answer = await raw.call("DataTransfer", {"vendorId": "poison"})
        assert answer[0] == 4
        assert answer[2] == "InternalError"
        assert "currentTime" in await raw.result("Heartbeat", {})
    assert (await ChargingStation.objects.aget(pk=station.pk)).name == ""
    frame = await OcppFrame.objects.aget(station=station, action="DataTransfer")
    assert (frame.error_code, frame.payload) == ("InternalError", {"vendorId": "poison"})
    assert any("poison" in record.getMessage() for record in caplog.records)
