"""Which tariffs can be priced, and what is said about the others."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from billing.rating import (
    InvalidSession,
    InvalidTariff,
    MeasuredPeriod,
    MeasuredSession,
    PeriodKind,
    TaxIncluded,
    parse_tariff,
    rate,
)
from tests.billing.rating_builders import STOCKHOLM, component, element, tariff

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_tariff_from_json_keeps_its_decimals():
    text = '{"price_components": [{"type": "ENERGY", "price": 4.95, "vat": 25.0}]}'
    parsed = parse_tariff({"currency": "SEK", "elements": [json.loads(text)]})
    (priced,) = parsed.elements[0].components
    assert (priced.price, priced.vat_rate, priced.step_size) == (Decimal("4.95"), Decimal("0.25"), 0)
    assert parsed.tax_included is TaxIncluded.NO
    assert not parsed.elements[0].restrictions


def test_restrictions_are_read_into_base_units():
    parsed = parse_tariff(
        tariff(
            element(
                component("ENERGY", "1"),
                start_time="22:30",
                end_date="2026-12-24",
                day_of_week=["SUNDAY"],
                min_kwh=1.5,
                max_power=11,
                max_duration=60,
                min_current=None,
            )
        )
    )
    found = parsed.elements[0].restrictions
    assert (found.start_time, found.end_date, found.weekdays) == (time(22, 30), date(2026, 12, 24), {6})
    assert (found.min_energy_wh, found.max_power_w, found.max_duration_s) == (1500, 11000, 60)
    assert found.min_current_a is None


REFUSED = {
    "no elements": (tariff(), "elements: a list"),
    "no components": (tariff(element()), "elements[0].price_components: a list"),
    "no currency": (tariff(element(component("ENERGY", "1")), currency=None), "currency: an ISO"),
    "unknown type": (
        tariff(element(component("MILES", "1"))),
        "elements[0].price_components[0].type: 'MILES'",
    ),
    "negative price": (
        tariff(element(component("FLAT", "1"), component("ENERGY", "-1"))),
        "elements[0].price_components[1].price: must not be negative",
    ),
    "price is no number": (
        tariff(element({"type": "ENERGY", "price": True})),
        "elements[0].price_components[0].price: a number",
    ),
    "price is missing": (
        tariff(element({"type": "ENERGY"})),
        "elements[0].price_components[0].price: a number",
    ),
    "price is not finite": (
        tariff(element({"type": "ENERGY", "price": float("nan")})),
        "elements[0].price_components[0].price: a finite",
    ),
    "price is a word": (
        tariff(element({"type": "ENERGY", "price": "dear"})),
        "elements[0].price_components[0].price: a number",
    ),
    "half a step": (
        tariff(element({"type": "ENERGY", "price": 1, "step_size": 0.5})),
        "elements[0].price_components[0].step_size: a whole",
    ),
    "unknown restriction": (
        tariff(element(component("ENERGY", "1"), min_soc=80)),
        "elements[0].restrictions.min_soc: an unknown",
    ),
    "impossible time": (
        tariff(element(component("ENERGY", "1"), start_time="24:00")),
        "elements[0].restrictions.start_time: a time",
    ),
    "impossible date": (
        tariff(element(component("ENERGY", "1"), end_date="2026-02-30")),
        "elements[0].restrictions.end_date: a date",
    ),
    "unknown day": (
        tariff(element(component("ENERGY", "1"), day_of_week=["FREDAG"])),
        "elements[0].restrictions.day_of_week: not a weekday: 'FREDAG'",
    ),
    "days as text": (
        tariff(element(component("ENERGY", "1"), day_of_week="MONDAY")),
        "elements[0].restrictions.day_of_week: a list",
    ),
    "unknown tax form": (
        tariff(element(component("ENERGY", "1")), tax_included="MAYBE"),
        "tax_included: 'MAYBE'",
    ),
    "odd bound": (tariff(element(component("ENERGY", "1")), min_price=5), "min_price: an object"),
    "not an object": ([], "tariff: an object"),
}


@pytest.mark.parametrize(("ocpi", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_priced_is_refused_by_name(ocpi, said):
    with pytest.raises(InvalidTariff) as refusal:
        parse_tariff(ocpi)
    assert str(refusal.value).startswith(said)


PLAIN = tariff(element(component("ENERGY", "1")))
CONTRADICTIONS = {
    "backwards": [MeasuredPeriod(AT, AT - HOUR)],
    "overlapping": [MeasuredPeriod(AT, AT + HOUR), MeasuredPeriod(AT + HOUR / 2, AT + 2 * HOUR)],
    "negative energy": [MeasuredPeriod(AT, AT + HOUR, energy_wh=Decimal(-1))],
    "endless energy": [MeasuredPeriod(AT, AT + HOUR, energy_wh=Decimal("Infinity"))],
    "no number": [MeasuredPeriod(AT, AT + HOUR, energy_wh=Decimal("NaN"))],
    "energy while reserved": [MeasuredPeriod(AT, AT + HOUR, PeriodKind.RESERVATION, Decimal(1))],
}


@pytest.mark.parametrize("periods", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_periods_that_contradict_each_other_are_refused(periods):
    with pytest.raises(InvalidSession, match=rf"periods\[{len(periods) - 1}\]"):
        rate(MeasuredSession(tuple(periods), STOCKHOLM), tariff=parse_tariff(PLAIN))


def test_time_between_two_periods_is_not_billed():
    ocpi = tariff(element(component("TIME", "6")))
    periods = (MeasuredPeriod(AT, AT + HOUR), MeasuredPeriod(AT + 3 * HOUR, AT + 4 * HOUR))
    rated = rate(MeasuredSession(periods, STOCKHOLM), tariff=parse_tariff(ocpi))
    assert rated.excl == 12
    assert len(rated.lines[0].runs) == 2
