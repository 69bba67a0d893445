"""Who gets in, and what the others are told."""

import asyncio
import contextlib

import pytest
from django.test import override_settings
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stations.models import ChargingStation, StationConnection
from stations.ocpp.credentials import digest_password
from stations.ocpp.handshake import credentials_in, identity_in
from tests.ocpp.conftest import BOOT_16, PASSWORD, Connect, RawStation, RunningGateway, basic

KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"


@pytest.mark.parametrize(
    ("raw_path", "identity"),
    [
        (b"/ocpp/CP-1", "CP-1"),
        (b"/ocpp/RDAM%20123", "RDAM 123"),
        (b"/ocpp/RDAM%7C123", "RDAM|123"),
        (b"/ocpp/RDAM%2F1", "RDAM/1"),
        (b"/ocpp/A%252FB", "A%2FB"),  # decoded once
        (b"/mounted/ocpp/CP-1", "CP-1"),
        (b"/ocpp/CP-1?version=1.6", "CP-1"),
        (b"/ocpp/RDAM/1", None),
        (b"/ocpp/CP-1/", None),
        (b"/ocpp/", None),
        (b"/ocpp/%ff", None),
        (b"/ocpp/%00", None),
        (b"/ocpp/" + b"x" * 49, None),
        (b"/elsewhere/CP-1", None),
    ],
)
def test_the_identity_is_the_last_segment_decoded_once(raw_path: bytes, identity: str | None) -> None:
    assert identity_in(raw_path) == identity


def test_the_example_of_the_standard_is_split_at_the_first_colon_on_bytes() -> None:
    header = b"Basic QUwxMDAwOgABAgMEBQYH////////////////"
    credentials = credentials_in([(b"authorization", header)])
    assert credentials
    assert credentials.username == "AL1000"
    assert credentials.password == bytes.fromhex(KEY)


@pytest.mark.parametrize("header", [b"Bearer x", b"Basic ###", b"Basic", b"", b"Basic " + b"QUJD"])
def test_other_credentials_are_none(header: bytes) -> None:
    assert credentials_in([(b"authorization", header)]) is None


async def refused(attempt: object) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as caught:
        async with attempt:  # type: ignore[attr-defined]
            pass
    return caught.value


async def test_a_known_station_with_its_password_gets_in(station: ChargingStation, knock: Connect) -> None:
    async with knock() as socket:
        assert socket.subprotocol == "ocpp1.6"
        assert (await RawStation(socket).result("BootNotification", BOOT_16))["status"] == "Accepted"
    assert await StationConnection.objects.filter(station=station).acount() == 1


async def test_an_unknown_station_gets_404(station: ChargingStation, knock: Connect) -> None:
    assert (await refused(knock("NOBODY"))).response.status_code == 404
    assert not await StationConnection.objects.aexists()


async def test_a_path_below_a_station_gets_404(station: ChargingStation, knock: Connect) -> None:
    assert (await refused(knock("CP-1/more", headers=basic()))).response.status_code == 404


@pytest.mark.parametrize(
    "headers", [{}, basic(password="wrong"), basic(password=b"\xff\x00:"), basic("CP-2")]
)
async def test_a_wrong_password_or_name_gets_401(
    station: ChargingStation, knock: Connect, headers: dict[str, str]
) -> None:
    response = (await refused(knock(headers=headers))).response
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert not await StationConnection.objects.aexists()


async def test_a_station_without_a_password_in_our_books_stays_out(knock: Connect) -> None:
    await ChargingStation.objects.acreate(identity="OPEN-1")
    await ChargingStation.objects.acreate(identity="OPEN-0", security_profile=0)
    assert (await refused(knock("OPEN-1"))).response.status_code == 401
    async with knock("OPEN-0", headers={}):
        pass


async def test_guessing_is_slowed_down_and_does_not_lock_others_out(
    station: ChargingStation, knock: Connect
) -> None:
    await ChargingStation.objects.acreate(identity="CP-2", password_digest=digest_password(PASSWORD))
    codes = [(await refused(knock(headers=basic(password="wrong")))).response.status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    right = (await refused(knock())).response
    assert right.status_code == 429
    assert 0 < int(right.headers["Retry-After"]) <= 61
    async with knock("CP-2"):
        pass


@pytest.mark.parametrize("password", [bytes.fromhex(KEY), KEY, KEY.lower()])
async def test_a_hex_key_comes_as_raw_bytes_or_as_text(
    knock: Connect, transactional_db: None, password: str | bytes
) -> None:
    await ChargingStation.objects.acreate(identity="CP-1", password_digest=digest_password(KEY))
    async with knock(headers=basic(password=password)) as socket:
        assert socket.subprotocol == "ocpp1.6"


async def test_identities_are_compared_without_regard_to_case(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock("cp-1", headers=basic("Cp-1")) as socket:
        await RawStation(socket).result("BootNotification", BOOT_16)
    assert (await StationConnection.objects.aget()).station_id == station.pk


async def test_an_encoded_identity_is_decoded(knock: Connect, transactional_db: None) -> None:
    await ChargingStation.objects.acreate(identity="RDAM|12 3", password_digest=digest_password(PASSWORD))
    async with knock("RDAM%7C12%203", headers=basic("RDAM|12 3")) as socket:
        assert socket.subprotocol == "ocpp1.6"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"),
        (["ocpp1.6", "ocpp2.0.1"], "ocpp1.6"),
        (["ocpp1.5", "ocpp2.0", "ocpp1.6"], "ocpp1.6"),
        (["ocpp2.1"], "ocpp2.1"),
    ],
)
async def test_the_first_common_subprotocol_in_the_stations_order_is_chosen(
    station: ChargingStation, knock: Connect, offered: list[str], chosen: str
) -> None:
    async with knock(version=offered) as socket:
        assert socket.subprotocol == chosen


