"""What a simulated station does when the server asks for something."""

import asyncio
from typing import Any

import pytest
from ocpp.v16 import call as call16
from ocpp.v201 import call as call201

from chargeportal.simulation.station16 import SimulatedStation16
from chargeportal.simulation.station201 import SimulatedStation201


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - any condition at all
            await asyncio.sleep(0.01)


async def ask(csms, message: Any) -> Any:
    return await csms.points["SIM-1"].call(message, suppress=False)


async def test_a_remote_start_begins_when_the_driver_plugs_in(csms, make, station_class):
    async with make(station_class) as station:

        async def plug_in(place):
            await station.plug_in(place.number)

        begun = []

        async def note(transaction):
            begun.append(transaction)

        station.on_remote_start, station.on_transaction = plug_in, note
        if station_class is SimulatedStation16:
            request = call16.RemoteStartTransaction(id_tag="DEMO0001", connector_id=2)
        else:
            token = {"id_token": "DEMO0001", "type": "Central"}
            request = call201.RequestStartTransaction(id_token=token, remote_start_id=77, evse_id=2)
        assert (await ask(csms, request)).status == "Accepted"
        await until(lambda: begun)
        assert begun[0].id_token == "DEMO0001"
        assert begun[0].evse_number == 2
        again = await ask(csms, request)
        assert again.status == "Rejected"
    if station_class is SimulatedStation201:
        started = csms.events("Started")[0]
        assert started["trigger_reason"] == "RemoteStart"
        assert started["transaction_info"]["remote_start_id"] == 77


async def test_a_remote_start_is_given_up_when_nobody_plugs_in(csms, make):
    async with make(SimulatedStation16) as station:
        station.connection_timeout_s = 0.05
        answer = await ask(csms, call16.RemoteStartTransaction(id_tag="DEMO0001", connector_id=1))
        assert answer.status == "Accepted"
        await until(lambda: not station.evses[1].awaits_remote_start)
        assert station.evses[1].transaction is None
        assert station.evses[1].can_start
    assert not csms.of("StartTransaction")


async def test_a_remote_start_uses_the_car_that_is_already_there(csms, make):
    async with make(SimulatedStation16) as station:
        await station.plug_in(1)
        await ask(csms, call16.RemoteStartTransaction(id_tag="DEMO0001"))
        await until(lambda: station.evses[1].transaction and station.evses[1].status == "Charging")
        await station.stop()
    assert not csms.of("Authorize")


async def test_a_remote_stop_ends_the_transaction_and_an_unknown_one_is_rejected(csms, make, station_class):
    async with make(station_class) as station:
        await station.plug_in()
        transaction = await station.start("DEMO0001")
        if station_class is SimulatedStation16:
            stop, unknown = (call16.RemoteStopTransaction(transaction_id=each) for each in (1001, 4711))
        else:
            stop, unknown = (
                call201.RequestStopTransaction(transaction_id=each) for each in (transaction.key, "other")
            )
        assert (await ask(csms, unknown)).status == "Rejected"
        assert (await ask(csms, stop)).status == "Accepted"
        await transaction.over.wait()
        await station.flushed()
    assert transaction.stop_reason == "Remote"


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
async def test_a_1_6_reset_ends_transactions_and_boots_again(csms, make, kind, reason):
    async with make(SimulatedStation16) as station:
        await station.plug_in()
        await station.start("DEMO0001")
        assert (await ask(csms, call16.Reset(type=kind))).status == "Accepted"
        await csms.until("BootNotification", 2)
        await station.until_ready(timeout_s=60)
    assert [stop["reason"] for stop in csms.of("StopTransaction")] == [reason]
    assert csms.connections == 2
    assert csms.statuses(1)[-1] == "Preparing"  # the car is still plugged in


async def test_a_2_0_1_reset_on_idle_waits_for_the_transaction(csms, make):
    async with make(SimulatedStation201) as station:
        await station.plug_in()
        await station.start("DEMO0001")
        assert (await ask(csms, call201.Reset(type="OnIdle"))).status == "Scheduled"
        await asyncio.sleep(0.05)
        assert len(csms.of("BootNotification")) == 1
        await station.stop()
        boots = await csms.until("BootNotification", 2)
    assert boots[1]["reason"] == "RemoteReset"
    assert csms.events("Ended")[0]["transaction_info"]["stopped_reason"] == "Local"


async def test_an_outlet_out_of_service_takes_no_start_and_comes_back(csms, make, station_class):
    def change(operative: bool) -> Any:
        word = "Operative" if operative else "Inoperative"
        if station_class is SimulatedStation16:
            return call16.ChangeAvailability(connector_id=1, type=word)
        return call201.ChangeAvailability(operational_status=word, evse={"id": 1})

    async with make(station_class) as station:
        assert (await ask(csms, change(False))).status == "Accepted"
        await until(lambda: csms.statuses(1)[-1] == "Unavailable")
        assert station.place_for_remote_start(1) is None
        assert (await ask(csms, change(True))).status == "Accepted"
        await until(lambda: csms.statuses(1)[-1] == "Available")
        assert station.place_for_remote_start(1)


async def test_going_out_of_service_waits_for_the_running_transaction(csms, make):
    async with make(SimulatedStation16) as station:
        await station.plug_in()
        await station.start("DEMO0001")
        answer = await ask(csms, call16.ChangeAvailability(connector_id=0, type="Inoperative"))
        assert answer.status == "Scheduled"
        await until(lambda: csms.statuses(2)[-1] == "Unavailable")
        assert csms.statuses(1)[-1] == "Charging"
        await station.stop()
        await station.unplug()
    assert csms.statuses(1)[-1] == "Unavailable"


