"""Tax forms of 2.2.1 and 2.3.0, and the bounds of a session's price."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from billing.rating import Charge
from tests.billing.rating_builders import charging, component, element, parking, price, session, tariff

HOUR = session("2026-11-20T10:00", charging(60, 10))


@pytest.mark.parametrize(
    ("tax_included", "country", "vat", "excl", "incl"),
    [
        ("NO", "SE", "25", "10", "12.5"),
        ("NO", "SE", "0", "10", "10"),
        ("NO", "SE", None, "10", "10"),
        ("NO", "US", None, "10", None),
        ("NO", "CA", "5", "10", "10.5"),
        ("YES", "SE", "25", "8", "10"),
        ("YES", "SE", None, None, "10"),
        ("N/A", "SE", None, "10", "10"),
        ("N/A", "SE", "25", "10", "10"),
        (None, "SE", "25", "10", "12.5"),
    ],
)
def test_each_tax_form_gives_what_it_can_know(tax_included, country, vat, excl, incl):
    ocpi = tariff(element(component("ENERGY", "1", vat)), tax_included=tax_included, country_code=country)
    rated = price(HOUR, ocpi)
    assert rated.excl == (None if excl is None else Fraction(excl))
    assert rated.incl == (None if incl is None else Fraction(incl))
    assert (rated.vat is None) == (None in (excl, incl))
    assert (rated.rounded.excl is None, rated.rounded.incl is None) == (excl is None, incl is None)


def test_every_component_is_taxed_at_its_own_rate():
    ocpi = tariff(
        element(component("ENERGY", "1", "25"), component("TIME", "4", "6"), component("FLAT", "2"))
    )
    rated = price(HOUR, ocpi)
    assert [line.vat for line in rated.lines] == [0, Fraction("2.5"), Fraction("0.24")]
    assert [line.vat_rate for line in rated.lines] == [None, Decimal("0.25"), Decimal("0.06")]


def test_nothing_costs_nothing_whatever_the_tax():
    ocpi = tariff(element(component("ENERGY", "0")), country_code="US")
    assert (price(HOUR, ocpi).excl, price(HOUR, ocpi).incl) == (0, 0)


def test_bounds_before_and_after_tax_work_apart():
    ocpi = tariff(
        element(component("ENERGY", "1", "25")),
        max_price={"before_taxes": 9, "after_taxes": 12},
        min_price={"before_taxes": 1, "after_taxes": 1},
    )
    rated = price(HOUR, ocpi)
    assert (rated.excl, rated.incl) == (9, 12)
    adjustment = rated.lines[-1]
    assert (adjustment.charge, adjustment.excl, adjustment.incl) == (Charge.MAX_PRICE, -1, Fraction("-0.5"))
    assert adjustment.vat_rate is None, "no single rate leads from 9 to 12"


def test_a_bound_that_is_not_given_does_not_bind():
    ocpi = tariff(element(component("ENERGY", "1", "25")), max_price={"excl_vat": 9})
    assert (price(HOUR, ocpi).excl, price(HOUR, ocpi).incl) == (9, Fraction("12.5"))


def test_bounds_of_2_2_1_are_read_as_well():
    ocpi = tariff(
        element(component("ENERGY", "0.01", "25")),
        min_price={"excl_vat": 4, "incl_vat": 5},
        tax_included=None,
    )
    rated = price(HOUR, ocpi)
    assert (rated.excl, rated.incl) == (4, 5)
    assert rated.lines[-1].charge is Charge.MIN_PRICE
    assert rated.lines[-1].vat_rate == Decimal("0.25")


def test_an_unknown_side_stays_unknown_under_a_bound():
    ocpi = tariff(
        element(component("ENERGY", "1")),
        tax_included="YES",
        country_code="US",
        max_price={"before_taxes": 4, "after_taxes": 5},
    )
    rated = price(HOUR, ocpi)
    assert (rated.excl, rated.incl) == (None, 5)
    assert rated.rounded.incl.amount == 5


def test_rounding_the_lines_never_lifts_a_bill_over_its_maximum():
    ocpi = tariff(
        element(
            component("ENERGY", "0.0006"), component("TIME", "0.006"), component("PARKING_TIME", "0.006")
        ),
        max_price={"before_taxes": "0.02", "after_taxes": "0.02"},
    )
    rated = price(session("2026-11-20T10:00", charging(60, 10), parking(60)), ocpi)
    assert rated.excl == Fraction("0.018")
    assert [line.rounded.excl.amount for line in rated.lines] == [Decimal("0.01")] * 3 + [Decimal("-0.01")]
    assert rated.rounded.incl.amount == Decimal("0.02")


def test_energy_outside_any_priced_period_is_not_rounded_up():
    ocpi = tariff(element(component("ENERGY", "1", step=1000), max_kwh=5))
    assert price(session("2026-11-20T10:00", charging(60, "7.3")), ocpi).excl == 5
    assert price(session("2026-11-20T10:00", charging(60, "4.3")), ocpi).excl == 5


def test_a_free_last_element_decides_the_step():
    ocpi = tariff(
        element(component("ENERGY", "1", step=1000), max_kwh=5), element(component("ENERGY", "0", step=1))
    )
    assert price(session("2026-11-20T10:00", charging(60, "4.3")), ocpi).excl == 5
    assert price(session("2026-11-20T10:00", charging(60, "5.3")), ocpi).excl == 5


def test_periods_without_energy_do_not_decide_the_energy_step():
    ocpi = tariff(
        element(component("ENERGY", "1", step=1000), end_time="11:00"),
        element(component("ENERGY", "2", step=1)),
    )
    assert price(session("2026-11-20T10:00", charging(60, "4.3"), parking(60)), ocpi).excl == 5
