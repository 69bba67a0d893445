"""How many sessions a core prices in a second; `-m bench -s` prints one JSON line for each tariff."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.rating import MeasuredPeriod, MeasuredSession, PeriodKind, parse_tariff, rate
from tests.billing.rating_builders import STOCKHOLM, component, element, tariff

SAMPLES = 100
FLOOR_PER_S = 2000

TARIFFS = {
    "energy": tariff(element(component("ENERGY", "4.95", "25"))),
    "energy, parking and fee": tariff(
        element(
            component("FLAT", "5", "25"),
            component("ENERGY", "4.95", "25"),
            component("PARKING_TIME", "60", "25"),
        )
    ),
    "hours of the day": tariff(
        element(component("ENERGY", "3", "25"), start_time="17:00", end_time="19:00"),
        element(component("ENERGY", "2", "25")),
    ),
    "power and energy": tariff(
        element(component("ENERGY", "4", "25"), min_power=12),
        element(component("ENERGY", "2", "25"), max_kwh=10),
        element(component("ENERGY", "3", "25")),
    ),
}


def sampled() -> MeasuredSession:
    at = datetime(2026, 11, 20, 16, tzinfo=UTC)
    periods = []
    for number in range(SAMPLES):
        until = at + timedelta(minutes=1)
        charging = number < SAMPLES * 4 // 5
        periods.append(
            MeasuredPeriod(
                at,
                until,
                PeriodKind.CHARGING if charging else PeriodKind.PARKING,
                Decimal("183.456") if charging else Decimal(0),
                Decimal(11_000 + 20 * number),
            )
        )
        at = until
    return MeasuredSession(tuple(periods), STOCKHOLM)


@pytest.fixture
def measuring(request):
    if "bench" not in request.config.getoption("markexpr"):
        pytest.skip("a measurement: run with -m bench")


@pytest.mark.bench
@pytest.mark.usefixtures("measuring")
@pytest.mark.parametrize("name", TARIFFS)
def test_a_core_prices_two_thousand_sampled_sessions_a_second(name):
    parsed, session = parse_tariff(TARIFFS[name]), sampled()
    fastest_s = min(batch_s(session, parsed) for _ in range(20))
    sys.stdout.write(
        json.dumps({"case": f"rate, {name}", "samples": SAMPLES, "sessions_per_s": round(100 / fastest_s)})
        + "\n"
    )
    assert 100 / fastest_s >= FLOOR_PER_S


def batch_s(session: MeasuredSession, parsed: object) -> float:
    begun = time.process_time()
    for _ in range(100):
        rate(session, tariff=parsed)
    return time.process_time() - begun
