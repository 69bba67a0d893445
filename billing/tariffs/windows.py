"""When the prices of a tariff hold, as sets: does one cover another, do two overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.rating.restrictions import Restrictions

_MINUTES_A_DAY = 1440
_ALL_DAYS = frozenset(range(7))
_FOR_EVER = (date.min, date.max)
_ENDLESS = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Window:
    """What the restrictions let through, one set a kind; spans include their start and exclude their end."""

    minutes: frozenset[int]
    weekdays: frozenset[int]
    dates: tuple[date, date]
    energy_wh: tuple[Decimal, Decimal]
    current_a: tuple[Decimal, Decimal]
    power_w: tuple[Decimal, Decimal]
    duration_s: tuple[Decimal, Decimal]
    must_measure: frozenset[str]


_SETS = ("minutes", "weekdays")
_SPANS = ("dates", "energy_wh", "current_a", "power_w", "duration_s")


_EVERYTHING = {name: (Decimal(0), _ENDLESS) for name in _SPANS} | {"dates": _FOR_EVER}


def window(restrictions: Restrictions) -> Window:
    """The restrictions as a window."""
    r = restrictions
    measured = {
        name
        for name, bounds in (
            ("current_a", (r.min_current_a, r.max_current_a)),
            ("power_w", (r.min_power_w, r.max_power_w)),
        )
        if bounds != (None, None)
    }
    return Window(
        minutes=_minutes(r),
        weekdays=r.weekdays or _ALL_DAYS,
        dates=(r.start_date or _FOR_EVER[0], r.end_date or _FOR_EVER[1]),
        energy_wh=_span(r.min_energy_wh, r.max_energy_wh),
        current_a=_span(r.min_current_a, r.max_current_a),
        power_w=_span(r.min_power_w, r.max_power_w),
        duration_s=_span(r.min_duration_s, r.max_duration_s),
        must_measure=frozenset(measured),
    )


def covers(first: Window, second: Window) -> bool:
    """Whether the first holds at every instant the second does."""
    return (
        all(getattr(first, name) >= getattr(second, name) for name in _SETS)
        and all(_span_covers(getattr(first, name), getattr(second, name)) for name in _SPANS)
        and first.must_measure <= second.must_measure
    )


def overlap(first: Window, second: Window) -> bool:
    """Whether there may be an instant at which both hold."""
    return all(getattr(first, name) & getattr(second, name) for name in _SETS) and all(
        _span_overlaps(getattr(first, name), getattr(second, name)) for name in _SPANS
    )


def differing(first: Window, second: Window) -> list[str]:
    """The kinds of restriction in which the two differ."""
    return [name for name in (*_SETS, *_SPANS) if getattr(first, name) != getattr(second, name)]


def always(restrictions: Sequence[Restrictions]) -> bool | None:
    """Whether one of them holds at any time of the week; None where more than the clock decides."""
    week = {(day, minute) for day in _ALL_DAYS for minute in range(_MINUTES_A_DAY)}
    for each in restrictions:
        if not each:
            return True
        when = window(each)
        if any(getattr(when, name) != _EVERYTHING[name] for name in _SPANS):
            return None
        week -= {(day, minute) for day in when.weekdays for minute in when.minutes}
    return not week


def days_within(restrictions: Restrictions) -> bool:
    """Whether one of the weekdays lies between the dates."""
    start, end = restrictions.start_date, restrictions.end_date
    if not restrictions.weekdays or start is None or end is None or (end - start).days >= len(_ALL_DAYS):
        return True
    days = (start + timedelta(days=number) for number in range((end - start).days))
    return any(day.weekday() in restrictions.weekdays for day in days)


def _minutes(restrictions: Restrictions) -> frozenset[int]:
    start, end = restrictions.start_time, restrictions.end_time
    first = 0 if start is None else start.hour * 60 + start.minute
    last = 0 if end is None else end.hour * 60 + end.minute
    if first < last:
        return frozenset(range(first, last))
    return frozenset((*range(first, _MINUTES_A_DAY), *range(last)))


def _span(low: Decimal | None, high: Decimal | None) -> tuple[Decimal, Decimal]:
    return (low or Decimal(0), _ENDLESS if high is None else high)


def _span_covers(first: tuple[Any, Any], second: tuple[Any, Any]) -> bool:
    return bool(first[0] <= second[0] and first[1] >= second[1])


def _span_overlaps(first: tuple[Any, Any], second: tuple[Any, Any]) -> bool:
    return bool(first[0] < second[1] and second[0] < first[1])
