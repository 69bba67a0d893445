"""Booting, losing the connection, and what is sent again afterwards."""

import asyncio
import base64
import random
from datetime import UTC, datetime

import pytest

from chargeportal.simulation.link import Backoff
from chargeportal.simulation.station import NeverReady
from chargeportal.simulation.station16 import SimulatedStation16
from chargeportal.simulation.station201 import SimulatedStation201
from tests.simulation.csms import Csms

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


async def test_it_identifies_itself_boots_and_tells_every_status(csms, make, station_class):
    async with make(station_class, identity="SIM 1/2", password="a:b"):
        pass
    header = csms.authorization["SIM%201%2F2"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"SIM 1/2:a:b"
    assert len(csms.of("BootNotification")) == 1
    assert csms.statuses(1) == csms.statuses(2) == ["Available"]


async def test_it_waits_as_told_while_its_registration_is_pending(csms, make, station_class):
    csms.boot_answers, csms.boot_interval_s = ["Pending", "Rejected"], 1
    async with make(station_class) as station:
        boots = [name for name, _ in csms.messages].count("BootNotification")
        assert boots == 3
        assert csms.messages[2][0] == "BootNotification"  # nothing else came before it was accepted
        assert station.heartbeat_interval_s == 1


async def test_heartbeats_come_at_the_interval_of_the_boot_answer(csms, make, station_class):
    csms.boot_interval_s = 1
    async with make(station_class):
        await csms.until("Heartbeat", 2)


async def test_transactions_made_offline_arrive_in_order_with_their_own_times(csms, make, station_class):
    async with make(station_class) as station:
        async with station.offline():
            await station.plug_in()
            await station.start("DEMO0001", at=NINE, meter_start_wh=0)
            await station.report([(60, 100, 6000), (120, 200, 6000)])
            await station.stop(offset_s=180, register_wh=300)
            assert len(station.outbox) >= 4
            sent = len(csms.messages)
        await station.flushed()
    assert all(entry.is_acknowledged for entry in station.journal.sent)
    transaction = [
        payload for name, payload in csms.messages[sent:]
        if name in ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
    ]  # fmt: skip
    times = [each.get("timestamp") or each["meter_value"][0]["timestamp"] for each in transaction]
    assert times == sorted(times)
    assert times[0] == "2026-11-20T09:00:00.000Z"
    assert times[-1] == "2026-11-20T09:03:00.000Z"
    assert len(csms.of("BootNotification")) == 1  # a reconnect is no boot


async def test_a_2_0_1_station_marks_what_happened_offline(csms, make):
    async with make(SimulatedStation201) as station:
        await station.plug_in()
        await station.start("DEMO0001", at=NINE)
        async with station.offline():
            await station.report([(60, 2000, 6000)])
        await station.flushed()
        await station.stop(offset_s=120)
    offline = [event.get("offline", False) for event in csms.of("TransactionEvent")]
    assert offline == [False, False, True, False]


async def test_after_a_reconnect_only_changed_statuses_are_told(csms, make, station_class):
    async with make(station_class) as station:
        async with station.offline():
            await station.plug_in(2)
        await station.until_ready(timeout_s=60)
    assert csms.statuses(1) == ["Available"]
    assert len(csms.statuses(2)) == 2


@pytest.mark.parametrize("action", ["StartTransaction", "MeterValues", "StopTransaction"])
async def test_an_unanswered_1_6_message_is_sent_again_with_a_new_id(csms, make, action):
    csms.breaks_on = [action]
    async with make(SimulatedStation16) as station:
        await station.plug_in()
        await station.start("DEMO0001", at=NINE, meter_start_wh=1000)
        await station.report([(60, 2000, 6000)])
        await station.stop(offset_s=120)
        await station.flushed()
    first, again = csms.of(action)
    assert {**first, "transaction_id": 0} == {**again, "transaction_id": 0}
    ids = [message_id for name, message_id in csms.message_ids if name == action]
    assert len(set(ids)) == 2
    (entry,) = station.journal.of(action)
    assert entry.message_ids == ids
    assert entry.is_acknowledged


async def test_an_unanswered_2_0_1_message_keeps_its_id(csms, make):
    csms.breaks_on = ["TransactionEvent"]
    async with make(SimulatedStation201) as station:
        await station.plug_in()
        await station.start("DEMO0001", at=NINE)
        await station.flushed()
        await station.stop(offset_s=120)
    started = csms.events("Started")
    assert started[0] == started[1]
    ids = [message_id for name, message_id in csms.message_ids if name == "TransactionEvent"]
    assert ids[0] == ids[1]
    assert len(set(ids)) == len(ids) - 1


async def test_a_refused_message_is_tried_again_before_the_next_one(csms, make, station_class):
    action = "MeterValues" if station_class is SimulatedStation16 else "TransactionEvent"
    async with make(station_class) as station:
        station.outbox.retry_interval_s = 0.01
        await station.plug_in()
        await station.start("DEMO0001", at=NINE)
        csms.refuses = [action, action]
        before = len(csms.of(action))
        await station.report([(60, 2000, 6000)])
        await station.stop(offset_s=120)
        await station.flushed()
    assert len(csms.of(action)) - before == (3 if station_class is SimulatedStation16 else 4)
    assert not station.journal.unacknowledged()


async def test_a_message_refused_too_often_is_given_up_and_the_rest_goes_on(csms, make):
    async with make(SimulatedStation16) as station:
        station.outbox.retry_interval_s, station.outbox.attempts = 0.01, 2
        await station.plug_in()
        await station.start("DEMO0001", at=NINE)
        csms.refuses = ["MeterValues", "MeterValues"]
        await station.report([(60, 2000, 6000)])
        await station.stop(offset_s=120)
    (lost,) = station.journal.unacknowledged()
    assert (lost.action, lost.was_dropped) == ("MeterValues", True)
    assert "InternalError" in lost.error
    assert len(csms.of("StopTransaction")) == 1


async def test_a_transaction_whose_start_was_never_taken_is_named_minus_one(csms, make):
    async with make(SimulatedStation16) as station:
        station.outbox.retry_interval_s, station.outbox.attempts = 0.01, 1
        csms.refuses = ["StartTransaction"]
        await station.plug_in()
        await station.start("DEMO0001", at=NINE)
        await station.stop(offset_s=60)
    assert csms.of("StopTransaction")[0]["transaction_id"] == -1


async def test_a_server_that_comes_back_gets_everything(make, station_class):
    server = Csms()
    await server.__aenter__()
    options = {"identity": "SIM-1", "register_wh": 0, "backoff": Backoff(0.02, 0.1, 0.5)}
    async with station_class(url=server.url, **options) as station:
        await station.plug_in()
        await station.start("DEMO0001", at=NINE)
        await server.stop()
        await station.report([(60, 2000, 6000)])
        await station.stop(offset_s=120, register_wh=2000)
        assert station.journal.unacknowledged()
        async with Csms(port=server.port) as again:
            await station.flushed()
            assert again.connections == 1
    actions = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
    assert len(station.journal.acknowledged(*actions)) == len(station.journal.of(*actions)) >= 3


async def test_a_closed_door_is_told_in_one_sentence(unused_tcp_port, station_class):
    station = station_class(
        url=f"ws://127.0.0.1:{unused_tcp_port}/ocpp", identity="SIM-1", ready_timeout_s=0.3,
        backoff=Backoff(0.02, 0.1, 0),
    )  # fmt: skip
    with pytest.raises(NeverReady, match=r"SIM-1: .*refused|SIM-1: .*Connect call failed"):
        async with station:
            pytest.fail("there is no server")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "the server does not accept the password"),
        (404, "the server does not know this station"),
    ],
)
async def test_a_refusal_at_the_door_is_told_at_once(csms, make, station_class, status, reason):
    csms.closed_with = status
    with pytest.raises(NeverReady, match=f"SIM-1: {reason}"):
        async with make(station_class, ready_timeout_s=30):
            pytest.fail("the door is closed")


async def test_a_door_that_opens_later_is_found_open(csms, make, station_class):
    csms.closed_with = 404
    station = make(station_class)
    station.begin()
    await station.link.refused.wait()
    csms.closed_with = 0
    async with asyncio.timeout(60):
        await station.ready.wait()
    await station.close()


def test_the_wait_between_attempts_doubles_up_to_a_limit_with_jitter():
    backoff = Backoff(first_s=1, most_s=30, jitter=0)
    chance = random.Random(1)  # noqa: S311
    assert [backoff.delay_s(attempt, chance=chance) for attempt in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    jittered = {Backoff(1, 30, 0.5).delay_s(0, chance=chance) for _ in range(50)}
    assert len(jittered) == 50
    assert 1 <= min(jittered) <= max(jittered) <= 1.5


async def test_nothing_runs_after_it_is_closed(make, csms, station_class):
    before = asyncio.all_tasks()
    async with make(station_class):
        pass
    await asyncio.sleep(0.05)
    left = {task for task in asyncio.all_tasks() - before if "simulation" in repr(task.get_coro())}
    assert not left
