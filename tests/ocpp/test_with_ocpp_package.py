"""Whole sessions by the client classes of the `ocpp` package, which share no code with ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from ocpp import v16, v21, v201
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v16.enums import Action, RemoteStartStopStatus
from ocpp.v21 import call as v21_calls
from ocpp.v201 import call as v201_calls

from accounts.models import IdToken
from sessions.models import ChargingSession, MeterSample
from stations.models import ChargingStation, Connector, OcppFrame, StatusInterval
from stations.ocpp.credentials import digest_password
from tests.ocpp.conftest import PASSWORD, Connect
from tests.ocpp.test_commands import finished, queue

START, LATER = "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z"


class Station16Client(v16.ChargePoint):  # type: ignore[misc]
    """A 1.6 station."""


class Station201Client(v201.ChargePoint):  # type: ignore[misc]
    """A 2.0.1 station."""


@asynccontextmanager
async def talking(knock: Connect, station_class: Any, path: str, **options: Any) -> AsyncIterator[Any]:
    async with knock(path, **options) as socket:
        station = station_class(path, socket)
        running = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def charge_16(client: Any) -> int:
    boot = await client.call(call16.BootNotification(charge_point_model="M", charge_point_vendor="V"))
    assert boot.status == "Accepted"
    await client.call(call16.StatusNotification(connector_id=1, error_code="NoError", status="Preparing"))
    assert (await client.call(call16.Authorize(id_tag="CARD1"))).id_tag_info["status"] == "Accepted"
    started = await client.call(
        call16.StartTransaction(connector_id=1, id_tag="CARD1", meter_start=1000, timestamp=START)
    )
    assert started.id_tag_info["status"] == "Accepted"
    value = {"timestamp": "2026-11-20T12:30:00Z", "sampled_value": [{"value": "6.5", "unit": "kWh"}]}
    await client.call(
        call16.MeterValues(connector_id=1, transaction_id=started.transaction_id, meter_value=[value])
    )
    await client.call(
        call16.StopTransaction(meter_stop=12_000, timestamp=LATER, transaction_id=started.transaction_id)
    )
    return int(started.transaction_id)


async def test_a_session_in_1_6(station: ChargingStation, card: IdToken, knock: Connect) -> None:
    async with talking(knock, Station16Client, "CP-1") as client:
        transaction_id = await charge_16(client)
    session = await ChargingSession.objects.aget(station=station)
    assert session.transaction_ref == str(transaction_id)
    assert (session.state, float(session.energy_wh), session.user_id) == ("ended", 11_000.0, card.user_id)
    sample = await MeterSample.objects.filter(session=session, energy_wh=6_500).aget()
    assert sample.evse_number == 1
    assert await StatusInterval.objects.filter(station=station, status="preparing").aexists()
    assert await OcppFrame.objects.filter(station=station).acount() == 6


class Station21Client(v21.ChargePoint):  # type: ignore[misc]
    """A 2.1 station."""


@pytest.mark.parametrize(
    ("client_class", "calls", "subprotocol"),
    [(Station201Client, v201_calls, "ocpp2.0.1"), (Station21Client, v21_calls, "ocpp2.1")],
)
async def test_a_session_in_2_x(
    station: ChargingStation, card: IdToken, knock: Connect, client_class: Any, calls: Any, subprotocol: str
) -> None:
    token = {"id_token": "CARD1", "type": "ISO14443"}

    def event(kind: str, seq_no: int, at: str, wh: float, **more: Any) -> Any:
        return calls.TransactionEvent(
            event_type=kind, seq_no=seq_no, timestamp=at,
            trigger_reason=more.pop("trigger", "MeterValuePeriodic"),
            transaction_info={"transaction_id": "tx-1", "charging_state": "Charging", **more.pop("info", {})},
            evse={"id": 1, "connector_id": 1},
            meter_value=[{"timestamp": at, "sampled_value": [{"value": wh, "context": more.pop("context")}]}],
            **more,
        )  # fmt: skip

    async with talking(knock, client_class, "CP-1", version=subprotocol) as client:
        boot = await client.call(
            calls.BootNotification(charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp")
        )
        assert boot.status == "Accepted"
        authorized = await client.call(calls.Authorize(id_token=token))
        assert authorized.id_token_info["status"] == "Accepted"
        started = await client.call(
            event(
                "Started", 0, START, 1000.0, context="Transaction.Begin", trigger="Authorized", id_token=token
            )
        )
        assert started.id_token_info["status"] == "Accepted"
        updated = await client.call(
            event("Updated", 1, "2026-11-20T12:30:00Z", 6500.0, context="Sample.Periodic")
        )
        assert updated.id_token_info is None
        await client.call(
            event(
                "Ended", 2, LATER, 12_000.0, context="Transaction.End", trigger="EVDeparted",
                info={"stopped_reason": "EVDisconnected"},
            )
        )  # fmt: skip
    session = await ChargingSession.objects.aget(station=station)
    assert (session.transaction_ref, session.state, float(session.energy_wh)) == ("tx-1", "ended", 11_000.0)
    assert session.stop_reason == "ev_disconnected"


async def test_a_remote_start_reaches_the_ocpp_package(
    station: ChargingStation, card: IdToken, knock: Connect
) -> None:
    class Client(v16.ChargePoint):  # type: ignore[misc]
        asked: list[str] = []

        @on(Action.remote_start_transaction)
        async def remote_start(self, id_tag: str, **_: Any) -> Any:
            self.asked.append(id_tag)
            return result16.RemoteStartTransaction(status=RemoteStartStopStatus.accepted)

    async with talking(knock, Client, "CP-1") as client:
        await client.call(call16.BootNotification(charge_point_model="M", charge_point_vendor="V"))
        command = await queue(station, "remote_start", id_token="CARD1", evse_number=1)
        assert (await finished(command)).state == "accepted"
        assert client.asked == ["CARD1"]


async def test_a_repeated_start_and_stop_make_one_session(
    station: ChargingStation, card: IdToken, knock: Connect
) -> None:
    """What was unacknowledged is sent again, over a new socket and under new message ids."""
    ids = []
    for _ in range(2):
        async with talking(knock, Station16Client, "CP-1") as client:
            ids.append(await charge_16(client))
    assert ids[0] == ids[1]
    session = await ChargingSession.objects.aget()
    assert float(session.energy_wh) == 11_000.0


@pytest.mark.slow
async def test_many_stations_start_at_once_and_come_straight_back(
    transactional_db: None, card: IdToken, knock: Connect
) -> None:
    """Twice: all connect, boot and report; all start a transaction; all are answered and stored once."""
    count, digest = 100, digest_password(PASSWORD)
    await ChargingStation.objects.abulk_create(
        ChargingStation(identity=f"S-{number:03d}", password_digest=digest) for number in range(count)
    )

    async def life(number: int) -> tuple[str, int]:
        async with talking(knock, Station16Client, f"S-{number:03d}") as client:
            boot = await client.call(call16.BootNotification(charge_point_model="M", charge_point_vendor="V"))
            assert boot.status == "Accepted"
            for connector in (0, 1):
                await client.call(
                    call16.StatusNotification(
                        connector_id=connector, error_code="NoError", status="Available"
                    )
                )
            started = await client.call(
                call16.StartTransaction(connector_id=1, id_tag="CARD1", meter_start=0, timestamp=START)
            )
            return client.id, started.transaction_id

    first = await asyncio.gather(*(life(number) for number in range(count)))
    again = await asyncio.gather(*(life(number) for number in range(count)))
    assert dict(first) == dict(again)
    assert len(set(dict(first).values())) == count
    assert await ChargingSession.objects.acount() == count
    assert await Connector.objects.acount() == count
