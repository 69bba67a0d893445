"""Why a line costs what it costs, as codes and parameters."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from billing.rating import describe, exact_text, trace
from tests.billing.rating_builders import (
    STOCKHOLM,
    charging,
    component,
    element,
    parking,
    price,
    reserved,
    session,
    tariff,
)


def test_a_line_names_its_price_its_place_and_the_readings_it_rests_on():
    ocpi = tariff(element(component("ENERGY", "4.95", "25", 100)), currency="SEK", tax_included="YES")
    measured = replace(
        session("2026-11-20T14:05", charging(30, "10.15"), zone=STOCKHOLM),
        register_start_wh=Decimal("123456.5"),
    )
    (line,) = price(measured, ocpi).lines
    assert trace(line) == [
        {
            "code": "energy_at_price",
            "quantity": "10.2",
            "unit": "kWh",
            "price": "4.95",
            "currency": "SEK",
            "tax_included": "YES",
            "vat_percent": "25",
            "element": 0,
            "component": 0,
        },
        {
            "code": "period",
            "start": "2026-11-20T13:05:00+00:00",
            "end": "2026-11-20T13:35:00+00:00",
            "quantity": "10.15",
            "unit": "kWh",
            "energy_from_wh": "0",
            "energy_to_wh": "10150",
            "register_from_wh": "123456.5",
            "register_to_wh": "133606.5",
            "interpolated": [],
        },
        {"code": "rounded_up_to_step", "step": 100, "unit": "Wh", "measured": "10150", "billed": "10200"},
    ]


def test_a_line_says_which_restrictions_it_met():
    ocpi = tariff(
        element(
            component("ENERGY", "1"),
            start_time="08:00",
            day_of_week=["SATURDAY", "FRIDAY"],
            start_date="2026-01-01",
            end_date="2027-01-01",
            min_kwh="2.5",
            max_kwh=50,
            min_power="3.7",
            max_power=22,
            min_current=6,
            max_current=64,
            min_duration=60,
            max_duration=3600,
        )
    )
    (line,) = price(session("2026-11-20T10:00", charging(30, 10, power_w=11000, current_a=48)), ocpi).lines
    assert trace(line)[1:-1] == [
        {"code": "between_hours", "start": "08:00", "end": "00:00"},
        {"code": "on_weekdays", "weekdays": [4, 5]},
        {"code": "from_date", "date": "2026-01-01"},
        {"code": "until_date", "date": "2027-01-01"},
        {"code": "energy_from", "kwh": "2.5"},
        {"code": "energy_until", "kwh": "50"},
        {"code": "power_from", "kw": "3.7"},
        {"code": "power_until", "kw": "22"},
        {"code": "current_from", "a": "6"},
        {"code": "current_until", "a": "64"},
        {"code": "after_duration", "s": "60"},
        {"code": "before_duration", "s": "3600"},
    ]


def test_a_cut_between_two_readings_is_called_interpolated():
    ocpi = tariff(
        element(component("ENERGY", "2"), end_time="10:20", start_time="00:00"),
        element(component("ENERGY", "1")),
    )
    before, after = price(session("2026-11-20T10:00", charging(30, 9), zone=STOCKHOLM), ocpi).lines
    assert trace(before)[-1]["interpolated"] == ["end"]
    assert trace(before)[-1]["energy_to_wh"] == trace(after)[-1]["energy_from_wh"] == "6000"
    assert trace(after)[-1]["interpolated"] == ["start"]


def test_every_kind_of_charge_has_its_code():
    ocpi = tariff(
        element(component("FLAT", "1"), component("TIME", "1"), reservation="RESERVATION"),
        element(
            component("FLAT", "1"),
            component("ENERGY", "1"),
            component("TIME", "1"),
            component("PARKING_TIME", "1"),
        ),
        max_price={"before_taxes": 5},
    )
    rated = price(session("2026-11-20T10:00", reserved(10), charging(30, 10), parking(10)), ocpi)
    assert [describe(line)["code"] for line in rated.lines] == [
        "reservation_fee",
        "reservation_time_at_price",
        "start_fee",
        "energy_at_price",
        "charging_time_at_price",
        "parking_time_at_price",
        "maximum_price",
    ]
    assert trace(rated.lines[0])[1:] == [{"code": "for_reservation"}]


def test_an_explanation_goes_into_json_as_it_is():
    ocpi = tariff(element(component("TIME", "1", "25", 900), max_kwh=7), element(component("TIME", "2")))
    for line in price(session("2026-11-20T10:00", charging(31, 11)), ocpi).lines:
        assert json.loads(json.dumps(trace(line))) == trace(line)


def test_numbers_are_written_without_exponent_or_needless_zeros():
    assert [exact_text(Decimal(text)) for text in ("100", "1E+3", "0.10", "0", "-0.0", "12.3400")] == [
        "100",
        "1000",
        "0.1",
        "0",
        "0",
        "12.34",
    ]
