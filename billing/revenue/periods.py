"""The stretches of time that revenue is told for: today, this month, or chosen days."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

#: Longer periods are refused: they say nothing and cost much.
LONGEST_DAYS = 5 * 366
_BY_HOUR_DAYS = 2
_BY_DAY_DAYS = 93


class BadPeriod(ValueError):
    """The period cannot be read, is empty or too long."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days on the clock of this installation, the last one included."""

    first_date: dt.date
    last_date: dt.date

    @property
    def start(self) -> dt.datetime:
        """The first instant."""
        return _midnight(self.first_date)

    @property
    def end(self) -> dt.datetime:
        """The first instant after it."""
        return _midnight(self.last_date + dt.timedelta(days=1))

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last_date - self.first_date).days + 1

    @property
    def bucket(self) -> str:
        """Into what it is cut for a drawing: hour, day or month."""
        if self.days <= _BY_HOUR_DAYS:
            return "hour"
        return "day" if self.days <= _BY_DAY_DAYS else "month"

    @property
    def key(self) -> str:
        """The period as one word: `20260301-20260331`."""
        return f"{self.first_date:%Y%m%d}-{self.last_date:%Y%m%d}"

    def contains(self, at: dt.datetime) -> bool:
        """Whether the instant lies in it."""
        return self.start <= at < self.end


def today(*, now: dt.datetime) -> Period:
    """The day of that instant."""
    day = timezone.localdate(now)
    return Period(day, day)


def this_month(*, now: dt.datetime) -> Period:
    """The calendar month of that instant, to its last day."""
    first = timezone.localdate(now).replace(day=1)
    return Period(first, _last_of_month(first))


def last_month(*, now: dt.datetime) -> Period:
    """The calendar month before that of the instant."""
    last = timezone.localdate(now).replace(day=1) - dt.timedelta(days=1)
    return Period(last.replace(day=1), last)


def chosen(first: dt.date, last: dt.date) -> Period:
    """The days from the first to the last. Raises BadPeriod."""
    period = Period(first, last)
    if not 1 <= period.days <= LONGEST_DAYS:
        raise BadPeriod(f"{first} to {last}")
    return period


def from_key(key: str) -> Period:
    """The period of a key. Raises BadPeriod."""
    try:
        first, last = (dt.datetime.strptime(part, "%Y%m%d").date() for part in key.split("-"))  # noqa: DTZ007 - a date
    except ValueError as error:
        raise BadPeriod(key) from error
    return chosen(first, last)


def buckets(period: Period) -> list[dt.datetime]:
    """The beginnings of the period's hours, days or months, on the wall clock and without a zone."""
    begin = dt.datetime.combine(period.first_date, dt.time())
    if period.bucket == "month":
        begin = begin.replace(day=1)
    end = dt.datetime.combine(period.last_date + dt.timedelta(days=1), dt.time())
    found = []
    while begin < end:
        found.append(begin)
        begin = _next(begin, period.bucket)
    return found


def edges(period: Period) -> list[dt.datetime]:
    """The instants at which the period's hours, days or months begin.

    An hour that the clock leaves out is empty; one that it goes through twice is two hours long.
    """
    zone = timezone.get_default_timezone()
    return [begin.replace(tzinfo=zone).astimezone(dt.UTC) for begin in buckets(period)]


def _next(at: dt.datetime, bucket: str) -> dt.datetime:
    if bucket == "month":
        return (at + dt.timedelta(days=32)).replace(day=1)
    return at + (dt.timedelta(hours=1) if bucket == "hour" else dt.timedelta(days=1))


def _last_of_month(first: dt.date) -> dt.date:
    return (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), timezone.get_default_timezone()).astimezone(dt.UTC)
