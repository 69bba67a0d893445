"""Commands from other processes reach the station and come back with their outcome."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import redis.asyncio as redis
from django.conf import settings

from stations.models import ChargingStation, OcppFrame, StationCommand
from stations.ocpp.calls import Calls, ConnectionLost
from stations.ocpp.framing import CallError, CallResult
from tests.ocpp.conftest import BOOT_16, BOOT_201, Connect, RawStation

TIMEOUT_S = 60


async def queue(station: ChargingStation, kind: str, hint: bool = True, **options: Any) -> StationCommand:
    timeout_s = options.pop("timeout_s", 30)
    command = await StationCommand.objects.acreate(
        station=station, kind=kind, parameters=options, requested_at=datetime.now(UTC), timeout_s=timeout_s
    )
    if hint:
        client = redis.Redis.from_url(settings.REDIS_URL)
        await client.publish("ocpp:commands", orjson.dumps({"command": command.pk, "station": station.pk}))
        await client.aclose()
    return command


async def finished(command: StationCommand) -> StationCommand:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            await command.arefresh_from_db()
            if command.finished_at:
                return command
            await asyncio.sleep(0.02)


async def test_a_command_is_sent_answered_and_filed(station: ChargingStation, knock: Connect) -> None:
    async with knock() as socket:
        raw = RawStation(socket)
        await raw.result("BootNotification", BOOT_16)
        command = await queue(station, "reset", mode="on_idle")
        kind, message_id, action, payload = await raw.receive()
        assert (kind, action, payload) == (2, "Reset", {"type": "Soft"})
        await socket.send(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
        done = await finished(command)
    assert (done.state, done.detail, done.response) == ("accepted", "Accepted", {"status": "Accepted"})
    assert (done.action, done.payload, done.message_id) == ("Reset", {"type": "Soft"}, message_id)
    frame = await OcppFrame.objects.aget(station=station, direction="out")
    assert (frame.action, frame.payload, frame.response) == (
        "Reset",
        {"type": "Soft"},
        {"status": "Accepted"},
    )


async def test_the_same_command_is_spelt_for_2_0_1(station: ChargingStation, knock: Connect) -> None:
    async with knock(version="ocpp2.0.1") as socket:
        raw = RawStation(socket)
        await raw.result("BootNotification", BOOT_201)
        command = await queue(
            station, "change_configuration", key="OCPPCommCtrlr.HeartbeatInterval", value="60"
        )
        _, message_id, action, payload = await raw.receive()
        assert action == "SetVariables"
        result = payload["setVariableData"][0] | {"attributeStatus": "RebootRequired"}
        del result["attributeValue"]
        await socket.send(orjson.dumps([3, message_id, {"setVariableResult": [result]}]).decode())
        done = await finished(command)
    assert (done.state, done.detail) == ("accepted", "RebootRequired")


async def test_a_lost_hint_is_healed_by_the_sweep(station: ChargingStation, knock: Connect) -> None:
    async with knock() as socket:
        raw = RawStation(socket)
        await raw.result("BootNotification", BOOT_16)
        command = await queue(station, "unlock_connector", hint=False, evse_number=1)
        _, message_id, action, _ = await raw.receive()
        assert action == "UnlockConnector"
        await socket.send(orjson.dumps([3, message_id, {"status": "UnlockFailed"}]).decode())
        assert ((await finished(command)).state, command.detail) == ("rejected", "UnlockFailed")


async def test_commands_go_out_one_at_a_time_and_cross_the_stations_own_calls(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock() as socket:
        raw = RawStation(socket)
        await raw.result("BootNotification", BOOT_16)
        first = await queue(station, "get_configuration", keys=["HeartbeatInterval"])
        second = await queue(station, "get_configuration")
        _, first_id, _, payload = await raw.receive()
        assert payload == {"key": ["HeartbeatInterval"]}
        # its own call is answered while ours is outstanding, and the second is not sent before
        assert "currentTime" in await raw.result("Heartbeat", {})
        await second.arefresh_from_db()
        assert second.state == "queued"
        await socket.send(orjson.dumps([3, first_id, {"unknownKey": ["HeartbeatInterval"]}]).decode())
        assert (await finished(first)).state == "accepted"
        _, second_id, _, payload = await raw.receive()
        assert payload == {}
        await socket.send(orjson.dumps([4, second_id, "NotSupported", "never heard of it", {}]).decode())
        done = await finished(second)
    assert (done.state, done.detail) == ("error", "NotSupported: never heard of it")


async def test_no_answer_in_time_and_a_late_one_changes_nothing(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock() as socket:
        raw = RawStation(socket)
        await raw.result("BootNotification", BOOT_16)
        command = await queue(station, "reset", timeout_s=1)
        _, message_id, _, _ = await raw.receive()
        assert (await finished(command)).state == "timed_out"
        await socket.send(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
        assert "currentTime" in await raw.result("Heartbeat", {})
        await command.arefresh_from_db()
        assert (command.state, command.response) == ("timed_out", None)


async def test_a_socket_that_closes_first_leaves_the_command_offline(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock() as socket:
        raw = RawStation(socket)
        await raw.result("BootNotification", BOOT_16)
        command = await queue(station, "reset")
        await raw.receive()
    assert (await finished(command)).state == "offline"


async def test_a_command_for_a_station_nobody_holds_ends_offline(
    station: ChargingStation, knock: Connect
) -> None:
    await ChargingStation.objects.acreate(identity="CP-2", security_profile=0)
    async with knock("CP-2", headers={}):
        command = await StationCommand.objects.acreate(
            station=station,
            kind="reset",
            requested_at=datetime.now(UTC) - timedelta(seconds=60),
            timeout_s=30,
        )
        assert (await finished(command)).state == "offline"


async def test_what_cannot_be_said_in_the_stations_version_is_an_error(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock() as socket:
        await RawStation(socket).result("BootNotification", BOOT_16)
        command = await queue(station, "remote_stop", transaction_ref="not-a-number")
        done = await finished(command)
    assert (done.state, done.action) == ("error", "")
    assert "number" in done.detail


async def test_no_remote_start_before_acceptance(station: ChargingStation, knock: Connect) -> None:
    await ChargingStation.objects.filter(pk=station.pk).aupdate(registration="pending")
    async with knock() as socket:
        await RawStation(socket).result("BootNotification", BOOT_16)
        command = await queue(station, "remote_start", id_token="CARD1")
        assert (await finished(command)).state == "error"


async def test_a_call_of_a_closed_connection_is_lost_at_once() -> None:
    async def send(_: str) -> None:
        return

    calls = Calls(send)
    waiting = asyncio.create_task(calls.call("Reset", {}, timeout_s=5, message_id="1"))
    await asyncio.sleep(0)
    assert calls.settle(CallResult("2", {})) is False
    assert calls.settle(CallError("2", "x", "", {})) is False
    calls.close()
    for lost in (waiting, calls.call("Reset", {}, timeout_s=5, message_id="3")):
        try:
            await lost
        except ConnectionLost:
            continue
        raise AssertionError("the call was not lost")
