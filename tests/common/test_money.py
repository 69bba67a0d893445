from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeportal.common.money import CurrencyMismatch, Money, minor_digits, round_half_up

amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=6)


def sek(amount: str) -> Money:
    return Money(Decimal(amount), "SEK")


def test_money_keeps_every_digit_until_it_is_rounded():
    assert sek("0.0001") + sek("0.0049") == sek("0.0050")
    assert (sek("0.0001") + sek("0.0049")).rounded() == sek("0.01")
    assert sek("1") * Decimal("0.3333333333333333333333333333333333") == sek(
        "0.3333333333333333333333333333333333"
    )


@pytest.mark.parametrize(
    ("amount", "currency", "payable"),
    [
        ("1.005", "SEK", "1.01"),
        ("1.004999", "SEK", "1.00"),
        ("-1.005", "SEK", "-1.01"),
        ("2.5", "JPY", "3"),
        ("1234", "JPY", "1234"),
        ("0.0005", "KWD", "0.001"),
        ("7", "EUR", "7.00"),
    ],
)
def test_rounding_is_half_up_to_the_smallest_unit_of_the_currency(amount, currency, payable):
    rounded = Money(Decimal(amount), currency).rounded()
    assert str(rounded) == f"{payable} {currency}"


def test_money_of_two_currencies_never_meets():
    euro = Money(Decimal(1), "EUR")
    for meet in (lambda: sek("1") + euro, lambda: sek("1") - euro, lambda: sek("1") < euro):
        with pytest.raises(CurrencyMismatch):
            meet()
    assert sek("1") != euro


def test_floats_and_bare_numbers_are_refused():
    with pytest.raises(TypeError):
        Money(1.5, "SEK")
    with pytest.raises(TypeError):
        Money(True, "SEK")
    with pytest.raises(TypeError):
        sek("1") * 1.5
    with pytest.raises(TypeError):
        sek("1") + 1
    with pytest.raises(ValueError, match="finite"):
        sek("NaN")
    with pytest.raises(ValueError, match="currency code"):
        Money(Decimal(1), "kr")


def test_money_is_immutable_comparable_and_summed():
    assert Money(5, "SEK") == sek("5.00")
    assert hash(Money(5, "SEK")) == hash(sek("5.00"))
    assert max(sek("1"), sek("2")) == sek("2")
    assert Money.total([sek("1.10"), sek("2.20")], currency="SEK") == sek("3.30")
    assert Money.total([], currency="SEK") == Money.zero("SEK")
    assert Money.zero("SEK").is_zero
    assert not sek("0.01").is_zero
    assert Money.zero("SEK"), "an amount of nothing is not the same as no amount"
    assert -sek("3") == sek("-3")
    assert abs(sek("-3")) == sek("3")
    with pytest.raises(AttributeError):
        sek("1").amount = Decimal(2)


def test_minor_units_are_what_card_processors_count_in():
    assert sek("12.345").minor_units == 1235
    assert Money(Decimal(1200), "JPY").minor_units == 1200
    assert Money.from_minor_units(1235, currency="SEK") == sek("12.35")
    assert (minor_digits("SEK"), minor_digits("ISK"), minor_digits("KWD")) == (2, 0, 3)


def test_a_fraction_is_rounded_without_passing_through_a_decimal():
    assert round_half_up(Fraction(1, 3), digits=4) == Decimal("0.3333")
    assert round_half_up(Fraction(2, 3), digits=4) == Decimal("0.6667")
    assert round_half_up(Fraction(-1, 200), digits=2) == Decimal("-0.01")


@given(amounts, amounts)
def test_adding_and_taking_away_the_same_changes_nothing(first, second):
    money = Money(first, "SEK")
    assert money + Money(second, "SEK") - Money(second, "SEK") == money


@given(amounts)
def test_rounding_moves_by_at_most_half_an_ore_and_only_once(amount):
    rounded = Money(amount, "SEK").rounded()
    assert abs(rounded.amount - amount) <= Decimal("0.005")
    assert rounded.rounded() == rounded
    assert round_half_up(Fraction(amount), digits=2) == rounded.amount
