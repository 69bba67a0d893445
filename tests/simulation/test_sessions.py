"""What a simulated station sends from plugging in to driving away."""

from datetime import UTC, datetime, timedelta

import pytest

from chargeportal.simulation.car import Car
from chargeportal.simulation.car_models import HATCHBACK, SALOON
from chargeportal.simulation.charging import NotAuthorized, NotPossible
from chargeportal.simulation.clock import SimulatedClock
from chargeportal.simulation.station16 import SimulatedStation16
from chargeportal.simulation.station201 import SimulatedStation201

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def values(meter_value: dict) -> dict[str, str]:
    """Return the sampled values of one meter value by measurand and phase."""
    return {
        each["measurand"] + (f" {each['phase']}" if each.get("phase") else ""): each["value"]
        for each in meter_value["sampled_value"]
    }


async def exact_session(station) -> None:
    await station.plug_in()
    await station.start("DEMO0001", at=NINE, meter_start_wh=5000)
    await station.report([(600, 6800, 11_000), (1200, 8600.5, 10_990.5)])
    await station.suspend(offset_s=1200)
    await station.stop(offset_s=1800, register_wh=8601)
    await station.unplug(at=NINE + timedelta(seconds=1860))


async def test_a_1_6_session_is_reported_exactly_as_told(csms, make):
    async with make(SimulatedStation16) as station:
        await exact_session(station)
    assert csms.of("StartTransaction") == [
        {
            "connector_id": 1,
            "id_tag": "DEMO0001",
            "meter_start": 5000,
            "timestamp": "2026-11-20T09:00:00.000Z",
        }
    ]
    (first,), (second,) = [message["meter_value"] for message in csms.of("MeterValues")]
    assert first["timestamp"] == "2026-11-20T09:10:00.000Z"
    assert second["timestamp"] == "2026-11-20T09:20:00.000Z"
    assert values(first) == {"Energy.Active.Import.Register": "6800", "Power.Active.Import": "11000"}
    assert values(second) == {"Energy.Active.Import.Register": "8600.5", "Power.Active.Import": "10990.5"}
    (stop,) = csms.of("StopTransaction")
    assert (stop["transaction_id"], stop["meter_stop"], stop["reason"]) == (1001, 8601, "Local")
    assert stop["timestamp"] == "2026-11-20T09:30:00.000Z"
    assert csms.statuses(1) == ["Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Available"]
    assert csms.of("StatusNotification")[-1]["timestamp"] == "2026-11-20T09:31:00.000Z"


async def test_a_2_0_1_session_is_reported_exactly_as_told(csms, make):
    async with make(SimulatedStation201) as station:
        await exact_session(station)
    events = csms.of("TransactionEvent")
    assert [
        (
            event["event_type"], event["trigger_reason"], event["transaction_info"]["charging_state"],
            event["seq_no"], event["timestamp"][11:19],
        )
        for event in events
    ] == [
        ("Started", "Authorized", "EVConnected", 0, "09:00:00"),
        ("Updated", "ChargingStateChanged", "Charging", 1, "09:00:00"),
        ("Updated", "MeterValuePeriodic", "Charging", 2, "09:10:00"),
        ("Updated", "MeterValuePeriodic", "Charging", 3, "09:20:00"),
        ("Updated", "ChargingStateChanged", "SuspendedEV", 4, "09:20:00"),
        ("Ended", "StopAuthorized", "EVConnected", 5, "09:30:00"),
    ]  # fmt: skip
    started, ended = events[0], events[-1]
    assert started["id_token"] == {"id_token": "DEMO0001", "type": "ISO14443"}
    assert started["evse"] == {"id": 1, "connector_id": 1}
    assert values(started["meter_value"][0])["Energy.Active.Import.Register"] == 5000
    assert values(ended["meter_value"][0]) == {"Energy.Active.Import.Register": 8601}
    assert ended["transaction_info"]["stopped_reason"] == "Local"
    assert len({event["transaction_info"]["transaction_id"] for event in events}) == 1
    assert csms.statuses(1) == ["Available", "Occupied", "Available"]


async def test_a_real_car_is_metered_with_every_measurand(csms, make):
    clock = SimulatedClock(speed=600, behind_s=3600)
    async with make(SimulatedStation16, clock=clock, sample_interval_s=60) as station:
        await station.plug_in(car=Car(model=HATCHBACK, soc_percent=30))
        await station.start("DEMO0001")
        energy_wh = await station.charge(duration_s=1800)
        await station.stop()
    assert energy_wh == pytest.approx(5490, rel=0.02)
    samples = [values(message["meter_value"][0]) for message in csms.of("MeterValues")]
    assert set(samples[0]) == {
        "Energy.Active.Import.Register", "Power.Active.Import", "Current.Import L1", "Current.Import L2",
        "Current.Import L3", "Voltage L1-N", "Voltage L2-N", "Voltage L3-N", "Current.Offered", "Temperature",
    }  # fmt: skip
    registers = [int(sample["Energy.Active.Import.Register"]) for sample in samples]
    assert registers == sorted(registers)
    assert csms.of("StopTransaction")[0]["meter_stop"] >= registers[-1]


