"""What the rating engine answers: exact lines, each rounded once, and totals that are their sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.rating.counting import Charge, Run, Share
from billing.rating.extensions import DynamicPrice, Incentive
from billing.rating.selection import Candidate
from billing.rating.session import MeasuredSession
from billing.rating.tariff import Tariff, TaxIncluded
from chargeportal.common.money import Money, minor_digits, round_half_up


@dataclass(frozen=True, slots=True)
class Rounded:
    """Payable amounts in the currency's minor unit; None where the tax is not known. excl + vat = incl."""

    excl: Money | None
    vat: Money | None
    incl: Money | None

    @classmethod
    def of(cls, *, excl: Fraction | None, incl: Fraction | None, currency: str) -> Rounded:
        """Return both amounts rounded half up; the VAT is what lies between them."""
        return cls.between(_payable(excl, currency), _payable(incl, currency))

    @classmethod
    def between(cls, excl: Money | None, incl: Money | None) -> Rounded:
        """Return the two payable amounts and the VAT between them."""
        vat = None if excl is None or incl is None else incl - excl
        return cls(excl=excl, vat=vat, incl=incl)


@dataclass(frozen=True, slots=True)
class RatedLine:
    """One line of the bill: a quantity at a price.

    `quantity` is what is paid for, in `unit` ("kWh", "h", or "x" for once), so quantity x unit_price is the
    exact amount in the tariff's tax form; `measured` is the quantity before the step size. `excl`, `vat` and
    `incl` are exact, None where the tax is not known; `rounded` is what goes on paper. `candidate` is the
    price component with its place in the tariff, None for what is not a price of its own: a discount, and
    the adjustment to a minimum or maximum price or to the most of a day.

    Under a dynamic tariff the price changes within the line: `shares` are the prices, `unit_price` is what a
    kWh came to, rounded. `incentive` is what a discount is for, `limit` what an adjustment keeps to, `paid`
    what was paid for other sessions of the day, and `free_s` the parking that came free before this line.
    """

    charge: Charge
    quantity: Fraction
    measured: Fraction
    unit: str
    unit_price: Decimal
    currency: str
    tax_included: TaxIncluded
    vat_rate: Decimal | None
    excl: Fraction | None
    incl: Fraction | None
    rounded: Rounded
    candidate: Candidate | None
    runs: tuple[Run, ...]
    session: MeasuredSession
    shares: tuple[Share, ...] = ()
    dynamic: DynamicPrice | None = None
    incentive: Incentive | None = None
    limit: Decimal | None = None
    paid: Decimal | None = None
    free_s: Fraction = Fraction(0)

    @property
    def vat(self) -> Fraction | None:
        """The exact tax, None where it is not known."""
        return None if self.excl is None or self.incl is None else self.incl - self.excl


@dataclass(frozen=True, slots=True)
class Quantities:
    """Energy and seconds on each clock."""

    energy_wh: Fraction
    charging_s: Fraction
    parking_s: Fraction
    reservation_s: Fraction


@dataclass(frozen=True, slots=True)
class RatedSession:
    """A priced session.

    `excl` and `incl` are the exact totals, None where a tax is not known. `rounded` is the sum of the
    rounded lines. `measured` is what the meter and the clocks showed, `billed` what is paid for. `warnings`
    are codes: "power_not_measured" and "current_not_measured" when a restriction asked for what was not
    there.
    """

    tariff: Tariff
    session: MeasuredSession
    lines: tuple[RatedLine, ...]
    measured: Quantities
    billed: Quantities
    warnings: tuple[str, ...]

    @property
    def excl(self) -> Fraction | None:
        """The exact total before tax."""
        return total(line.excl for line in self.lines)

    @property
    def incl(self) -> Fraction | None:
        """The exact total after tax."""
        return total(line.incl for line in self.lines)

    @property
    def vat(self) -> Fraction | None:
        """The exact tax."""
        excl, incl = self.excl, self.incl
        return None if excl is None or incl is None else incl - excl

    @property
    def rounded(self) -> Rounded:
        """The payable totals: the sums of the rounded lines, to the öre."""
        return rounded_total(self.lines, currency=self.tariff.currency)

    def lines_of(self, *charges: Charge) -> tuple[RatedLine, ...]:
        """Return the lines of these kinds."""
        return tuple(line for line in self.lines if line.charge in charges)


def total(amounts: Iterable[Fraction | None]) -> Fraction | None:
    """Return the sum, None as soon as one amount is not known."""
    sum_ = Fraction(0)
    for amount in amounts:
        if amount is None:
            return None
        sum_ += amount
    return sum_


def rounded_total(lines: Iterable[RatedLine], *, currency: str) -> Rounded:
    """Return the sums of the rounded amounts of the lines."""
    excl: Money | None = Money.zero(currency).rounded()
    incl = excl
    for line in lines:
        excl = None if excl is None or line.rounded.excl is None else excl + line.rounded.excl
        incl = None if incl is None or line.rounded.incl is None else incl + line.rounded.incl
    return Rounded.between(excl, incl)


def _payable(amount: Fraction | None, currency: str) -> Money | None:
    if amount is None:
        return None
    return Money(round_half_up(amount, digits=minor_digits(currency)), currency)
