"""When an element is active: hours, days, energy, power, current and duration, in local time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from billing.rating import Charge, MeasuredPeriod, MeasuredSession, PeriodKind
from tests.billing.rating_builders import (
    STOCKHOLM,
    billed,
    charging,
    component,
    element,
    parking,
    price,
    session,
    tariff,
)

DAY = component("TIME", "3")
NIGHT = component("TIME", "1")
NIGHT_THEN_DAY = tariff(element(NIGHT, start_time="22:00", end_time="06:00"), element(DAY))


def minutes(measured: MeasuredSession, ocpi: dict, charge: Charge = Charge.TIME) -> list[tuple[int, str]]:
    return [
        (int(quantity / 60), str(unit_price))
        for quantity, unit_price in billed(price(measured, ocpi), charge)
    ]


def test_a_start_time_is_included_and_an_end_time_is_not():
    ocpi = tariff(element(NIGHT, start_time="10:00", end_time="11:00"), element(DAY))
    assert minutes(session("2026-11-20T10:00", charging(60)), ocpi) == [(60, "1")]
    assert minutes(session("2026-11-20T11:00", charging(60)), ocpi) == [(60, "3")]
    assert minutes(session("2026-11-20T09:30", charging(120)), ocpi) == [(60, "3"), (60, "1")]


def test_a_night_window_wraps_past_midnight():
    assert minutes(session("2026-11-20T21:00", charging(10 * 60)), NIGHT_THEN_DAY) == [(120, "3"), (480, "1")]


def test_an_end_at_midnight_is_the_end_of_the_day():
    ocpi = tariff(element(NIGHT, start_time="20:00", end_time="00:00"), element(DAY))
    assert minutes(session("2026-11-20T19:00", charging(360)), ocpi) == [(120, "3"), (240, "1")]


def test_one_side_of_the_hours_alone_reaches_to_midnight():
    assert minutes(session("2026-11-20T23:00", charging(120)), tariff(element(DAY, start_time="12:00"))) == [
        (60, "3")
    ]
    assert minutes(session("2026-11-20T11:00", charging(120)), tariff(element(DAY, end_time="12:00"))) == [
        (60, "3")
    ]


def test_the_same_start_and_end_are_the_whole_day():
    ocpi = tariff(element(DAY, start_time="08:00", end_time="08:00"))
    assert minutes(session("2026-11-20T07:00", charging(120)), ocpi) == [(120, "3")]


def test_after_midnight_a_night_window_asks_for_the_next_weekday():
    friday_night = tariff(element(NIGHT, start_time="22:00", end_time="06:00", day_of_week=["FRIDAY"]))
    assert minutes(session("2026-11-20T23:00", charging(180)), friday_night) == [(60, "1")]
    assert minutes(session("2026-11-19T23:00", charging(180)), friday_night) == [(120, "1")]


def test_a_start_date_is_included_and_an_end_date_is_not():
    ocpi = tariff(element(NIGHT, start_date="2026-11-20", end_date="2026-11-21"), element(DAY))
    assert minutes(session("2026-11-19T23:00", charging(26 * 60)), ocpi) == [(120, "3"), (1440, "1")]


def test_days_change_at_the_midnight_of_the_location_not_of_utc():
    ocpi = tariff(element(NIGHT, day_of_week=["SATURDAY"]), element(DAY))
    assert minutes(session("2026-11-20T23:30", charging(60), zone=STOCKHOLM), ocpi) == [(30, "3"), (30, "1")]


def test_an_empty_list_of_days_restricts_nothing():
    assert minutes(session("2026-11-20T10:00", charging(60)), tariff(element(DAY, day_of_week=[]))) == [
        (60, "3")
    ]


def test_the_night_the_clocks_go_forward_is_an_hour_shorter():
    measured = session("2026-03-28T22:00", charging(8 * 60), zone=STOCKHOLM)
    assert minutes(measured, NIGHT_THEN_DAY) == [(7 * 60, "1"), (60, "3")]


def test_the_night_the_clocks_go_back_is_an_hour_longer():
    measured = session("2026-10-24T22:00", charging(10 * 60), zone=STOCKHOLM)
    assert minutes(measured, NIGHT_THEN_DAY) == [(9 * 60, "1"), (60, "3")]


def test_hours_the_clock_shows_twice_match_twice():
    ocpi = tariff(element(NIGHT, start_time="02:00", end_time="02:30"), element(DAY))
    measured = session("2026-10-25T01:00", charging(180), zone=STOCKHOLM)
    assert minutes(measured, ocpi) == [(120, "3"), (60, "1")]
    lines = price(measured, ocpi).lines
    assert [len(line.runs) for line in lines] == [3, 2]


def test_hours_the_clock_never_shows_match_never():
    ocpi = tariff(element(NIGHT, start_time="02:00", end_time="03:00"), element(DAY))
    assert minutes(session("2026-03-29T01:00", charging(120), zone=STOCKHOLM), ocpi) == [(120, "3")]


def test_a_window_beginning_inside_the_skipped_hour_begins_when_the_clock_jumps():
    ocpi = tariff(element(NIGHT, start_time="02:30", end_time="04:00"), element(DAY))
    assert minutes(session("2026-03-29T01:00", charging(180), zone=STOCKHOLM), ocpi) == [
        (120, "3"),
        (60, "1"),
    ]


def test_the_second_pass_of_a_repeated_hour_is_another_time():
    ocpi = tariff(element(NIGHT, end_time="02:30", start_time="00:00"), element(DAY))
    first = session("2026-10-25T02:15", charging(30), zone=STOCKHOLM)
    second = session("2026-10-25T02:15", charging(30), zone=STOCKHOLM, fold=1)
    assert second.periods[0].start - first.periods[0].start == timedelta(hours=1)
    assert minutes(first, ocpi) == [(15, "1"), (15, "3")]
    assert minutes(second, ocpi) == [(15, "1"), (15, "3")]


def test_energy_is_cut_where_the_threshold_is_reached():
    ocpi = tariff(
        element(component("ENERGY", "0.50"), max_kwh=10),
        element(component("ENERGY", "0.40"), min_kwh=10, max_kwh=20),
        element(component("ENERGY", "0.30")),
    )
    rated = price(session("2026-11-20T10:00", charging(30, 6), charging(60, 24)), ocpi)
    assert billed(rated, Charge.ENERGY) == [
        (10000, Decimal("0.50")),
        (10000, Decimal("0.40")),
        (10000, Decimal("0.30")),
    ]


def test_time_is_billed_to_the_exact_instant_of_an_energy_threshold():
    ocpi = tariff(
        element(component("TIME", "6", step=0), max_kwh=1), element(component("TIME", "12", step=0))
    )
    rated = price(session("2026-11-20T10:00", charging(10, 3)), ocpi)
    assert billed(rated, Charge.TIME) == [(200, Decimal(6)), (400, Decimal(12))]
    rated = price(session("2026-11-20T10:00", charging(10, 7)), ocpi)
    assert billed(rated, Charge.TIME) == [(Fraction(600, 7), Decimal(6)), (Fraction(3600, 7), Decimal(12))]


def test_a_minimum_is_reached_by_equality_and_a_maximum_is_not_undercut_by_it():
    ocpi = tariff(
        element(component("ENERGY", "1"), max_power=11), element(component("ENERGY", "2"), min_power=11)
    )
    assert price(session("2026-11-20T10:00", charging(60, 11, power_w=11000)), ocpi).excl == 22
    assert price(session("2026-11-20T10:00", charging(60, 10, power_w=10999)), ocpi).excl == 10


def test_prices_follow_the_current_up_and_down():
    ocpi = tariff(element(DAY, min_current=32), element(NIGHT))
    measured = session(
        "2026-11-20T10:00",
        charging(10, 1, current_a=16),
        charging(20, 4, current_a=48),
        charging(5, 1, current_a=31),
    )
    assert minutes(measured, ocpi) == [(15, "1"), (20, "3")]


def test_what_was_not_measured_matches_no_restriction_and_is_reported():
    ocpi = tariff(
        element(component("ENERGY", "1"), min_power=0),
        element(component("ENERGY", "2"), max_current=100),
        element(component("ENERGY", "3")),
    )
    rated = price(session("2026-11-20T10:00", charging(60, 10)), ocpi)
    assert rated.excl == 30
    assert rated.warnings == ("power_not_measured", "current_not_measured")
    assert price(session("2026-11-20T10:00", charging(60, 10, power_w=1, current_a=1)), ocpi).warnings == ()


def test_dimensions_are_chosen_apart():
    ocpi = tariff(
        element(component("TIME", "9"), min_kwh=1000),
        element(component("ENERGY", "0.50")),
        element(component("ENERGY", "7"), component("TIME", "2")),
    )
    rated = price(session("2026-11-20T10:00", charging(60, 10)), ocpi)
    assert [(line.charge, line.candidate.element_index) for line in rated.lines] == [
        (Charge.ENERGY, 1),
        (Charge.TIME, 2),
    ]
    assert rated.excl == 7


def test_of_two_prices_for_one_thing_in_an_element_the_first_counts():
    ocpi = tariff(element(component("ENERGY", "1"), component("ENERGY", "9")))
    assert price(session("2026-11-20T10:00", charging(60, 10)), ocpi).excl == 10


def test_durations_count_from_the_start_of_the_session():
    ocpi = tariff(
        element(component("PARKING_TIME", "0"), max_duration=3600), element(component("PARKING_TIME", "6"))
    )
    measured = session("2026-11-20T10:00", charging(50, 10), parking(40))
    assert minutes(measured, ocpi, Charge.PARKING_TIME) == [(10, "0"), (30, "6")]


def test_a_start_fee_is_charged_once_when_its_element_first_matches():
    ocpi = tariff(
        element(component("FLAT", "5"), start_time="12:00", end_time="13:00"),
        element(component("FLAT", "9"), start_time="13:00", end_time="14:00"),
    )
    assert price(session("2026-11-20T11:00", charging(60)), ocpi).excl == 0
    late = price(session("2026-11-20T11:00", charging(180)), ocpi)
    assert late.excl == 5
    assert late.lines[0].runs[0].start_us == datetime(2026, 11, 20, 11, tzinfo=UTC).timestamp() * 10**6


def test_a_session_that_has_only_begun_owes_the_start_fee():
    at = datetime(2026, 11, 20, 10, tzinfo=UTC)
    measured = MeasuredSession((MeasuredPeriod(at, at, PeriodKind.CHARGING),), STOCKHOLM)
    assert price(measured, tariff(element(component("FLAT", "5"), DAY))).excl == 5


@pytest.mark.parametrize("kind", list(PeriodKind))
def test_a_session_without_periods_costs_nothing(kind):
    assert price(MeasuredSession((), STOCKHOLM), tariff(element(component("FLAT", "5"), DAY))).excl == 0
