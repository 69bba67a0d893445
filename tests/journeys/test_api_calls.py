"""OCPP calls by the REST API, to stations that are clients of the `ocpp` package on real sockets."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ocpp.exceptions import NotSupportedError
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

from tests.journeys.chargers import connected
from tests.journeys.product import Product, run_python, running_product

pytestmark = pytest.mark.slow

MORE_THAN_CONNECTIONS = 30
PASSWORD = "only-for-this-test-0123456789"
SEED = f"""
from accounts.models import Membership, Organisation, User
from stations.models import ChargingStation, Location
from stations.ocpp.credentials import digest_password
operator = Organisation.objects.create(kind="operator", name="Norrkraft")
user = User.objects.create_user("operator@example.test", "long enough")
Membership.objects.create(user=user, organisation=operator, role="operator")
place = Location.objects.create(operator=operator, name="Torget", address="Torget 1", city="Umeå")
for identity in ("CALL-16", "CALL-201"):
    ChargingStation.objects.create(
        identity=identity, location=place, password_digest=digest_password("{PASSWORD}")
    )
"""


class Station16(ChargePoint16):  # type: ignore[misc]
    """Accepts a reset, refuses to unlock, cannot clear its cache, and never tells its configuration."""

    @on("Reset")
    async def reset(self, type: str) -> Any:  # noqa: A002 - the standard's word
        return result16.Reset(status="Accepted" if type == "Soft" else "Rejected")

    @on("UnlockConnector")
    async def unlock(self, **_fields: Any) -> Any:
        return result16.UnlockConnector(status="UnlockFailed")

    @on("ClearCache")
    async def clear_cache(self) -> Any:
        raise NotSupportedError("no cache here", {"since": "2019"})

    @on("GetConfiguration")
    async def get_configuration(self, **_fields: Any) -> Any:
        await asyncio.sleep(30)


class Station201(ChargePoint201):  # type: ignore[misc]
    """Tells a variable."""

    @on("GetVariables")
    async def get_variables(self, get_variable_data: list[dict[str, Any]]) -> Any:
        return result201.GetVariables(
            get_variable_result=[
                {"attribute_status": "Accepted", "attribute_value": "300", **asked}
                for asked in get_variable_data
            ]
        )


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("api-calls")
    with running_product(folder) as product:
        run_python(product, SEED)
        product.start_web()
        yield product


@pytest.fixture(scope="module")
def key(product: Product) -> str:
    return product.manage("create_api_key", "operator@example.test").strip()


@pytest.fixture
async def station16(product: Product) -> AsyncIterator[None]:
    async with connected(
        Station16, "ocpp1.6", url=product.ocpp_url, identity="CALL-16", password=PASSWORD
    ) as station:
        await station.call(call16.BootNotification("Model One", "Vendor"))
        yield


@pytest.fixture
async def station201(product: Product) -> AsyncIterator[None]:
    async with connected(
        Station201, "ocpp2.0.1", url=product.ocpp_url, identity="CALL-201", password=PASSWORD
    ) as station:
        await station.call(
            call201.BootNotification(
                charging_station={"model": "Model Two", "vendor_name": "Vendor"}, reason="PowerUp"
            )
        )
        yield


async def call(
    product: Product, key: str, identity: str, action: str, payload: Any, **more: Any
) -> tuple[int, Any]:
    """The status and the document of the answer."""
    return await asyncio.to_thread(
        _post, f"{product.url}/api/v1/stations/{identity}/calls/", key,
        {"action": action, "payload": payload, **more},
    )  # fmt: skip


def _post(address: str, key: str, body: Any) -> tuple[int, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own address
        address, data=json.dumps(body).encode(), method="POST",
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own address
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


async def test_the_stations_answer_is_the_result_and_rejected_is_a_problem(product, key, station16):
    assert await call(product, key, "CALL-16", "Reset", {"type": "Soft"}) == (
        200, {"result": {"status": "Accepted"}},
    )  # fmt: skip
    status, document = await call(product, key, "call-16", "Reset", {"type": "Hard"})
    assert (status, document["type"]) == (409, "/api/problems/station-refused/")
    assert document["result"] == {"status": "Rejected"}
    assert await call(product, key, "CALL-16", "UnlockConnector", {"connectorId": 1}) == (
        200, {"result": {"status": "UnlockFailed"}},
    )  # fmt: skip
    assert product.rows(
        "SELECT act, count(*) FROM accounts_auditentry WHERE act LIKE 'station.%%' GROUP BY 1"
    ) == [("station.raw_call", 3)]


async def test_a_callerror_is_a_502_in_the_stations_own_words(product, key, station16):
    status, document = await call(product, key, "CALL-16", "ClearCache", {})
    assert (status, document["type"]) == (502, "/api/problems/call-error/")
    assert (document["code"], document["description"]) == ("NotSupported", "no cache here")
    assert document["details"] == {"since": "2019"}


async def test_a_station_that_does_not_answer_is_a_504_when_the_time_is_over(product, key, station16):
    started = asyncio.get_running_loop().time()
    status, document = await call(product, key, "CALL-16", "GetConfiguration", {}, timeout_s=1)
    assert (status, document["type"]) == (504, "/api/problems/timed-out/")
    assert 1 <= asyncio.get_running_loop().time() - started < 5


async def test_a_2_0_1_station_is_asked_in_its_own_words(product, key, station201):
    asked = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    status, document = await call(product, key, "CALL-201", "GetVariables", {"getVariableData": [asked]})
    assert status == 200
    assert document["result"] == {
        "getVariableResult": [{"attributeStatus": "Accepted", "attributeValue": "300", **asked}]
    }
    status, document = await call(product, key, "CALL-201", "GetConfiguration", {})
    assert (status, document["type"], document["version"]) == (422, "/api/problems/unknown-action/", "2.0.1")


async def test_waiting_calls_leave_the_database_to_others(product, key, station16):
    """More calls wait than one process has database connections; another page answers meanwhile."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MORE_THAN_CONNECTIONS + 10))
    waiting = [
        asyncio.create_task(call(product, key, "CALL-16", "GetConfiguration", {}, timeout_s=3))
        for _ in range(MORE_THAN_CONNECTIONS)
    ]
    await asyncio.sleep(1.5)
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{product.url}/api/v1/stations/", headers={"Authorization": f"Bearer {key}"}
    )
    started = asyncio.get_running_loop().time()
    answer = await asyncio.to_thread(urllib.request.urlopen, request, timeout=60)
    with answer:
        assert answer.status == 200
    assert asyncio.get_running_loop().time() - started < 1
    assert not any(task.done() for task in waiting)
    statuses = {status for status, _document in await asyncio.gather(*waiting)}
    assert statuses <= {409, 504}


async def test_a_station_that_is_gone_is_a_409(product, key):
    status, document = await call(product, key, "CALL-201", "ClearCache", {})
    assert (status, document["type"]) == (409, "/api/problems/station-offline/")
