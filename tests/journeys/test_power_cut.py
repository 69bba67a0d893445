"""The web process is killed in the middle of 200 sessions: what was acknowledged is there, once."""

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from chargeportal.simulation.charging import ChargingStation
from chargeportal.simulation.link import Backoff
from chargeportal.simulation.station16 import SimulatedStation16
from chargeportal.simulation.station201 import SimulatedStation201
from tests.journeys.product import Product, run_python, running_product

pytestmark = pytest.mark.slow

STATIONS = 200
SAMPLES = 20
START_WH = 100_000
STEP_WH = 60
STEP_S = 20
PASSWORD = "only-for-this-test-0123456789"
TRANSACTION_MESSAGES = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")

SEED = f"""
from accounts.models import IdToken, User
from stations.models import ChargingStation
from stations.ocpp.credentials import digest_password
digest = digest_password("{PASSWORD}")
driver = User.objects.create_user("driver@example.test", "long enough")
for n in range({STATIONS}):
    ChargingStation.objects.create(identity=f"CUT-{{n:03}}", max_power_kw=22, password_digest=digest)
    IdToken.objects.create(uid=f"CARD{{n:03}}", user=driver)
"""


async def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(tmp_path: Path) -> None:
    with running_product(tmp_path) as product:
        run_python(product, SEED)
        product.start_web()
        stations = [station(product, n) for n in range(STATIONS)]
        try:
            await charge_through_a_power_cut(product, stations)
            for each in stations:
                await each.flushed(timeout_s=60)
        finally:
            await asyncio.gather(*(each.close() for each in stations))
        check_sessions(product)
        check_acknowledged(product, stations)


def station(product: Product, n: int) -> ChargingStation:
    """Every other one speaks 2.0.1; all come back quickly, as after a short outage."""
    station_class = SimulatedStation201 if n % 2 else SimulatedStation16
    return station_class(
        url=product.ocpp_url, identity=f"CUT-{n:03}", password=PASSWORD, seed=n,
        ready_timeout_s=60, call_timeout_s=10, backoff=Backoff(first_s=0.2, most_s=2.0),
    )  # fmt: skip


async def charge_through_a_power_cut(product: Product, stations: Sequence[ChargingStation]) -> None:
    async def one(n: int, each: ChargingStation) -> None:
        each.begin()
        await each.until_ready(timeout_s=60)
        await each.plug_in()
        await each.start(f"CARD{n:03}", meter_start_wh=START_WH)
        for sample in range(1, SAMPLES + 1):
            await each.report([(sample * STEP_S, START_WH + sample * STEP_WH, 10_800)])
            await asyncio.sleep(random.Random(n * 100 + sample).random() * 0.2)  # noqa: S311 - no secret
        await each.stop(offset_s=(SAMPLES + 1) * STEP_S, register_wh=START_WH + SAMPLES * STEP_WH)

    charging = asyncio.gather(*(one(n, each) for n, each in enumerate(stations)))
    await some_are_in_the_middle(stations)
    await asyncio.to_thread(product.kill_web)
    await asyncio.sleep(1)
    await asyncio.to_thread(product.start_web)
    await charging


async def some_are_in_the_middle(stations: Sequence[ChargingStation]) -> None:
    """All have begun, and samples are on their way."""
    async with asyncio.timeout(90):
        while not all(acknowledged_starts(each) for each in stations):  # noqa: ASYNC110 - no one event tells it
            await asyncio.sleep(0.02)
    unanswered = [entry for each in stations for entry in each.journal.unacknowledged(*TRANSACTION_MESSAGES)]
    assert unanswered, "the cut must come while messages are under way"


def acknowledged_starts(each: ChargingStation) -> bool:
    entries = each.journal.acknowledged("StartTransaction", "TransactionEvent")
    return bool(entries)


def check_sessions(product: Product) -> None:
    sessions = product.rows(
        "SELECT t.identity, count(*), min(s.state), sum(s.energy_wh), min(s.held_reason), min(u.email)"
        " FROM charging_sessions_chargingsession s JOIN stations_chargingstation t ON t.id = s.station_id"
        " LEFT JOIN accounts_user u ON u.id = s.user_id GROUP BY 1 ORDER BY 1"
    )
    energy = Decimal(SAMPLES * STEP_WH)
    assert sessions == [
        (f"CUT-{n:03}", 1, "ended", energy, "", "driver@example.test") for n in range(STATIONS)
    ]


def check_acknowledged(product: Product, stations: Sequence[ChargingStation]) -> None:
    """Every sample that a station was told is taken is a row, and no row is there twice."""
    registers = {(identity, wh) for identity, wh in product.rows(
        "SELECT t.identity, m.energy_wh::bigint FROM charging_sessions_metersample m"
        " JOIN stations_chargingstation t ON t.id = m.station_id WHERE m.session_id IS NOT NULL"
        " AND m.context = 'sample_periodic'"
    )}  # fmt: skip
    for each in stations:
        assert not each.journal.unacknowledged(*TRANSACTION_MESSAGES), each.identity
    expected = {
        (f"CUT-{n:03}", START_WH + sample * STEP_WH)
        for n in range(STATIONS)
        for sample in range(1, SAMPLES + 1)
    }
    assert expected <= registers
    periodic = product.rows(
        "SELECT count(*) FROM charging_sessions_metersample WHERE context = 'sample_periodic'"
    )[0][0]
    assert periodic == len(registers)
    started = product.rows("SELECT count(*) FROM charging_sessions_transactionevent WHERE type = 'started'")
    ended = product.rows("SELECT count(*) FROM charging_sessions_transactionevent WHERE type = 'ended'")
    assert (started[0][0], ended[0][0]) == (STATIONS, STATIONS)
