"""Where the wall clock of a location crosses a boundary, also in the nights the clocks change.

A boundary such as 02:30 may not exist on a day (clocks go forward) or exist twice (back). Cutting a session
at both readings of every boundary and at the clock change itself makes the local time run evenly between
two cuts, so a restriction that matches at the start of a slice matches in all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from billing.rating.quantities import US_PER_S, Count, datetime_from_us, us_from_datetime


def boundaries(start_us: int, end_us: int, *, zone: ZoneInfo, times: frozenset[time]) -> Iterator[int]:
    """Yield, unsorted, every instant of the span at which the wall clock may pass one of the times."""
    first = wall_clock(start_us, zone=zone).toordinal()
    last = wall_clock(end_us, zone=zone).toordinal()
    # A day on either side: a clock change may move the wall clock's date as well.
    for day in range(first - 1, last + 2):
        yield from _boundaries_of_day(day, zone, times)
    yield from _clock_changes(start_us, end_us, zone=zone)


@lru_cache(maxsize=4096)
def _boundaries_of_day(ordinal: int, zone: ZoneInfo, times: frozenset[time]) -> tuple[int, ...]:
    day = date.fromordinal(ordinal)
    return tuple(
        us_from_datetime(datetime.combine(day, at.replace(fold=fold), tzinfo=zone))
        for at in times
        for fold in (0, 1)
    )


def wall_clock(instant_us: Count, *, zone: ZoneInfo) -> datetime:
    """Return what the clock on the wall of the location shows at that instant."""
    return datetime_from_us(instant_us).astimezone(zone)


def _clock_changes(start_us: int, end_us: int, *, zone: ZoneInfo) -> Iterator[int]:
    """Yield the instants at which the zone's offset changes, looked for a day at a time."""
    second, end = start_us // US_PER_S, -(-end_us // US_PER_S)
    while second < end:
        following = min(second + 86_400, end)
        if _offset(second, zone) != _offset(following, zone):
            yield _change_between(second, following, zone) * US_PER_S
        second = following


def _change_between(before: int, after: int, zone: ZoneInfo) -> int:
    """Return the first second, counted from 1970, at which the new offset holds."""
    old = _offset(before, zone)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(second: int, zone: ZoneInfo) -> timedelta | None:
    return wall_clock(second * US_PER_S, zone=zone).utcoffset()
