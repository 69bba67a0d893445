"""Simulated stations at the real gateway: what they say arrives, what they are asked they do."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from chargeportal.simulation.car import Car
from chargeportal.simulation.car_models import HATCHBACK, SALOON
from chargeportal.simulation.clock import SimulatedClock, behind_for
from chargeportal.simulation.driver import obey_remote_starts
from chargeportal.simulation.station16 import SimulatedStation16
from chargeportal.simulation.station201 import SimulatedStation201
from tests.journeys.product import Product, run_python, running_product

pytestmark = pytest.mark.slow

PASSWORD = "only-for-this-test-0123456789"
SEED = f"""
from accounts.models import IdToken, User
from stations.models import ChargingStation
from stations.ocpp.credentials import digest_password
driver = User.objects.create_user("driver@example.test", "long enough")
IdToken.objects.create(uid="CARD1", user=driver)
for identity in ("SIM-16", "SIM-201"):
    ChargingStation.objects.create(
        identity=identity, max_power_kw=150, password_digest=digest_password("{PASSWORD}")
    )
"""
ASK = """
from django.utils import timezone
from stations import commands
from stations.models import ChargingStation
station = ChargingStation.objects.get(identity="{identity}")
command = commands.raw_call(
    station, action="{action}", payload={payload}, requested_by=None, now=timezone.now()
)
print(commands.wait_for(command, timeout_s=60).response)
"""
SESSION = """
SELECT s.state, s.energy_wh, s.flags, s.held_reason, s.stop_reason, u.email,
       (SELECT count(*) FROM charging_sessions_metersample m WHERE m.session_id = s.id)
FROM charging_sessions_chargingsession s JOIN stations_chargingstation t ON t.id = s.station_id
LEFT JOIN accounts_user u ON u.id = s.user_id WHERE t.identity = %s ORDER BY s.id
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("product")) as product:
        run_python(product, SEED)
        product.start_web()
        yield product


def station(product: Product, station_class: type, **options: Any) -> Any:
    identity = f"SIM-{station_class.version.replace('.', '')}"
    given = {"register_wh": 1000, "reboot_s": 0.2} | options
    return station_class(url=product.ocpp_url, identity=identity, password=PASSWORD, **given)


async def ask(product: Product, identity: str, action: str, payload: dict[str, Any]) -> str:
    code = ASK.format(identity=identity, action=action, payload=payload)
    return await asyncio.to_thread(run_python, product, code)


@pytest.mark.parametrize(
    ("station_class", "kind", "model"),
    [(SimulatedStation16, "ac", HATCHBACK), (SimulatedStation201, "dc", SALOON)],
    ids=["1.6 AC", "2.0.1 DC"],
)
async def test_a_believable_session_is_stored_without_any_objection(product, station_class, kind, model):
    clock = SimulatedClock(speed=300, behind_s=behind_for(1800, speed=300))
    options = {"kind": kind, "max_power_kw": 150 if kind == "dc" else 22, "clock": clock}
    async with station(product, station_class, sample_interval_s=60, **options) as charger:
        await charger.plug_in(car=Car(model=model, soc_percent=30, battery_c=20))
        await charger.start("CARD1")
        energy_wh = await charger.charge(duration_s=900)
        transaction = await charger.stop()
        await charger.unplug()
    assert not charger.journal.unacknowledged()
    state, stored_wh, flags, held, reason, email, samples = product.rows(SESSION, charger.identity)[-1]
    assert (state, flags, held, reason, email) == ("ended", [], "", "local", "driver@example.test")
    assert stored_wh == transaction.energy_wh >= energy_wh > 2500
    assert samples >= 15


@pytest.mark.parametrize("station_class", [SimulatedStation16, SimulatedStation201], ids=["1.6", "2.0.1"])
async def test_it_obeys_the_operator(product, station_class):
    is_16 = station_class is SimulatedStation16
    async with station(product, station_class) as charger:
        obey_remote_starts(charger)
        start = (
            ("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1}) if is_16
            else ("RequestStartTransaction", {
                "idToken": {"idToken": "CARD1", "type": "Central"}, "remoteStartId": 5, "evseId": 1,
            })
        )  # fmt: skip
        assert "Accepted" in await ask(product, charger.identity, *start)
        async with asyncio.timeout(60):
            while not charger.evses[1].transaction:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        running = charger.evses[1].transaction
        reset = {"type": "Hard" if is_16 else "Immediate"}
        assert "Accepted" in await ask(product, charger.identity, "Reset", reset)
        async with asyncio.timeout(60):
            await running.over.wait()
            await charger.link.down.wait()
            await charger.ready.wait()
        boots = charger.journal.acknowledged("BootNotification")
        assert len(boots) == 2
        await charger.flushed()
    assert product.rows(SESSION, charger.identity)[-1][0] == "ended"


async def test_a_wrong_password_is_told_at_once(product):
    charger = SimulatedStation16(url=product.ocpp_url, identity="SIM-16", password="wrong")
    with pytest.raises(Exception, match="does not accept the password"):
        async with charger:
            pytest.fail("the door is closed")
