"""Numbers that check themselves."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.invoicing.lines import unit_price
from billing.invoicing.references import (
    is_organisation_number,
    is_payment_reference,
    is_vat_number,
    luhn_digit,
    payment_reference,
)
from chargeportal.common.money import round_half_up


@pytest.mark.parametrize(("digits", "check"), [("7992739871", "3"), ("556000461", "5"), ("0", "0")])
def test_the_check_digit(digits: str, check: str) -> None:
    assert luhn_digit(digits) == check


@given(st.integers(1, 9_999_999), st.sampled_from("12"))
def test_a_payment_reference_checks_and_one_wrong_digit_is_seen(number: int, kind: str) -> None:
    reference = payment_reference(number, kind_digit=kind)
    assert (len(reference), is_payment_reference(reference)) == (10, True)
    wrong = reference[:4] + str((int(reference[4]) + 1) % 10) + reference[5:]
    assert not is_payment_reference(wrong)


@pytest.mark.parametrize(
    ("text", "holds"),
    [("556000-4615", True), ("5560004615", True), ("556000-4616", False), ("55600", False), ("", False)],
)
def test_organisation_numbers(text: str, holds: bool) -> None:
    assert is_organisation_number(text) is holds


@pytest.mark.parametrize(
    ("text", "country", "holds"),
    [
        ("SE556000461501", "SE", True),
        ("SE 556000-4615 01", "SE", True),
        ("SE556000461601", "SE", False),
        ("SE556000461502", "SE", False),
        ("DE123456789", "DE", True),
        ("DE12345678", "DE", False),
        ("DE123456789", "FR", False),
        ("EL123456789", "GR", True),
        ("FI12345678", "", True),
        ("NO123456789", "", False),
    ],
)
def test_vat_numbers(text: str, country: str, holds: bool) -> None:
    assert is_vat_number(text, country=country) is holds


@given(
    st.decimals("0.001", "9999", places=3),
    st.decimals("0.0001", "500", places=4),
    st.sampled_from((Decimal(1), Decimal("1.25"), Decimal("1.06"))),
)
def test_quantity_times_unit_price_is_the_net_amount(
    quantity: Decimal, price: Decimal, factor: Decimal
) -> None:
    net = round_half_up(quantity * price / factor, digits=2)
    found_quantity, found_price = unit_price(net, quantity, wanted=price / factor)
    assert round_half_up(found_quantity * found_price, digits=2) == net
    assert found_price >= 0
    assert found_price == round_half_up(found_price, digits=6)


def test_a_price_is_never_negative() -> None:
    assert unit_price(Decimal("-5.00"), Decimal(1), wanted=Decimal(-5)) == (Decimal(-1), Decimal(5))
    assert unit_price(Decimal("-49.39"), Decimal("-12.3"), wanted=Decimal("4.0154")) == (
        Decimal("-12.3"), Decimal("4.0154"),
    )  # fmt: skip
