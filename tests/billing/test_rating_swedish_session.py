"""A session as a Swedish driver has it: prices with 25 % VAT inside, an idle fee, öre on the receipt."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from billing.rating import Charge
from chargeportal.common.money import Money
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

ENERGY = component("ENERGY", "4.95", "25")
IDLE = component("PARKING_TIME", "60", "25")
CHARGING_TIME = component("TIME", "6", "25")


def swedish(*components: dict, **fields: object) -> dict:
    return tariff(element(*components), country_code="SE", currency="SEK", tax_included="YES", **fields)


def sek(amount: str) -> Money:
    return Money(Decimal(amount), "SEK")


def test_energy_is_paid_per_kwh_with_the_vat_inside_the_price():
    rated = price(session("2026-11-20T14:05", charging(47, "23.456"), zone=STOCKHOLM), swedish(ENERGY))
    (line,) = rated.lines
    assert line.incl == Fraction("116.1072")
    assert line.excl == Fraction("116.1072") / Fraction("1.25")
    assert (line.rounded.excl, line.rounded.vat, line.rounded.incl) == (
        sek("92.89"),
        sek("23.22"),
        sek("116.11"),
    )
    assert (line.charge, line.quantity, line.unit, line.unit_price) == (
        Charge.ENERGY,
        Fraction("23.456"),
        "kWh",
        Decimal("4.95"),
    )
    assert line.vat_rate == Decimal("0.25")


def test_parking_is_charged_only_after_the_car_stopped_asking_for_power():
    measured = session("2026-11-20T14:05", charging(40, 20), parking(15), zone=STOCKHOLM)
    rated = price(measured, swedish(ENERGY, IDLE))
    assert billed(rated, Charge.PARKING_TIME) == [(900, Decimal(60))]
    assert rated.rounded.incl == sek("114.00")
    assert rated.rounded.vat == sek("22.80")


def test_idle_minutes_are_never_charged_as_charging():
    measured = session("2026-11-20T14:05", charging(30, 10), parking(90), charging(10, 2), zone=STOCKHOLM)
    rated = price(measured, swedish(CHARGING_TIME))
    assert billed(rated, Charge.TIME) == [(40 * 60, Decimal(6))]
    assert rated.lines_of(Charge.PARKING_TIME) == ()
    assert rated.measured.parking_s == 90 * 60
    assert rated.billed.parking_s == 0
    assert rated.rounded.incl == sek("4.00")


def test_the_receipt_adds_up_to_the_ore():
    measured = session("2026-11-20T14:05", charging(47, "23.4567"), parking(11), zone=STOCKHOLM)
    rated = price(measured, swedish(component("FLAT", "9.90", "25"), ENERGY, IDLE))
    assert [line.rounded.incl for line in rated.lines] == [sek("9.90"), sek("116.11"), sek("11.00")]
    assert [line.rounded.excl for line in rated.lines] == [sek("7.92"), sek("92.89"), sek("8.80")]
    assert rated.rounded.incl == sek("137.01")
    assert rated.rounded.excl + rated.rounded.vat == rated.rounded.incl


def test_a_capped_session_pays_the_cap_and_the_lines_still_add_up():
    capped = swedish(ENERGY, max_price={"before_taxes": "80", "after_taxes": "100"})
    rated = price(session("2026-11-20T14:05", charging(60, 30), zone=STOCKHOLM), capped)
    assert [(line.charge, line.rounded.incl) for line in rated.lines] == [
        (Charge.ENERGY, sek("148.50")),
        (Charge.MAX_PRICE, sek("-48.50")),
    ]
    assert (rated.rounded.excl, rated.rounded.vat, rated.rounded.incl) == (
        sek("80.00"),
        sek("20.00"),
        sek("100.00"),
    )
    assert rated.lines[-1].vat_rate == Decimal("0.25")


def test_a_session_without_any_price_is_free():
    rated = price(session("2026-11-20T14:05", charging(60, 30)), swedish(component("FLAT", "0", "25")))
    assert rated.rounded.incl == sek("0.00")
    assert rated.measured.energy_wh == 30000
    assert rated.billed.energy_wh == 0
