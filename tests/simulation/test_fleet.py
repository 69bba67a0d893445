"""The demonstration: its stations, its drivers, and what survives a loss of power."""

import asyncio
import json
import random
from datetime import UTC, datetime

import pytest

from chargeportal.simulation import fleet
from chargeportal.simulation.driver import Habits, OutletDrivers, TokenPool, fault_now_and_then
from chargeportal.simulation.memory import Memory
from chargeportal.simulation.station16 import SimulatedStation16
from chargeportal.simulation.station201 import SimulatedStation201

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_the_fleet_leaves_the_users_own_station_and_card_alone():
    assert "DEMO-AC-1" not in {entry.identity for entry in fleet.DEMO_FLEET}
    assert "DEMO0001" in fleet.DEMO_TOKENS
    assert "DEMO0001" not in fleet.FLEET_TOKENS


def test_the_fleet_is_a_mixture_and_every_outlet_has_drivers():
    assert {(entry.version, entry.kind) for entry in fleet.DEMO_FLEET} == {
        ("1.6", "ac"), ("1.6", "dc"), ("2.0.1", "ac"), ("2.0.1", "dc"),
    }  # fmt: skip
    assert all(len(entry.outlets) == entry.evses for entry in fleet.DEMO_FLEET)
    first = min(outlet.first_after_s for entry in fleet.DEMO_FLEET for outlet in entry.outlets)
    assert first <= 5
    assert len(fleet.FLEET_TOKENS) >= sum(entry.evses for entry in fleet.DEMO_FLEET)


async def test_the_fleet_connects_charges_and_ends_its_sessions_when_it_is_stopped(csms, tmp_path):
    stop = asyncio.Event()
    running = asyncio.ensure_future(
        fleet.DemoFleet(url=csms.url, memory_folder=tmp_path, seed=4).run(until=stop)
    )
    await csms.until("StartTransaction")
    await csms.until("TransactionEvent")
    stop.set()
    await running
    assert set(csms.authorization) == {entry.identity for entry in fleet.DEMO_FLEET}
    assert len(csms.of("StopTransaction")) == len(csms.of("StartTransaction"))
    assert len(csms.events("Ended")) == len(csms.events("Started"))
    assert {stop["reason"] for stop in csms.of("StopTransaction")} == {"Reboot"}


def drivers(station, tokens: TokenPool, *, stay_s: float = 0.3) -> OutletDrivers:
    habits = Habits(stay_s=(stay_s, stay_s), pause_s=(0.05, 0.05))
    chance = random.Random(2)  # noqa: S311
    return OutletDrivers(station, 1, habits=habits, tokens=tokens, chance=chance)


async def test_drivers_come_one_after_another(csms, make, monkeypatch):
    monkeypatch.setattr(OutletDrivers, "_wait", lambda *_: asyncio.sleep(0.01))
    tokens = TokenPool(["DEMO0002"], chance=random.Random(2))  # noqa: S311
    async with make(SimulatedStation16, sample_interval_s=0.1) as station:
        monkeypatch.setattr(station.chance, "uniform", lambda *_: 0.01)
        station.spawn(drivers(station, tokens).run(first_after_s=0))
        await csms.until("StopTransaction", 2)
    assert len({stop["transaction_id"] for stop in csms.of("StopTransaction")}) == 2
    assert {stop["id_tag"] for stop in csms.of("StopTransaction")} == {"DEMO0002"}


async def test_nobody_comes_while_every_card_is_in_use(csms, make, monkeypatch):
    monkeypatch.setattr(OutletDrivers, "_wait", lambda *_: asyncio.sleep(0.01))
    async with make(SimulatedStation16) as station:
        no_cards = TokenPool([], chance=random.Random(2))  # noqa: S311
        station.spawn(drivers(station, no_cards).run(first_after_s=0))
        await asyncio.sleep(0.1)
        assert station.evses[1].car is None


async def test_a_refused_driver_leaves_and_the_card_is_free_again(csms, make, monkeypatch):
    monkeypatch.setattr(OutletDrivers, "_wait", lambda *_: asyncio.sleep(0.01))
    csms.verdicts["DEMO0002"] = "Blocked"
    tokens = TokenPool(["DEMO0002"], chance=random.Random(2))  # noqa: S311
    async with make(SimulatedStation16) as station:
        station.spawn(drivers(station, tokens).run(first_after_s=0))
        await csms.until("Authorize", 2)
    assert not csms.of("StartTransaction")


async def test_a_faulty_outlet_breaks_down_and_recovers(csms, make, monkeypatch):
    async with make(SimulatedStation16) as station:
        chance = random.Random(2)  # noqa: S311
        monkeypatch.setattr(chance, "uniform", lambda *_: 0.02)
        station.spawn(fault_now_and_then(station, 2, chance=chance, first_after_s=0))
        async with asyncio.timeout(60):
            while csms.statuses(2).count("Faulted") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert csms.statuses(2)[:4] == ["Available", "Faulted", "Available", "Faulted"]


async def test_a_station_that_lost_power_reports_the_end_of_what_was_running(
    csms, make, station_class, tmp_path
):
    memory = Memory(tmp_path, "SIM 1")
    async with make(station_class, memory=memory) as station:
        await station.plug_in()
        await station.start("DEMO0001", at=NINE, meter_start_wh=1000)
        await station.report([(600, 2800, 11_000)])
        memory.save(station.evses, version=station.version)
        ref = station.evses[1].transaction.ref
    assert not csms.of("StopTransaction")
    async with make(station_class, memory=Memory(tmp_path, "SIM 1")) as station:
        await station.flushed()
        assert station.evses[1].outlet.meter.register_wh >= 1000
        assert station.evses[1].transaction is None
    if station_class is SimulatedStation16:
        (stop,) = csms.of("StopTransaction")
        assert (stop["transaction_id"], stop["meter_stop"], stop["reason"]) == (ref, 2800, "PowerLoss")
        assert stop["timestamp"] == "2026-11-20T09:10:00.000Z"
    else:
        ended = csms.of("TransactionEvent")[-1]
        assert ended["transaction_info"]["transaction_id"] == ref
        assert ended["transaction_info"]["stopped_reason"] == "PowerLoss"
        assert ended["seq_no"] == csms.of("TransactionEvent")[-2]["seq_no"] + 1
    async with make(station_class, memory=Memory(tmp_path, "SIM 1")) as station:
        await station.flushed()
    assert len(csms.of("StopTransaction")) + len(csms.events("Ended")) == 1  # reported once


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"version": "1.6", "evses": {"1": None}})])
def test_a_damaged_memory_is_no_memory(tmp_path, content):
    (tmp_path / "SIM-1.json").write_text(content)
    station = SimulatedStation16(url="ws://127.0.0.1:1/ocpp", identity="SIM-1", evses=1, register_wh=5)
    assert Memory(tmp_path, "SIM-1").recall(station.evses, version="1.6") == []
    assert station.evses[1].outlet.meter.register_wh == 5


async def test_a_transaction_of_the_other_version_is_not_told(csms, make, tmp_path):
    async with make(SimulatedStation16, memory=Memory(tmp_path, "SIM 1")) as station:
        await station.plug_in()
        await station.start("DEMO0001", at=NINE, meter_start_wh=1000)
    async with make(SimulatedStation201, memory=Memory(tmp_path, "SIM 1")) as station:
        await station.flushed()
        assert station.evses[1].outlet.meter.register_wh >= 1000
    assert not csms.of("TransactionEvent")
