"""The engine against a calculation that is too simple to be wrong: minute by minute, by the wall clock.

Everything here falls on whole minutes, so no minute needs cutting, and energy comes at a whole number of
watt-hours a minute, so that thresholds of energy are reached at the full minute too.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rating import MeasuredPeriod, MeasuredSession, PeriodKind, parse_tariff, rate
from tests.billing.rating_builders import STOCKHOLM

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
MINUTE = timedelta(minutes=1)
WH_A_MINUTE = 100

clock_times = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 30]))
restrictions = st.fixed_dictionaries(
    {},
    optional={
        "start_time": clock_times,
        "end_time": clock_times,
        "day_of_week": st.lists(st.sampled_from(DAYS), max_size=4, unique=True),
        "start_date": st.sampled_from(["2026-03-29", "2026-10-25"]),
        "end_date": st.sampled_from(["2026-03-30", "2026-10-25"]),
        "min_kwh": st.integers(0, 20).map(lambda tenths: Decimal(tenths) / 10),
        "max_kwh": st.integers(0, 40).map(lambda tenths: Decimal(tenths) / 10),
        "min_power": st.integers(0, 12),
        "max_power": st.integers(3, 12),
        "min_duration": st.integers(0, 90).map(lambda minutes: minutes * 60),
        "max_duration": st.integers(1, 300).map(lambda minutes: minutes * 60),
    },
)
components = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]),
            "price": st.integers(0, 999).map(lambda cents: Decimal(cents) / 100),
            "step_size": st.sampled_from([0, 1, 250, 900]),
        }
    ),
    min_size=1,
    max_size=3,
)
elements = st.lists(
    st.fixed_dictionaries({"price_components": components, "restrictions": restrictions}),
    min_size=1,
    max_size=5,
)


@st.composite
def stays(draw: Any) -> list[tuple[PeriodKind, int, int | None]]:
    """Return what happened as (clock, minutes, power in kW or not measured)."""
    kinds = st.sampled_from([PeriodKind.CHARGING, PeriodKind.PARKING])
    return draw(
        st.lists(
            st.tuples(kinds, st.integers(1, 240), st.none() | st.integers(0, 14)), min_size=1, max_size=4
        )
    )


def by_the_minute(
    ocpi: dict[str, Any], start: datetime, stay: list[tuple[PeriodKind, int, int | None]]
) -> Fraction:
    """Return the price before tax, adding up minute by minute."""
    counted: dict[str, list[tuple[Fraction, Fraction, int]]] = {"ENERGY": [], "TIME": [], "PARKING_TIME": []}
    last_clock = None
    fee: Fraction | None = None
    elapsed_s, wh = 0, 0
    for kind, minutes, power_kw in stay:
        for _ in range(minutes):
            now = (start + timedelta(seconds=elapsed_s)).astimezone(STOCKHOLM)
            found = {
                name: active(ocpi, name, now=now, elapsed_s=elapsed_s, wh=wh, power_kw=power_kw)
                for name in ("ENERGY", "TIME", "PARKING_TIME", "FLAT")
            }
            if fee is None and found["FLAT"] is not None:
                fee = Fraction(found["FLAT"]["price"])
            clock = "TIME" if kind is PeriodKind.CHARGING else "PARKING_TIME"
            amounts = {clock: Fraction(60)}
            if kind is PeriodKind.CHARGING:
                amounts["ENERGY"] = Fraction(WH_A_MINUTE)
            for name, amount in amounts.items():
                component = found[name]
                if component is not None:
                    counted[name].append((amount, Fraction(component["price"]), component["step_size"]))
                    last_clock = name if name == clock else last_clock
            elapsed_s += 60
            wh += WH_A_MINUTE if kind is PeriodKind.CHARGING else 0
    total = fee or Fraction(0)
    for name, parts in counted.items():
        per_unit = 1000 if name == "ENERGY" else 3600
        total += sum((amount * price for amount, price, _ in parts), start=Fraction(0)) / per_unit
        if parts and name in ("ENERGY", last_clock) and parts[-1][2]:
            total += -sum(amount for amount, _, _ in parts) % parts[-1][2] * parts[-1][1] / per_unit
    return total


def active(ocpi: dict[str, Any], name: str, **moment: Any) -> dict[str, Any] | None:
    for element in ocpi["elements"]:
        if holds(element["restrictions"], **moment):
            for component in element["price_components"]:
                if component["type"] == name:
                    return component
    return None


def holds(asked: dict[str, Any], *, now: datetime, elapsed_s: int, wh: int, power_kw: int | None) -> bool:
    clock, start, end = f"{now:%H:%M}", asked.get("start_time", "00:00"), asked.get("end_time", "00:00")
    if "start_time" in asked or "end_time" in asked:
        inside = start <= clock < end if start < end else clock >= start or clock < end
        if not inside:
            return False
    if asked.get("day_of_week") and DAYS[now.weekday()] not in asked["day_of_week"]:
        return False
    date = f"{now:%Y-%m-%d}"
    if date < asked.get("start_date", date) or date >= asked.get("end_date", "9999"):
        return False
    for low, high, value in (
        ("min_kwh", "max_kwh", Fraction(wh, 1000)),
        ("min_power", "max_power", power_kw),
        ("min_duration", "max_duration", elapsed_s),
    ):
        unknown = value is None and (low in asked or high in asked)
        if unknown or (low in asked and value < asked[low]) or (high in asked and value >= asked[high]):
            return False
    return True


@settings(max_examples=60, deadline=None)
@given(
    elements,
    stays(),
    st.sampled_from([datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)]),
    st.integers(0, 480),
)
def test_the_engine_agrees_with_adding_up_the_minutes(listed, stay, evening, minutes_later):
    ocpi = {"currency": "SEK", "country_code": "SE", "tax_included": "NO", "elements": listed}
    start = evening + minutes_later * MINUTE
    periods, at = [], start
    for kind, minutes, power_kw in stay:
        until = at + minutes * MINUTE
        energy_wh = Decimal(minutes * WH_A_MINUTE if kind is PeriodKind.CHARGING else 0)
        power_w = None if power_kw is None else Decimal(power_kw * 1000)
        periods.append(MeasuredPeriod(at, until, kind, energy_wh, power_w))
        at = until
    rated = rate(MeasuredSession(tuple(periods), STOCKHOLM), tariff=parse_tariff(ocpi))
    assert rated.excl == by_the_minute(ocpi, start, stay)
