"""Fewer periods for the same price: what a CDR keeps of a session with a thousand readings.

Readings matter to a price only around the instants at which another price begins, or where power and current
pass from one band to another. Neighbouring periods between which nothing of that happens are put together;
what is left is priced, and explained, exactly as the whole was.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from billing.rating.quantities import us_from_datetime
from billing.rating.selection import Plan, plan_for
from billing.rating.session import MeasuredPeriod, MeasuredSession, PeriodKind
from billing.rating.slicing import time_cuts
from billing.rating.tariff import Tariff
from chargeportal.common.money import EXACT


class _Place(NamedTuple):
    """Between which boundaries a period lies; `is_whole` unless it crosses one."""

    kind: PeriodKind
    segment: int
    energy: int
    power: int
    current: int
    is_whole: bool


def needs_readings(tariff: Tariff) -> bool:
    """Return whether the price depends on when in the session energy flowed, or on how fast."""
    return plan_for(tariff).asks_when


def needs_power(tariff: Tariff) -> bool:
    """Return whether the price depends on power or current."""
    return plan_for(tariff).asks_how_fast


def thinned(session: MeasuredSession, *, tariff: Tariff) -> MeasuredSession:
    """Return the session with as few periods as price it the same."""
    plan = plan_for(tariff)
    cuts = time_cuts(session, plan=plan)
    kept: list[MeasuredPeriod] = []
    last: _Place | None = None
    energy_wh = Decimal(0)
    for period in session.periods:
        total_wh = EXACT.add(energy_wh, period.energy_wh)
        place = _place(period, energy_wh, total_wh, cuts=cuts, plan=plan)
        if last == place and place.is_whole and kept[-1].end == period.start:
            kept[-1] = _joined(kept[-1], period)
        else:
            kept.append(_without_needless(period, plan))
        last, energy_wh = place, total_wh
    return replace(session, periods=tuple(kept))


def _place(
    period: MeasuredPeriod, before_wh: Decimal, after_wh: Decimal, *, cuts: list, plan: Plan
) -> _Place:
    start_us, end_us = us_from_datetime(period.start), us_from_datetime(period.end)
    segment, band = bisect_right(cuts, start_us), bisect_right(plan.energies_wh, before_wh)
    crosses = bisect_left(cuts, end_us) > segment or bisect_left(plan.energies_wh, after_wh) > band
    return _Place(
        kind=period.kind,
        segment=segment,
        energy=band,
        power=_band(plan.powers_w, period.power_w),
        current=_band(plan.currents_a, period.current_a),
        is_whole=not crosses,
    )


def _band(thresholds: tuple[Decimal, ...], value: Decimal | None) -> int:
    if not thresholds:
        return 0
    return -1 if value is None else bisect_right(thresholds, value)


def _joined(first: MeasuredPeriod, second: MeasuredPeriod) -> MeasuredPeriod:
    return MeasuredPeriod(
        first.start,
        second.end,
        first.kind,
        EXACT.add(first.energy_wh, second.energy_wh),
        first.power_w,
        first.current_a,
    )


def _without_needless(period: MeasuredPeriod, plan: Plan) -> MeasuredPeriod:
    start, end, kind, energy_wh, power_w, current_a = period
    return MeasuredPeriod(
        start,
        end,
        kind,
        energy_wh,
        power_w if plan.powers_w else None,
        current_a if plan.currents_a else None,
    )
