"""Five hundred stations do the same thing in the same moment."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.journeys.product import Product, run_python, running_product

pytestmark = pytest.mark.slow

STATIONS = 500
PASSWORD = "only-for-this-test-0123456789"
SEED = f"""
from accounts.models import IdToken
from stations.models import ChargingStation
from stations.ocpp.credentials import digest_password
digest = digest_password("{PASSWORD}")
IdToken.objects.create(uid="CARD")
ChargingStation.objects.bulk_create(
    ChargingStation(identity=f"CROWD-{{n:03}}", password_digest=digest) for n in range({STATIONS})
)
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with the smallest pool of database connections that is supported."""
    with running_product(tmp_path_factory.mktemp("crowd"), DATABASE_POOL_MAX="4") as product:
        run_python(product, SEED)
        product.start_web()
        yield product


@asynccontextmanager
async def crowd(product: Product) -> AsyncIterator[list[ClientConnection]]:
    """Every station is connected, all at once."""
    async with AsyncExitStack() as stack:
        sockets = await asyncio.gather(*(open_socket(product, n) for n in range(STATIONS)))
        for socket in sockets:
            stack.push_async_callback(socket.close)
        yield list(sockets)


async def open_socket(product: Product, n: int) -> ClientConnection:
    credentials = base64.b64encode(f"CROWD-{n:03}:{PASSWORD}".encode()).decode()
    return await connect(
        f"{product.ocpp_url}/CROWD-{n:03}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {credentials}"},
        open_timeout=60,
        compression=None,
    )


async def ask(socket: ClientConnection, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload of the CALLRESULT."""
    await socket.send(json.dumps([2, f"{action}-1", action, payload]))
    answer = json.loads(await asyncio.wait_for(socket.recv(), 60))
    assert answer[:2] == [3, f"{action}-1"], answer
    return answer[2]


async def everybody(sockets: list[ClientConnection], action: str, payload: dict[str, Any]) -> list[Any]:
    return await asyncio.gather(*(ask(socket, action, payload) for socket in sockets))


BOOT = {"chargePointVendor": "Vendor", "chargePointModel": "Model"}
START = {"connectorId": 1, "idTag": "CARD", "meterStart": 1000, "timestamp": "2026-03-10T12:00:00Z"}


async def test_all_connect_and_boot_at_once_and_come_straight_back(product: Product) -> None:
    for _ in range(2):
        async with crowd(product) as sockets:
            answers = await everybody(sockets, "BootNotification", BOOT)
            assert {answer["status"] for answer in answers} == {"Accepted"}
    boots = product.rows("SELECT station_id, count(*) FROM stations_bootrecord GROUP BY 1")
    assert sorted(count for _, count in boots) == [2] * STATIONS


async def test_all_start_a_transaction_at_once(product: Product) -> None:
    async with crowd(product) as sockets:
        await everybody(sockets, "BootNotification", BOOT)
        answers = await everybody(sockets, "StartTransaction", START)
    assert {answer["idTagInfo"]["status"] for answer in answers} == {"Accepted"}
    answered = {str(answer["transactionId"]) for answer in answers}
    stored = {ref for (ref,) in product.rows("SELECT transaction_ref FROM charging_sessions_chargingsession")}
    assert len(answered) == STATIONS
    assert stored == answered


async def test_of_two_sockets_of_one_station_the_newer_stays(product: Product) -> None:
    older = await open_socket(product, 0)
    await ask(older, "BootNotification", BOOT)
    newer = await open_socket(product, 0)
    await asyncio.wait_for(older.wait_closed(), 60)
    assert (await ask(newer, "Heartbeat", {}))["currentTime"]
    await newer.close()
    open_rows = product.rows(
        "SELECT count(*) FROM stations_stationconnection c"
        " JOIN stations_chargingstation s ON s.id = c.station_id"
        " WHERE s.identity = 'CROWD-000' AND c.closed_at IS NULL"
    )
    assert open_rows[0][0] <= 1