async def test_a_dc_session_tells_the_state_of_charge(csms, make):
    clock = SimulatedClock(speed=3000, behind_s=3600)
    options = {"kind": "dc", "max_power_kw": 150, "clock": clock, "sample_interval_s": 60}
    async with make(SimulatedStation201, **options) as station:
        await station.plug_in(car=Car(model=SALOON, soc_percent=20))
        await station.start("DEMO0001")
        await station.charge(duration_s=600)
        await station.stop()
    samples = [values(event["meter_value"][0]) for event in csms.events("Updated") if "meter_value" in event]
    levels = [sample["SoC"] for sample in samples]
    assert levels == sorted(levels)
    assert levels[-1] > levels[0] >= 20
    assert 300 < samples[-1]["Voltage"] < 420
    assert samples[-1]["Power.Offered"] == 150_000


async def test_a_full_car_pauses_and_charging_ends_there_unless_it_was_to_stay(csms, make, station_class):
    clock = SimulatedClock(speed=3000, behind_s=7200)
    async with make(station_class, clock=clock, sample_interval_s=30) as station:
        await station.plug_in(car=Car(model=HATCHBACK, soc_percent=79.7, target_soc_percent=80))
        transaction = await station.start("DEMO0001")
        await station.charge()
        assert transaction.charging_state == "SuspendedEV"
        energy_wh = transaction.energy_wh
        assert await station.charge(duration_s=600) == energy_wh
        await station.stop()


async def test_charging_stops_at_the_energy_asked_for(make, csms, station_class):
    clock = SimulatedClock(speed=3000, behind_s=7200)
    async with make(station_class, clock=clock, sample_interval_s=60) as station:
        await station.plug_in(car=Car(model=HATCHBACK, soc_percent=20))
        await station.start("DEMO0001")
        assert await station.charge(energy_wh=2000) == pytest.approx(2000, abs=5)
        await station.stop()


async def test_a_token_the_server_refuses_starts_nothing(csms, make, station_class):
    csms.verdicts["STOLEN"] = "Blocked"
    async with make(station_class) as station:
        await station.plug_in()
        with pytest.raises(NotAuthorized) as refusal:
            await station.start("STOLEN")
        assert refusal.value.status == "Blocked"
        assert station.evses[1].transaction is None
    assert not csms.of("StartTransaction")
    assert not csms.of("TransactionEvent")


async def test_a_token_refused_at_the_start_ends_the_transaction(csms, make, station_class):
    csms.verdicts["STOLEN"] = "Invalid"
    async with make(station_class) as station:
        await station.plug_in()
        transaction = await station.start("STOLEN", authorize=False)
        await transaction.over.wait()
        await station.flushed()
    assert transaction.stop_reason == "DeAuthorized"
    ends = csms.of("StopTransaction") or [each["transaction_info"] for each in csms.events("Ended")]
    assert [end.get("reason") or end["stopped_reason"] for end in ends] == ["DeAuthorized"]


async def test_pulling_the_cable_ends_the_transaction(csms, make, station_class):
    async with make(station_class) as station:
        await station.plug_in()
        transaction = await station.start("DEMO0001")
        await station.unplug()
    assert transaction.stop_reason == "EVDisconnected"
    assert csms.statuses(1)[-1] == "Available"


async def test_a_fault_ends_the_transaction_and_shows_until_it_is_cleared(csms, make):
    async with make(SimulatedStation16) as station:
        await station.plug_in()
        transaction = await station.start("DEMO0001")
        await station.fault(error_code="GroundFailure", info="RCD tripped")
        assert transaction.over.is_set()
        with pytest.raises(NotPossible):
            await station.start("DEMO0001")
        await station.unplug()
        await station.clear_fault()
    reported = [each for each in csms.of("StatusNotification") if each["status"] == "Faulted"]
    assert [(each["error_code"], each["info"]) for each in reported] == [("GroundFailure", "RCD tripped")]
    assert csms.statuses(1)[-2:] == ["Faulted", "Available"]


async def test_nothing_starts_without_a_car(make, csms, station_class):
    async with make(station_class) as station:
        with pytest.raises(NotPossible):
            await station.start("DEMO0001")
        with pytest.raises(NotPossible):
            await station.stop()