async def test_unlocking_ends_a_1_6_transaction_but_a_2_0_1_station_refuses(csms, make):
    async with make(SimulatedStation16) as station:
        await station.plug_in()
        await station.start("DEMO0001")
        assert (await ask(csms, call16.UnlockConnector(connector_id=1))).status == "Unlocked"
        await csms.until("StopTransaction")
        assert (await ask(csms, call16.UnlockConnector(connector_id=9))).status == "NotSupported"
    assert csms.of("StopTransaction")[0]["reason"] == "UnlockCommand"
    async with make(SimulatedStation201) as station:
        await station.plug_in()
        await station.start("DEMO0001")
        answers = [
            (await ask(csms, call201.UnlockConnector(evse_id=number, connector_id=1))).status
            for number in (1, 2, 3)
        ]
    assert answers == ["OngoingAuthorizedTransaction", "Unlocked", "UnknownConnector"]


async def test_triggered_messages_are_sent(csms, make, station_class):
    message = call16.TriggerMessage if station_class is SimulatedStation16 else call201.TriggerMessage
    async with make(station_class):
        for wanted in ("Heartbeat", "StatusNotification", "MeterValues", "BootNotification"):
            before = len(csms.of(wanted))
            assert (await ask(csms, message(requested_message=wanted))).status == "Accepted"
            await csms.until(wanted, before + 1)
        unknown = await ask(csms, message(requested_message="FirmwareStatusNotification"))
        assert unknown.status == "NotImplemented"


async def test_a_1_6_station_shows_and_changes_its_configuration(csms, make):
    async with make(SimulatedStation16) as station:
        everything = await ask(csms, call16.GetConfiguration())
        assert len(everything.configuration_key) > 20
        keys = ["NumberOfConnectors", "Nonsense", "AuthorizationKey"]
        some = await ask(csms, call16.GetConfiguration(key=keys))
        assert some.configuration_key == [{"key": "NumberOfConnectors", "readonly": True, "value": "2"}]
        assert some.unknown_key == ["Nonsense", "AuthorizationKey"]
        answers = [
            (await ask(csms, call16.ChangeConfiguration(key=key, value=value))).status
            for key, value in (
                ("HeartbeatInterval", "30"), ("HeartbeatInterval", "soon"), ("NumberOfConnectors", "9"),
                ("WebSocketPingInterval", "20"), ("Nonsense", "1"),
                ("MeterValuesSampledData", "Energy.Active.Import.Register"),
                ("MeterValuesSampledData", "Energy.Active.Import.Register,Frequency"),
            )
        ]  # fmt: skip
        assert answers == [
            "Accepted", "Rejected", "Rejected", "RebootRequired", "NotSupported", "Accepted", "Rejected",
        ]  # fmt: skip
        assert station.heartbeat_interval_s == 30


async def test_a_2_0_1_station_shows_and_changes_its_variables(csms, make):
    def named(component: str, variable: str, **more: Any) -> dict[str, Any]:
        return {"component": {"name": component}, "variable": {"name": variable}, **more}

    async with make(SimulatedStation201) as station:
        seen = await ask(
            csms,
            call201.GetVariables(
                get_variable_data=[
                    named("OCPPCommCtrlr", "HeartbeatInterval"),
                    named("SecurityCtrlr", "BasicAuthPassword"),
                    named("OCPPCommCtrlr", "Nonsense"),
                    named("NonsenseCtrlr", "Nonsense"),
                ]
            ),
        )
        assert [
            (each["attribute_status"], each.get("attribute_value")) for each in seen.get_variable_result
        ] == [("Accepted", "300"), ("Rejected", None), ("UnknownVariable", None), ("UnknownComponent", None)]
        changed = await ask(
            csms,
            call201.SetVariables(
                set_variable_data=[
                    named("SampledDataCtrlr", "TxUpdatedInterval", attribute_value="7"),
                    named("ChargingStation", "Model", attribute_value="Other"),
                    named("OCPPCommCtrlr", "HeartbeatInterval", attribute_value="soon"),
                ]
            ),
        )
        statuses = [each["attribute_status"] for each in changed.set_variable_result]
        assert statuses == ["Accepted", "Rejected", "Rejected"]
        assert station.sample_interval_s == 7


async def test_a_base_report_comes_in_parts(csms, make):
    async with make(SimulatedStation201):
        request = call201.GetBaseReport(request_id=5, report_base="FullInventory")
        assert (await ask(csms, request)).status == "Accepted"
        await until(lambda: csms.of("NotifyReport") and not csms.of("NotifyReport")[-1]["tbc"])
    parts = csms.of("NotifyReport")
    assert [part["seq_no"] for part in parts] == list(range(len(parts)))
    names = [entry["variable"]["name"] for part in parts for entry in part["report_data"]]
    assert {"VendorName", "TxUpdatedInterval", "Power"} <= set(names)


async def test_a_transaction_status_tells_what_is_queued(csms, make):
    async with make(SimulatedStation201) as station:
        await station.plug_in()
        transaction = await station.start("DEMO0001")
        answer = await ask(csms, call201.GetTransactionStatus(transaction_id=transaction.key))
        assert (answer.ongoing_indicator, answer.messages_in_queue) == (True, False)
        answer = await ask(csms, call201.GetTransactionStatus())
        assert (answer.ongoing_indicator, answer.messages_in_queue) == (None, False)


async def test_what_it_does_not_know_is_answered_not_implemented(csms, make, station_class):
    module = call16 if station_class is SimulatedStation16 else call201
    async with make(station_class):
        with pytest.raises(Exception, match="not implemented"):
            await ask(csms, module.GetLocalListVersion())
        assert (await ask(csms, module.ClearCache())).status == "Accepted"
        assert (await ask(csms, module.DataTransfer(vendor_id="Nobody"))).status == "UnknownVendorId"
