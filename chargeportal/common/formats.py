"""How amounts and quantities are written for people, in Swedish and in English."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from chargeportal.common.money import Money, round_half_up

#: Groups of digits and the unit never part at the end of a line.
NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"
_SWEDISH_SIGNS = {"SEK": "kr", "EUR": "€", "GBP": "£", "USD": "$", "NOK": "NOK", "DKK": "DKK"}


def format_money(money: Money, language: str) -> str:
    """Return the payable amount as text: `1 234,50 kr` in Swedish, `SEK 1,234.50` otherwise."""
    payable = money.rounded().amount
    digits = -int(payable.as_tuple().exponent)
    number = format_number(payable, language, digits=digits)
    if _is_swedish(language):
        return f"{number}{NO_BREAK_SPACE}{_SWEDISH_SIGNS.get(money.currency, money.currency)}"
    return f"{money.currency}{NO_BREAK_SPACE}{number}"


def format_unit_price(price: Money, language: str, *, unit: str) -> str:
    """Return a price per unit as text, at least the minor unit and at most four decimals: `4,95 kr/kWh`."""
    amount = round_half_up(price.amount, digits=4).normalize()
    if amount == price.rounded().amount:
        return f"{format_money(price, language)}/{unit}"
    digits = -int(amount.as_tuple().exponent)
    number = format_number(amount, language, digits=digits)
    if _is_swedish(language):
        sign = _SWEDISH_SIGNS.get(price.currency, price.currency)
        return f"{number}{NO_BREAK_SPACE}{sign}/{unit}"
    return f"{price.currency}{NO_BREAK_SPACE}{number}/{unit}"


def format_number(value: Decimal | Fraction | int, language: str, *, digits: int) -> str:
    """Return the number with that many decimals, grouped by thousands as the language does."""
    rounded = round_half_up(value, digits=digits)
    text = f"{abs(rounded):,.{digits}f}"
    if _is_swedish(language):
        text = text.replace(",", NO_BREAK_SPACE).replace(".", ",")
    return MINUS + text if rounded < 0 else text


def format_energy(energy_wh: Decimal | Fraction | int, language: str, *, digits: int = 2) -> str:
    """Return the energy in kWh: `12,34 kWh`."""
    return f"{format_number(Fraction(energy_wh) / 1000, language, digits=digits)}{NO_BREAK_SPACE}kWh"


def format_duration(duration_s: Decimal | Fraction | int) -> str:
    """Return the duration in whole minutes, as both languages write it: `2 h 05 min`, `45 min`."""
    minutes = int(round_half_up(Fraction(duration_s) / 60, digits=0))
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{minutes:02d}{NO_BREAK_SPACE}min"
    return f"{minutes}{NO_BREAK_SPACE}min"


def _is_swedish(language: str) -> bool:
    return language.lower().startswith("sv")
