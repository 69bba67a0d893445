"""Separate clocks for charging and for parking.

Parking is time in which the car does not ask for power: paused by the car, finished, or still plugged
after charging. While the station withholds power the charging clock runs on (OCPI errata 2026).
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from sessions import registers
from sessions.metering import delivered_wh
from sessions.models import ChargingSession
from sessions.moments import IMPOSSIBLE_CLOCK
from stations.models import ConnectorStatus, StatusInterval

CHARGING = "CHARGING"
PARKING = "PARKING"
_PARKED = {
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.FINISHING,
    ChargingSession.ChargingState.EV_CONNECTED,
    ChargingSession.ChargingState.IDLE,
}
_TELLING_STATUSES = {
    ConnectorStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.SUSPENDED_EVSE,
    ConnectorStatus.FINISHING,
}


@dataclass(frozen=True, slots=True)
class MeasuredPeriod:
    """A half-open stretch of a session in which one clock ran, and the energy that flowed in it.

    Power and current (the sum over the phases) are there where they were asked for and measured.
    """

    start: dt.datetime
    end: dt.datetime
    kind: str
    energy_wh: Decimal
    power_w: Decimal | None = None
    current_a: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Clocks:
    """Whole seconds of charging and of parking; together the session's length."""

    charging_s: int
    parking_s: int


def measured_periods(
    session: ChargingSession, *, now: dt.datetime, at: Sequence[dt.datetime] = ()
) -> list[MeasuredPeriod]:
    """The session until its end (or ``now``) as periods that alternate between charging and parking.

    Their energy adds up to the session's, interpolated between readings at each boundary. They are also
    cut ``at`` these instants, in order, where the session has got to them.
    """
    end = session.ended_at or max(now, session.started_at)
    stretches = [part for stretch in _stretches(session, end=end) for part in _cut(stretch, at)]
    total = session.energy_wh
    cumulative = _cumulative(session, end=end)
    if total is None:
        total = delivered_wh(session, now=now)
    marks = [_energy_at(cumulative, start, total=total) for start, _, _ in stretches]
    marks.append(total)
    return [
        MeasuredPeriod(start, stop, kind, marks[n + 1] - (marks[n] if n else Decimal(0)))
        for n, (start, stop, kind) in enumerate(stretches)
    ]


def session_clocks(session: ChargingSession, *, now: dt.datetime) -> Clocks:
    """How long the session has been charging and parking."""
    end = session.ended_at or max(now, session.started_at)
    spent = {CHARGING: dt.timedelta(), PARKING: dt.timedelta()}
    for start, stop, kind in _stretches(session, end=end):
        spent[kind] += stop - start
    return Clocks(round(spent[CHARGING].total_seconds()), round(spent[PARKING].total_seconds()))


def _cut(
    stretch: tuple[dt.datetime, dt.datetime, str], instants: Sequence[dt.datetime]
) -> list[tuple[dt.datetime, dt.datetime, str]]:
    start, end, kind = stretch
    inside = instants[bisect_right(instants, start) : bisect_left(instants, end)]
    points = [start, *dict.fromkeys(inside), end]
    return [(earlier, later, kind) for earlier, later in pairwise(points)]


def _stretches(session: ChargingSession, *, end: dt.datetime) -> list[tuple[dt.datetime, dt.datetime, str]]:
    changes = _changes(session)
    kind = CHARGING
    boundaries: list[tuple[dt.datetime, str]] = []
    for at, is_parked in changes:
        wanted = PARKING if is_parked else CHARGING
        if at <= session.started_at:
            kind = wanted
        elif at < end and wanted != (boundaries[-1][1] if boundaries else kind):
            boundaries.append((at, wanted))
    points = [(session.started_at, kind), *boundaries]
    ends = [at for at, _ in boundaries] + [end]
    return [(start, stop, which) for (start, which), stop in zip(points, ends, strict=True)]


def states(session: ChargingSession) -> list[tuple[dt.datetime, str]]:
    """What the car was doing from when on, in the order of time.

    Told by the transaction's events in 2.x (``ChargingState``), in 1.6 by the connector's status
    (``ConnectorStatus``) while the session lasts.
    """
    told = list(
        session.events.exclude(charging_state="")
        .order_by("occurred_at", "seq_no")
        .values_list("occurred_at", "charging_state")
    )
    return told or _statuses(session)


def _changes(session: ChargingSession) -> list[tuple[dt.datetime, bool]]:
    """When the car stopped and began to ask for power."""
    return [(at, state in _PARKED) for at, state in states(session)]


def _statuses(session: ChargingSession) -> list[tuple[dt.datetime, str]]:
    """The connector's statuses while the session lasts, on the clock the session itself is told by."""
    if session.evse_id is None:
        return []
    own_clock: Combinable = F("started_at")
    if IMPOSSIBLE_CLOCK not in session.flags:
        own_clock = Coalesce("reported_at", "started_at")
    intervals = (
        StatusInterval.objects.filter(connector__evse=session.evse_id, status__in=_TELLING_STATUSES)
        .annotate(at=own_clock)
        .filter(at__gte=session.started_at)
    )
    if session.ended_at is not None:
        intervals = intervals.filter(at__lt=session.ended_at)
    return list(intervals.order_by("at", "id").values_list("at", "status"))


def _cumulative(session: ChargingSession, *, end: dt.datetime) -> list[tuple[dt.datetime, Decimal]]:
    """Energy since the start at each reading, never falling, scaled to nothing but what was settled."""
    readings = registers.readings_of(session, until=end)
    if len(readings) > 1 and registers.settle_registers(
        readings, max_power_w=registers.max_power_w(session)
    ).flags.count("implausible_start_register"):
        readings = readings[1:]
    points: list[tuple[dt.datetime, Decimal]] = []
    energy = Decimal(0)
    for n, reading in enumerate(readings):
        if n:
            energy += max(reading.wh - readings[n - 1].wh, Decimal(0))
        points.append((reading.at, energy))
    return points


def _energy_at(
    cumulative: Sequence[tuple[dt.datetime, Decimal]], at: dt.datetime, *, total: Decimal
) -> Decimal:
    """Energy delivered by the instant, interpolated; within 0 and the total."""
    place = bisect_right(cumulative, at, key=lambda point: point[0])
    if place == 0:
        return Decimal(0)
    before_at, before = cumulative[place - 1]
    if place == len(cumulative):
        return min(before, total)
    after_at, after = cumulative[place]
    share = Decimal((at - before_at).total_seconds()) / Decimal((after_at - before_at).total_seconds())
    return min((before + (after - before) * share).quantize(registers.WH), total)
