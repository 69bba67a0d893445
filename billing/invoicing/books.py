"""The calendar of the books: whose day an instant falls on, and when a day begins."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings


def day_of(at: dt.datetime) -> dt.date:
    """The day an instant falls on where the books are kept."""
    return at.astimezone(ZoneInfo(settings.BOOKS_TIME_ZONE)).date()


def start_of(day: dt.date) -> dt.datetime:
    """The instant at which a day begins where the books are kept."""
    return dt.datetime.combine(day, dt.time(), ZoneInfo(settings.BOOKS_TIME_ZONE))


def month_before(day: dt.date) -> tuple[dt.date, dt.date]:
    """The whole month before the one of the day: its first day, and the day after its last."""
    end = day.replace(day=1)
    return (end - dt.timedelta(days=1)).replace(day=1), end
