"""Half-open stretches of time: the start belongs to the period, the end does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


class InvalidPeriod(ValueError):
    """The period ends before it starts, or one of its ends has no time zone."""


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `start` (included) to `end` (excluded); `end` None means it is still running.

    Both ends are aware datetimes and are kept in UTC: Python compares and subtracts two datetimes of one
    zone by their wall clocks, which is an hour wrong in the nights the clocks change. A period may be
    empty (`start == end`): it contains no instant and overlaps nothing.
    """

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _in_utc(self.start))
        if self.end is not None:
            object.__setattr__(self, "end", _in_utc(self.end))
        if self.end is not None and self.end < self.start:
            raise InvalidPeriod("a period does not end before it starts")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant and (self.end is None or instant < self.end)

    @property
    def is_open(self) -> bool:
        """Whether the period is still running."""
        return self.end is None

    @property
    def is_empty(self) -> bool:
        """Whether no instant lies in the period."""
        return self.end == self.start

    def contains(self, other: Period) -> bool:
        """Return whether every instant of the other period lies in this one."""
        if other.start < self.start:
            return False
        return self.end is None or (other.end is not None and other.end <= self.end)

    def overlaps(self, other: Period) -> bool:
        """Return whether any instant lies in both; periods that only touch do not overlap."""
        return self.intersection(other) is not None

    def intersection(self, other: Period) -> Period | None:
        """Return the time both cover, None when they share no instant."""
        start = max(self.start, other.start)
        ends = [end for end in (self.end, other.end) if end is not None]
        if ends and min(ends) <= start:
            return None
        return Period(start, min(ends) if ends else None)

    def split(self, at: datetime) -> tuple[Period, Period]:
        """Return the two periods before and from `at`, which together cover exactly this one.

        Raises InvalidPeriod when `at` lies outside; at either end one of the two is empty.
        """
        if at < self.start or (self.end is not None and at > self.end):
            raise InvalidPeriod("a period is split at an instant inside it")
        return Period(self.start, at), Period(at, self.end)

    def closed(self, at: datetime) -> Period:
        """Return the period with its end, `at` when it was still running."""
        return Period(self.start, max(at, self.start)) if self.end is None else self

    def duration(self, *, now: datetime | None = None) -> timedelta:
        """Return the elapsed real time; a running period needs `now`."""
        end = self.end if self.end is not None else now
        if end is None:
            raise InvalidPeriod("a running period has a duration only up to a given instant")
        return _in_utc(end) - self.start


def _in_utc(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise InvalidPeriod("a period needs instants with a time zone")
    return instant.astimezone(UTC)
