"""Amounts of money: an exact decimal amount bound to its currency.

A `Money` keeps every digit it is given. It is rounded once, by `rounded()`, where a line of a bill
becomes final; nothing before that loses a digit and nothing after it gains one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import total_ordering

#: Wide enough that sums and products of real amounts are exact; the default context stops at 28 digits.
EXACT = Context(prec=80, rounding=ROUND_HALF_UP)

#: Currencies whose smallest payable unit is not a hundredth (ISO 4217).
_WITHOUT_MINOR_UNIT = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
_WITH_THOUSANDTHS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
_CURRENCY = re.compile(r"[A-Z]{3}")


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies met in one calculation."""


def minor_digits(currency: str) -> int:
    """Return how many decimals the smallest payable unit of the currency has: SEK 2, JPY 0, KWD 3."""
    if currency in _WITHOUT_MINOR_UNIT:
        return 0
    return 3 if currency in _WITH_THOUSANDTHS else 2


def round_half_up(value: Decimal | Fraction | int, *, digits: int) -> Decimal:
    """Return the value with that many decimals, halves away from zero, computed without any float."""
    if isinstance(value, Decimal):
        return value.quantize(Decimal(1).scaleb(-digits), context=EXACT)
    scaled = Fraction(value) * 10**digits
    whole = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if scaled >= 0 else -whole).scaleb(-digits, context=EXACT)


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency.

    `amount` is a Decimal (an int becomes one); a float is refused with TypeError, because it has already
    lost the öre. Arithmetic between two currencies raises CurrencyMismatch.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", _number(self.amount))
        if not self.amount.is_finite():
            raise ValueError("an amount is a finite number")
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f"not a currency code: {self.currency!r}")

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Return nothing at all, in that currency."""
        return cls(Decimal(0), currency)

    @classmethod
    def total(cls, amounts: Iterable[Money], *, currency: str) -> Money:
        """Return the sum of the amounts, zero when there are none."""
        total = cls.zero(currency)
        for amount in amounts:
            total += amount
        return total

    def rounded(self) -> Money:
        """Return the amount payable: half up to the smallest unit of the currency."""
        return Money(round_half_up(self.amount, digits=minor_digits(self.currency)), self.currency)

    @property
    def minor_units(self) -> int:
        """The rounded amount as a whole number of öre, cents or yen, as card processors want it."""
        return int(self.rounded().amount.scaleb(minor_digits(self.currency)))

    @classmethod
    def from_minor_units(cls, units: int, *, currency: str) -> Money:
        """Return the amount for a whole number of öre, cents or yen."""
        return cls(Decimal(units).scaleb(-minor_digits(currency), context=EXACT), currency)

    @property
    def is_zero(self) -> bool:
        """Whether it is nothing. Money itself is always true, so that `amount or other` asks for None."""
        return not self.amount

    def __add__(self, other: Money) -> Money:
        return Money(EXACT.add(self.amount, self._same(other)), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(EXACT.subtract(self.amount, self._same(other)), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.amount), self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(EXACT.multiply(self.amount, _number(factor)), self.currency)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Decimal | int) -> Money:
        return Money(EXACT.divide(self.amount, _number(divisor)), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __str__(self) -> str:
        """Return the plain form of logs and exports, `12.50 SEK`; people are shown `formats.format_money`."""
        return f"{self.amount:f} {self.currency}"

    def _same(self, other: object) -> Decimal:
        if not isinstance(other, Money):
            raise TypeError(f"money and {type(other).__name__} do not add up or compare")
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} in one calculation")
        return other.amount


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise TypeError(f"money is counted in Decimal or int, not in {type(value).__name__}")
