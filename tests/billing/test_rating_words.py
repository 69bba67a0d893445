"""What the driver reads about discounts, bounds and the market's prices."""

from decimal import Decimal
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from chargeportal.dashboards.price_words import explain
from sessions.ports import Price, PricedLine
from sessions.templatetags.bills import calculation, dimension_name, notes
from tests.factories import SessionFactory

PRICE = {"price": "-2.5", "currency": "SEK", "tax_included": "YES"}


def line(dimension: str, *trace: dict[str, Any]) -> PricedLine:
    return PricedLine(
        dimension=dimension,
        quantity=Decimal(1),
        unit="kWh" if dimension in ("ENERGY", "OFF_PEAK_DISCOUNT") else "x",
        unit_price=Decimal("-2.5"),
        price_includes_vat=True,
        vat_rate=Decimal("0.25"),
        amount_excl_vat=Decimal(-2),
        amount_vat=Decimal("-0.5"),
        amount_incl_vat=Decimal("-2.5"),
        trace=list(trace),
    )


def price(*lines: PricedLine) -> Price:
    return Price(
        "SEK", Decimal(8), Decimal(2), Decimal(10), lines, "Spot", is_final=True, charging_s=0, parking_s=0
    )


CAP = {"code": "day_cap", "limit": "100", "paid": "60", **PRICE}
MARKET = {
    "code": "market_energy_price", "area": "SE3", "add_percent": "10", "add_per_kwh": "0.3",
    **PRICE, "price": "1.235", "vat_percent": "25",
}  # fmt: skip

WORDS = {
    "minimum": (
        line("MIN_PRICE", {"code": "minimum_price", "limit": "20", **PRICE}),
        "Up to the lowest price",
        "No session costs less than SEK\u00a020.00",
    ),
    "maximum": (
        line("MAX_PRICE", {"code": "maximum_price", "limit": "200", **PRICE}),
        "Down to the highest price",
        "No session costs more than SEK\u00a0200.00",
    ),
    "cap": (
        line("DAY_CAP", CAP),
        "Down to the day's highest price",
        "A day costs no more than SEK\u00a0100.00; SEK\u00a060.00 had been charged that day already",
    ),
}


@pytest.mark.parametrize(("told", "name", "words"), WORDS.values(), ids=WORDS.keys())
def test_an_adjustment_says_what_it_keeps_to(told: PricedLine, name: str, words: str) -> None:
    assert dimension_name(told) == name
    assert calculation(told, price(told)) == words
    assert len(explain(told)) == 1


def test_an_adjustment_of_an_older_record_has_no_bound_to_tell() -> None:
    told = line("MAX_PRICE", {"code": "maximum_price", **PRICE})
    assert calculation(told, price(told)) == ""
    assert len(explain(told)) == 1


def test_a_discount_is_named_as_the_tariff_names_it() -> None:
    percent = line(
        "OFF_PEAK_DISCOUNT", {"code": "off_peak_discount", "name": "Night", "percent": "20", **PRICE}
    )
    amount = line(
        "OFF_PEAK_DISCOUNT", {"code": "off_peak_discount", "name": "Night", "per_kwh": "0.5", **PRICE}
    )
    assert dimension_name(percent) == "Discount: Night"
    assert explain(percent) == ["Night: 20% off the price of energy"]
    assert explain(amount) == ["Night: SEK\u00a00.50 off each kWh"]


def test_free_minutes_and_the_market_are_told_in_a_sentence() -> None:
    parked = line("PARKING_TIME", {"code": "free_idle_time", "s": "900"})
    words = ["The first 15\u00a0min plugged in without charging are free"]
    assert explain(parked) == notes(parked) == words
    (sentence,) = explain(line("ENERGY", MARKET))
    assert sentence == (
        "Energy follows the day-ahead price of SE3 plus 10 % and SEK\u00a00.30 per kWh without VAT; "
        "on average it cost SEK\u00a01.235 per kWh (25% VAT included)"
    )


@pytest.mark.django_db
def test_the_driver_sees_each_price_of_the_market() -> None:
    step = {"code": "market_price", "start": "2026-11-20T09:00:00+00:00", "end": "2026-11-20T09:15:00+00:00",
            "quantity": "2.5", "unit": "kWh", "price": "0.8543", "spot": None, "bound": ""}  # fmt: skip
    session = SessionFactory(started_at=timezone.now())
    page = render_to_string(
        "sessions/price.html", {"session": session, "price": price(line("ENERGY", MARKET, step))}
    )
    assert "The price followed the market" in page
    assert "0.8543" in page
    assert "the market&#x27;s price was missing" in page or "the market's price was missing" in page
