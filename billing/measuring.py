"""What a session's meter says, as the rating engine wants it: as fine as the tariff asks for, and no finer.

Most prices do not depend on when in the session the energy flowed; the session is then a period for each
stretch of charging and of parking. Where hours, thresholds or the day-ahead market decide, it is cut at
every reading, so that what lies between two prices is interpolated between the two nearest readings; where
power or current decides, each piece has those. What does not change the price is put together again.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing import rating
from sessions import clocks
from sessions.models import ChargingSession, MeterSample

#: Readings of these moments tell that the contactor is open, not how fast the car charged.
_OPEN = ("transaction_begin", "transaction_end")
_READ = ("sampled_at", "power_w", "current_l1_a", "current_l2_a", "current_l3_a", "context")

Readings = Sequence[tuple[dt.datetime, Decimal]]


def measured(
    session: ChargingSession, *, now: dt.datetime, tariff: rating.Tariff, time_zone: str
) -> tuple[tuple[clocks.MeasuredPeriod, ...], rating.MeasuredSession]:
    """The session until its end or ``now``: its periods, and the same for the rating engine."""
    periods = tuple(clocks.measured_periods(session, now=now))
    if rating.needs_readings(tariff):
        periods = tuple(_with_readings(session, periods, now=now, power=rating.needs_power(tariff)))
    whole = for_rating(periods, time_zone=time_zone, register_start_wh=session.meter_start_wh)
    thin = rating.thinned(whole, tariff=tariff)
    return tuple(_as_clocks(period) for period in thin.periods), thin


def for_rating(
    periods: Iterable[clocks.MeasuredPeriod], *, time_zone: str, register_start_wh: Decimal | None
) -> rating.MeasuredSession:
    """The periods as the rating engine wants them; what took no time and no energy is left out."""
    return rating.MeasuredSession(
        periods=tuple(
            rating.MeasuredPeriod(
                start=period.start,
                end=period.end,
                kind=rating.PeriodKind(period.kind),
                energy_wh=period.energy_wh,
                power_w=period.power_w,
                current_a=period.current_a,
            )
            for period in periods
            if period.end > period.start or period.energy_wh
        ),
        time_zone=ZoneInfo(time_zone),
        register_start_wh=register_start_wh,
    )


def as_snapshot(period: clocks.MeasuredPeriod) -> dict[str, str]:
    """The period as it is kept with a CDR."""
    kept = {
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "kind": period.kind,
        "energy_wh": str(period.energy_wh),
    }
    for name in ("power_w", "current_a"):
        if getattr(period, name) is not None:
            kept[name] = str(getattr(period, name))
    return kept


def from_snapshot(kept: dict[str, Any]) -> clocks.MeasuredPeriod:
    """The period as it was kept with a CDR."""
    power_w, current_a = (
        None if kept.get(name) is None else Decimal(kept[name]) for name in ("power_w", "current_a")
    )
    return clocks.MeasuredPeriod(
        start=dt.datetime.fromisoformat(kept["start"]),
        end=dt.datetime.fromisoformat(kept["end"]),
        kind=kept["kind"],
        energy_wh=Decimal(kept["energy_wh"]),
        power_w=power_w,
        current_a=current_a,
    )


def _with_readings(
    session: ChargingSession, coarse: Sequence[clocks.MeasuredPeriod], *, now: dt.datetime, power: bool
) -> list[clocks.MeasuredPeriod]:
    span = coarse[0].start, coarse[-1].end
    rows = list(
        MeterSample.objects.filter(session=session, sampled_at__gte=span[0], sampled_at__lte=span[1])
        .order_by("sampled_at")
        .values_list(*_READ)
    )
    fine = clocks.measured_periods(session, now=now, at=[row[0] for row in rows])
    if not power:
        return fine
    running = [row for row in rows if row[5] not in _OPEN] or rows
    powers = [(row[0], Decimal(str(row[1]))) for row in running if row[1] is not None]
    currents = [(row[0], _sum_a(row[2:5])) for row in running if any(a is not None for a in row[2:5])]
    return [
        replace(period, power_w=_told(powers, period.end), current_a=_told(currents, period.end))
        for period in fine
    ]


def _sum_a(phases: Iterable[float | None]) -> Decimal:
    return sum((Decimal(str(phase)) for phase in phases if phase is not None), Decimal(0))


def _told(readings: Readings, until: dt.datetime) -> Decimal | None:
    """A reading tells of the time since the one before it; after the last one, the last holds."""
    if not readings:
        return None
    place = bisect_left(readings, until, key=lambda reading: reading[0])
    return readings[min(place, len(readings) - 1)][1]


def _as_clocks(period: rating.MeasuredPeriod) -> clocks.MeasuredPeriod:
    return clocks.MeasuredPeriod(
        period.start, period.end, str(period.kind), period.energy_wh, period.power_w, period.current_a
    )
