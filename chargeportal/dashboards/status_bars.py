"""A day of statuses as a bar: what each connector was doing, to scale."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chargeportal.templatetags.chargeportal_formats import STATUS_LOOKS
from stations.models import ChargingStation, StatusInterval

SHOWN = dt.timedelta(hours=24)
HOURS_BETWEEN_MARKS = 4


@dataclass(frozen=True, slots=True)
class Stretch:
    """One status on the bar, in percent of its width."""

    left: float
    width: float
    tone: str
    word: str | Promise
    started_at: dt.datetime
    ended_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A round hour under the bar."""

    left: float
    text: str


@dataclass(frozen=True, slots=True)
class StatusBar:
    """The day of one connector, or of the station as a whole."""

    name: str | Promise
    stretches: tuple[Stretch, ...]
    marks: tuple[Mark, ...]


def status_bars(station: ChargingStation, *, now: dt.datetime, zone: str) -> list[StatusBar]:
    """One bar for each connector that said anything in the last day; one query."""
    begin = now - SHOWN
    intervals = (
        StatusInterval.objects.filter(Q(ended_at=None) | Q(ended_at__gt=begin), station=station)
        .select_related("connector__evse")
        .order_by("connector__evse__number", "connector__number", "started_at")
    )
    marks = tuple(_marks(begin, now, ZoneInfo(zone) if zone else timezone.get_current_timezone()))
    return [
        StatusBar(name, tuple(_stretches(of_one, begin=begin, now=now)), marks)
        for name, of_one in groupby(intervals, key=_name)
    ]


def _name(interval: StatusInterval) -> str | Promise:
    connector = interval.connector
    if connector is None:
        return _("Station")
    evse = connector.evse.number
    return f"{evse}" if connector.number == 1 else f"{evse}.{connector.number}"


def _stretches(
    intervals: Iterable[StatusInterval], *, begin: dt.datetime, now: dt.datetime
) -> Iterable[Stretch]:
    for interval in intervals:
        start, end = max(interval.started_at, begin), min(interval.ended_at or now, now)
        if end <= start:
            continue
        look = STATUS_LOOKS[interval.status]
        yield Stretch(
            left=round((start - begin) / SHOWN * 100, 3),
            width=round((end - start) / SHOWN * 100, 3),
            tone=look.tone,
            word=look.word,
            started_at=interval.started_at,
            ended_at=interval.ended_at,
        )


def _marks(begin: dt.datetime, now: dt.datetime, zone: dt.tzinfo) -> Iterable[Mark]:
    """Every fourth round hour of the wall clock; steps are taken in UTC, so clock changes shift no mark."""
    at = begin.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)
    while at <= now:
        wall = at.astimezone(zone)
        if at >= begin and wall.hour % HOURS_BETWEEN_MARKS == 0 and wall.minute == 0:
            yield Mark(left=round((at - begin) / SHOWN * 100, 3), text=f"{wall:%H:%M}")
        at += dt.timedelta(hours=1)
