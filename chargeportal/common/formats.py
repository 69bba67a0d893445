"""How amounts and quantities are written for people, in Swedish and in English."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext, ngettext

from chargeportal.common.money import Money, round_half_up

#: Groups of digits and the unit never part at the end of a line.
NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"
_MINUTE_S, _HOUR_MIN, _TWO_DAYS_H = 60, 60, 48
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


def format_power(power_w: Decimal | Fraction | int, language: str, *, digits: int = 1) -> str:
    """Return the power in kW: `11,0 kW`."""
    return f"{format_number(Fraction(power_w) / 1000, language, digits=digits)}{NO_BREAK_SPACE}kW"


def format_quantity(value: Decimal | Fraction | int, language: str, *, most_digits: int = 3) -> str:
    """Return the number with the decimals it has, at most so many: `12,345`, `7`."""
    rounded = round_half_up(value, digits=most_digits)
    digits = max(0, -int(rounded.normalize().as_tuple().exponent)) if rounded else 0
    return format_number(rounded, language, digits=digits)


def format_percent(value: Decimal | Fraction | int, language: str) -> str:
    """Return the percentage with the decimals it has, at most one: `25 %` in Swedish, `25%` otherwise."""
    space = NO_BREAK_SPACE if _is_swedish(language) else ""
    return f"{format_quantity(value, language, most_digits=1)}{space}%"


def format_duration(duration_s: Decimal | Fraction | int) -> str:
    """Return the duration as both languages write it: `2 h 05 min`, `45 min`; below a minute `34 s`."""
    seconds = int(round_half_up(Fraction(duration_s), digits=0))
    if 0 < seconds < _MINUTE_S:
        return f"{seconds}{NO_BREAK_SPACE}s"
    minutes = int(round_half_up(Fraction(duration_s) / 60, digits=0))
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{minutes:02d}{NO_BREAK_SPACE}min"
    return f"{minutes}{NO_BREAK_SPACE}min"


def format_age(age_s: float) -> str:
    """Return how long ago something was, in its largest unit: `just now`, `3 min`, `5 h`, `2 days`."""
    minutes = max(0, int(age_s // _MINUTE_S))
    if not minutes:
        return gettext("just now")
    if minutes < _HOUR_MIN:
        return f"{minutes}{NO_BREAK_SPACE}min"
    hours = minutes // _HOUR_MIN
    if hours < _TWO_DAYS_H:
        return f"{hours}{NO_BREAK_SPACE}h"
    days = hours // 24
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def _is_swedish(language: str) -> bool:
    return language.lower().startswith("sv")
