"""What a kWh costs at an instant where the price is not simply that of the component.

A `Quote` is the price of energy in one slice under a dynamic tariff; `discount` is what an incentive takes
off it. Both are exact and in the tax form of the tariff.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from billing.rating.extensions import DynamicPrice, Incentive
from billing.rating.quantities import Count, datetime_from_us, us_from_datetime
from billing.rating.restrictions import on_date, within_hours
from billing.rating.tariff import TaxIncluded


class Quote(NamedTuple):
    """The price of a kWh in a market period.

    `spot` is the day-ahead price before tax, None where it was missing and the fallback holds; `bound` is
    "floor" or "cap" where that held the price.
    """

    price: Fraction
    spot: Fraction | None
    bound: str


class Discount(NamedTuple):
    """The incentive that holds, by its place in the tariff, and what it takes off a kWh."""

    place: int
    per_kwh: Fraction


def quote(
    dynamic: DynamicPrice, *, at_us: Count, vat_rate: Fraction | None, tax_included: TaxIncluded
) -> Quote:
    """Return what a kWh costs at the instant."""
    spot = _spot_at(dynamic, datetime_from_us(at_us))
    if spot is None:
        net, bound = Fraction(dynamic.fallback), ""
    else:
        net, bound = _bounded(
            dynamic, spot * (1 + Fraction(dynamic.add_rate)) + Fraction(dynamic.add_per_kwh)
        )
    taxed = tax_included is TaxIncluded.YES and vat_rate is not None
    return Quote(net * (1 + (vat_rate or 0)) if taxed else net, spot, bound)


def changes_us(dynamic: DynamicPrice | None) -> tuple[int, ...]:
    """Return, sorted, the instants at which the day-ahead price changes."""
    if dynamic is None:
        return ()
    return tuple(sorted({us_from_datetime(at) for p in dynamic.prices for at in (p.start, p.end)}))


def discount(incentives: Sequence[Incentive], *, wall_clock: datetime, price: Fraction) -> Discount | None:
    """Return the first incentive that holds at that time of the wall clock; at most it takes the price."""
    for place, incentive in enumerate(incentives):
        if within_hours(incentive.hours, wall_clock.time()) and on_date(incentive.hours, wall_clock.date()):
            if incentive.rate is not None:
                return Discount(place, price * Fraction(incentive.rate))
            return Discount(place, min(price, Fraction(incentive.per_kwh or 0)))
    return None


def _spot_at(dynamic: DynamicPrice, at: datetime) -> Fraction | None:
    place = bisect_right(dynamic.prices, at, key=lambda period: period.start) - 1
    if place < 0 or dynamic.prices[place].end <= at:
        return None
    return Fraction(dynamic.prices[place].price)


def _bounded(dynamic: DynamicPrice, net: Fraction) -> tuple[Fraction, str]:
    if net < dynamic.floor:
        return Fraction(dynamic.floor), "floor"
    if dynamic.cap is not None and net > dynamic.cap:
        return Fraction(dynamic.cap), "cap"
    return net, ""
