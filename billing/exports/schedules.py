"""Exports that ask for themselves: which are due, of which days, and when they are due next."""

import datetime as dt
import logging
from zoneinfo import ZoneInfo

from django.db import transaction

from billing.exports.asking import ask
from billing.models import Export, ExportSchedule

logger = logging.getLogger(__name__)

ZONE = ZoneInfo("Europe/Stockholm")
#: Early in the morning, when yesterday's sessions have their records.
HOUR = 5
_MOST_MISSED = 40
Frequency = ExportSchedule.Frequency


def run_due(*, now: dt.datetime) -> int:
    """Every schedule that is due has asked for its export, once for each time it missed; returns how many."""
    asked = 0
    due = ExportSchedule.objects.filter(is_active=True, next_at__lte=now).select_related("operator")
    for schedule in due.order_by("next_at", "pk"):
        try:
            asked += _run_missed(schedule, now=now)
        except Exception:  # one schedule keeps no other, and no export under way, from being made
            logger.exception("The export of schedule %s could not be asked for", schedule.pk)
    return asked


def _run_missed(schedule: ExportSchedule, *, now: dt.datetime) -> int:
    for missed in range(_MOST_MISSED):
        if schedule.next_at > now or not _run(schedule, now=now):
            return missed
    return _MOST_MISSED


def next_time(frequency: str, *, after: dt.datetime) -> dt.datetime:
    """The first instant after that at which a schedule of that frequency is due: five in the morning."""
    local = after.astimezone(ZONE)
    date = local.date()
    while True:
        at = dt.datetime.combine(date, dt.time(HOUR), ZONE)
        if at > after and _falls_on(frequency, date):
            return at.astimezone(dt.UTC)
        date += dt.timedelta(days=1)


def days_of(frequency: str, *, at: dt.datetime) -> tuple[dt.date, dt.date]:
    """The days [start, end) that the export due at that instant is about: the last whole day, week, month."""
    today = at.astimezone(ZONE).date()
    if frequency == Frequency.DAILY:
        return today - dt.timedelta(days=1), today
    if frequency == Frequency.WEEKLY:
        monday = today - dt.timedelta(days=today.weekday())
        return monday - dt.timedelta(days=7), monday
    first = today.replace(day=1)
    return (first - dt.timedelta(days=1)).replace(day=1), first


def _falls_on(frequency: str, date: dt.date) -> bool:
    if frequency == Frequency.WEEKLY:
        return date.weekday() == 0
    return date.day == 1 if frequency == Frequency.MONTHLY else True


def _run(schedule: ExportSchedule, *, now: dt.datetime) -> Export | None:
    """Moves the schedule on and asks, both or neither; None when somebody else did."""
    following = next_time(schedule.frequency, after=schedule.next_at)
    days = days_of(schedule.frequency, at=schedule.next_at)
    with transaction.atomic():
        moved = ExportSchedule.objects.filter(
            pk=schedule.pk, next_at=schedule.next_at, is_active=True
        ).update(next_at=following)
        if not moved:
            return None
        schedule.next_at = following
        return ask(
            schedule.operator,
            kind=schedule.kind,
            days=days,
            by=schedule.created_by,
            now=now,
            schedule=schedule,
        )
