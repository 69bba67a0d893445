from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chargeportal.common.periods import InvalidPeriod, Period


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


def test_the_start_belongs_to_a_period_and_the_end_does_not():
    period = Period(at(10), at(12))
    assert at(10) in period
    assert at(12) not in period
    assert at(9, 59) not in period
    assert at(23) in Period(at(10))
    assert at(10) not in Period(at(10), at(10))


def test_periods_that_only_touch_do_not_overlap():
    assert not Period(at(10), at(12)).overlaps(Period(at(12), at(13)))
    assert Period(at(10), at(12)).overlaps(Period(at(11)))
    assert not Period(at(10), at(12)).overlaps(Period(at(11), at(11)))
    assert Period(at(10), at(12)).intersection(Period(at(11))) == Period(at(11), at(12))
    assert Period(at(10)).intersection(Period(at(11))) == Period(at(11))


def test_an_open_period_contains_all_that_follows():
    assert Period(at(10)).contains(Period(at(11)))
    assert not Period(at(10), at(12)).contains(Period(at(11)))
    assert Period(at(10), at(12)).contains(Period(at(10), at(12)))
    assert not Period(at(10), at(12)).contains(Period(at(9), at(11)))


def test_splitting_loses_no_instant_and_counts_none_twice():
    assert Period(at(10)).split(at(11)) == (Period(at(10), at(11)), Period(at(11)))
    assert Period(at(10), at(12)).split(at(12))[1].is_empty
    for outside in (at(9), at(13)):
        with pytest.raises(InvalidPeriod):
            Period(at(10), at(12)).split(outside)


def test_a_running_period_is_closed_at_now_and_never_before_its_start():
    assert Period(at(10)).closed(at(11)) == Period(at(10), at(11))
    assert Period(at(10)).closed(at(9)).is_empty
    assert Period(at(10), at(12)).closed(at(23)) == Period(at(10), at(12))
    assert Period(at(10)).is_open
    assert Period(at(10)).duration(now=at(11)) == timedelta(hours=1)
    with pytest.raises(InvalidPeriod):
        Period(at(10)).duration()


def test_the_night_the_clocks_go_back_has_its_extra_hour():
    stockholm = ZoneInfo("Europe/Stockholm")
    night = Period(
        datetime(2026, 10, 25, 2, 30, tzinfo=stockholm),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=stockholm),
    )
    assert night.duration() == timedelta(hours=1)


def test_a_period_without_zone_or_with_its_ends_swapped_is_refused():
    with pytest.raises(InvalidPeriod):
        Period(datetime(2026, 11, 20, 10))  # noqa: DTZ001 - the naive instant is the point
    with pytest.raises(InvalidPeriod):
        Period(at(12), at(10))