@pytest.mark.parametrize("version", ["", "ocpp1.5"])
async def test_without_a_common_subprotocol_the_socket_opens_without_one_and_closes(
    station: ChargingStation, knock: Connect, version: str
) -> None:
    async with knock(version=version) as socket:
        assert socket.subprotocol is None
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 60)
        assert socket.close_code == 1002
    assert not await StationConnection.objects.aexists()


@override_settings(OCPP_ONBOARD_UNKNOWN_STATIONS=True)
async def test_an_unknown_station_may_wait_for_approval_where_that_is_wanted(knock: Connect) -> None:
    async with knock("NEW-1", headers={}) as socket:
        station = RawStation(socket)
        boot = await station.result("BootNotification", BOOT_16)
        assert boot["status"] == "Pending"
        assert boot["interval"] > 0
        refusal = await station.call("Heartbeat", {})
        assert refusal[0] == 4
        assert refusal[2] == "SecurityError"
        await ChargingStation.objects.filter(identity="NEW-1").aupdate(registration="accepted")
        assert (await station.result("BootNotification", BOOT_16))["status"] == "Accepted"
        assert "currentTime" in await station.result("Heartbeat", {})


async def test_a_second_connection_wins_and_the_first_is_closed(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock() as first, knock() as second:
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(first.recv(), 60)
        assert first.close_code == 1008
        await RawStation(second).result("BootNotification", BOOT_16)
        older, newer = [each async for each in StationConnection.objects.order_by("id")]
        assert older.closed_at is not None
        assert newer.closed_at is None


async def test_a_stopping_gateway_says_goodbye_with_1001(
    station: ChargingStation, knock: Connect, gateway: RunningGateway
) -> None:
    from stations.ocpp import gateway as module

    async with knock() as socket:
        await RawStation(socket).result("BootNotification", BOOT_16)
        running = module._gateway
        assert running
        asyncio.run_coroutine_threadsafe(running.stop(), running.loop)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 60)
        assert socket.close_code == 1001


async def test_a_client_that_left_during_the_handshake_has_no_open_connection(
    station: ChargingStation, gateway: RunningGateway
) -> None:
    """A crowd that reconnects gives up and knocks again: nobody stays online whose socket is gone."""
    from stations.ocpp import gateway as module

    running = module._gateway
    assert running
    scope = {
        "type": "websocket", "path": "/ocpp/CP-1", "subprotocols": ["ocpp1.6"], "client": ("127.0.0.1", 1),
        "headers": [(b"authorization", basic()["Authorization"].encode())],
    }  # fmt: skip

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(_: dict[str, object]) -> None:
        raise OSError("the client is gone")

    serving = asyncio.run_coroutine_threadsafe(running.serve(scope, receive, send), running.loop)
    await asyncio.wrap_future(serving)
    assert running.connections.of(station.pk) is None
    assert (await ended_connection()).close_code == 1006


async def ended_connection() -> StationConnection:
    for _ in range(100):
        connection = await StationConnection.objects.aget()
        if connection.closed_at:
            return connection
        await asyncio.sleep(0.05)
    raise AssertionError("the connection was not closed")


async def test_a_close_reason_with_a_nul_ends_the_connection_all_the_same(
    station: ChargingStation, knock: Connect
) -> None:
    async with knock() as socket:
        await RawStation(socket).result("BootNotification", BOOT_16)
        await socket.close(1000, "a\x00b")
    assert (await ended_connection()).close_reason == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("path", "password", "version"),
    [("CP-1", "wrong", "ocpp1.6"), ("NOBODY", PASSWORD, "ocpp1.6"), ("CP-1", PASSWORD, "ocpp1.5")],
)
async def test_a_refusal_is_no_error_of_the_server(
    station: ChargingStation,
    knock: Connect,
    caplog: pytest.LogCaptureFixture,
    path: str,
    password: str,
    version: str,
) -> None:
    for _ in range(6):  # the last ones get 429
        with contextlib.suppress(InvalidStatus, ConnectionClosed):
            async with knock(path, headers=basic(path, password), version=version) as socket:
                await socket.recv()
    await asyncio.sleep(0.2)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
