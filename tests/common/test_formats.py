from __future__ import annotations

from decimal import Decimal

import pytest

from chargeportal.common.formats import (
    format_duration,
    format_energy,
    format_money,
    format_number,
    format_unit_price,
)
from chargeportal.common.money import Money


def plain(text: str) -> str:
    assert " " not in text, "an amount must not break at the end of a line"
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("amount", "currency", "language", "text"),
    [
        ("1234.5", "SEK", "sv", "1 234,50 kr"),
        ("1234.5", "SEK", "en", "SEK 1,234.50"),
        ("-0.005", "SEK", "sv-se", "−0,01 kr"),
        ("0", "SEK", "sv", "0,00 kr"),
        ("-0.001", "SEK", "sv", "0,00 kr"),
        ("1234567.891", "EUR", "sv", "1 234 567,89 €"),
        ("1234.5", "JPY", "en", "JPY 1,235"),
    ],
)
def test_money_is_written_as_the_reader_expects(amount, currency, language, text):
    assert plain(format_money(Money(Decimal(amount), currency), language)) == text


def test_a_unit_price_shows_the_decimals_it_has():
    assert plain(format_unit_price(Money(Decimal("4.95"), "SEK"), "sv", unit="kWh")) == "4,95 kr/kWh"
    assert plain(format_unit_price(Money(Decimal(5), "SEK"), "sv", unit="kWh")) == "5,00 kr/kWh"
    assert plain(format_unit_price(Money(Decimal("0.3725"), "EUR"), "en", unit="kWh")) == "EUR 0.3725/kWh"


def test_quantities_are_written_with_their_unit():
    assert plain(format_energy(Decimal(12345), "sv")) == "12,35 kWh"
    assert plain(format_duration(7503)) == "2 h 05 min"
    assert plain(format_duration(2700)) == "45 min"
    assert plain(format_number(Decimal("1234.5"), "en", digits=1)) == "1,234.5"
