"""Minimum and maximum price, and the most of a day: lines that bring the sum of the others within the bounds.

OCPI bounds the amounts before and after tax independently. As a line of its own the adjustment keeps
"total = sum of the lines" true, for the exact amounts and for the rounded ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from billing.rating.counting import Charge
from billing.rating.result import RatedLine, Rounded, rounded_total, total
from billing.rating.session import MeasuredSession, PeriodKind
from billing.rating.tariff import PriceLimit, Tariff, TaxIncluded
from chargeportal.common.money import Money, minor_digits, round_half_up

#: Bounds of four decimals a rate apart differ by less than half a minor unit.
_SAME = Fraction(1, 200)


def adjustment(lines: Sequence[RatedLine], *, tariff: Tariff, session: MeasuredSession) -> RatedLine | None:
    """Return the line that brings the total within the tariff's bounds, None when it already is.

    A minimum is for a charging session: a reservation that was never used pays no more than it cost.
    """
    has_session = any(period.kind is not PeriodKind.RESERVATION for period in session.periods)
    low, high = tariff.min_price if has_session else None, tariff.max_price
    if low is None and high is None:
        return None
    exact = [
        _missing(total(getattr(line, side) for line in lines), _bound(low, side), _bound(high, side))
        for side in ("excl", "incl")
    ]
    paid = rounded_total(lines, currency=tariff.currency)
    rounded = [
        _missing_money(getattr(paid, side), _bound(low, side), _bound(high, side))
        for side in ("excl", "incl")
    ]
    if not any(exact) and all(money is None or money.is_zero for money in rounded):
        return None
    return _line(exact, rounded, tariff=tariff, session=session, lines=lines)


def day_cap(lines: Sequence[RatedLine], *, tariff: Tariff, session: MeasuredSession) -> RatedLine | None:
    """Return the line that keeps the driver's day within the tariff's cap, None when it is anyway.

    The cap is on the amount after tax; the amount before tax falls in proportion, so that the rates of VAT
    stay what they are. Where the tax is not known there is no cap.
    """
    cap = tariff.day_cap
    if cap is None:
        return None
    exact, paid = total(line.incl for line in lines), rounded_total(lines, currency=tariff.currency)
    if exact is None or paid.incl is None:
        return None
    left = max(cap.incl - cap.paid, Decimal(0))
    left_paid = round_half_up(left, digits=minor_digits(tariff.currency))
    if exact <= left and paid.incl.amount <= left_paid:
        return None
    excl = total(line.excl for line in lines)
    line = _line(
        [
            None if excl is None else _falling(excl, exact, Fraction(left)),
            min(Fraction(left) - exact, Fraction(0)),
        ],
        [_falling_money(paid.excl, paid.incl, left_paid), _missing_money(paid.incl, None, left_paid)],
        tariff=tariff,
        session=session,
        lines=lines,
    )
    return replace(line, charge=Charge.DAY_CAP, limit=cap.incl, paid=cap.paid)


def _falling(excl: Fraction, incl: Fraction, left: Fraction) -> Fraction:
    """Return what the amount before tax falls by when the one after tax falls to what is left."""
    return min(excl * left / incl - excl, Fraction(0)) if incl else Fraction(0)


def _falling_money(excl: Money | None, incl: Money, left: Decimal) -> Money | None:
    if excl is None:
        return None
    fall = _falling(Fraction(excl.amount), Fraction(incl.amount), Fraction(left))
    return Money(round_half_up(fall, digits=minor_digits(incl.currency)), incl.currency)


def _bound(limit: PriceLimit | None, side: str) -> Decimal | None:
    return None if limit is None else getattr(limit, side)


def _missing(amount: Fraction | None, low: Decimal | None, high: Decimal | None) -> Fraction | None:
    """Return what must be added to the amount; a maximum is stronger than a minimum above it."""
    if amount is None:
        return None
    within = amount if low is None else max(amount, Fraction(low))
    within = within if high is None else min(within, Fraction(high))
    return within - amount


def _missing_money(amount: Money | None, low: Decimal | None, high: Decimal | None) -> Money | None:
    if amount is None:
        return None
    digits = minor_digits(amount.currency)
    low, high = (None if bound is None else round_half_up(bound, digits=digits) for bound in (low, high))
    missing = _missing(Fraction(amount.amount), low, high)
    return Money(round_half_up(missing or 0, digits=digits), amount.currency)


def _line(
    exact: list[Fraction | None],
    rounded: list[Money | None],
    *,
    tariff: Tariff,
    session: MeasuredSession,
    lines: Sequence[RatedLine],
) -> RatedLine:
    excl, incl = exact
    price = excl if tariff.tax_included is TaxIncluded.NO and excl is not None else incl
    missing = [Fraction(money.amount) for money in rounded if money is not None]
    up = next(amount for amount in (excl, incl, *missing) if amount) > 0
    bound = tariff.min_price if up else tariff.max_price
    side = "excl" if price is excl and price is not None else "incl"
    return RatedLine(
        charge=Charge.MIN_PRICE if up else Charge.MAX_PRICE,
        quantity=Fraction(1),
        measured=Fraction(1),
        unit="x",
        unit_price=round_half_up(price if price is not None else Fraction(0), digits=4),
        currency=tariff.currency,
        tax_included=tariff.tax_included,
        vat_rate=_common_rate(lines, excl=excl, incl=incl),
        excl=excl,
        incl=incl,
        rounded=Rounded.between(*rounded),
        candidate=None,
        runs=(),
        session=session,
        limit=_bound(bound, side),
    )


def _common_rate(
    lines: Sequence[RatedLine], *, excl: Fraction | None, incl: Fraction | None
) -> Decimal | None:
    """Return the VAT rate of all lines when there is but one and the bounds keep to it, else None."""
    rates = {line.vat_rate for line in lines}
    if len(rates) != 1 or excl is None or incl is None:
        return None
    (rate,) = rates
    return rate if rate is not None and abs(excl * (1 + Fraction(rate)) - incl) < _SAME else None
