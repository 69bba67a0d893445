"""What the meter last said of running sessions."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from sessions import registers
from sessions.models import ChargingSession

#: A power reading older than this says nothing about now.
FRESH = dt.timedelta(minutes=20)

_LATEST = """
SELECT s.id, latest.sampled_at, power.power_w, power.sampled_at, energy.energy_wh,
       coalesce(s.meter_start_wh, first.energy_wh), soc.soc_percent, first.energy_wh
FROM charging_sessions_chargingsession s
LEFT JOIN LATERAL (SELECT sampled_at FROM charging_sessions_metersample m
    WHERE m.session_id = s.id ORDER BY sampled_at DESC LIMIT 1) latest ON true
LEFT JOIN LATERAL (SELECT power_w, sampled_at FROM charging_sessions_metersample m
    WHERE m.session_id = s.id AND power_w IS NOT NULL ORDER BY sampled_at DESC LIMIT 1) power ON true
LEFT JOIN LATERAL (SELECT energy_wh FROM charging_sessions_metersample m
    WHERE m.session_id = s.id AND energy_wh IS NOT NULL ORDER BY sampled_at DESC LIMIT 1) energy ON true
LEFT JOIN LATERAL (SELECT energy_wh FROM charging_sessions_metersample m
    WHERE m.session_id = s.id AND energy_wh IS NOT NULL ORDER BY sampled_at LIMIT 1) first ON true
LEFT JOIN LATERAL (SELECT soc_percent FROM charging_sessions_metersample m
    WHERE m.session_id = s.id AND soc_percent IS NOT NULL ORDER BY sampled_at DESC LIMIT 1) soc ON true
WHERE s.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class LatestReading:
    """The newest of each value. ``energy_wh`` is delivered since the start; values never read are None."""

    sampled_at: dt.datetime | None
    power_w: float | None
    power_at: dt.datetime | None
    energy_wh: Decimal | None
    soc_percent: float | None


def latest_readings(session_ids: Iterable[int]) -> dict[int, LatestReading]:
    """The newest readings of each session that has any, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [list(session_ids)])
        return {
            session_id: LatestReading(sampled_at, power_w, power_at, _delivered(start, first, energy), soc)
            for session_id, sampled_at, power_w, power_at, energy, start, soc, first in cursor.fetchall()
            if sampled_at is not None
        }


def delivered_wh(session: ChargingSession, *, now: dt.datetime) -> Decimal:
    """The session's energy until now: settled when it has ended, else what its registers prove so far."""
    if session.energy_wh is not None:
        return session.energy_wh
    readings = registers.readings_of(session, until=session.ended_at or now)
    return registers.settle_registers(readings, max_power_w=registers.max_power_w(session)).energy_wh


def _delivered(start: Decimal | None, first: Decimal | None, latest: Decimal | None) -> Decimal | None:
    """Energy since the start; a start register that cannot be right gives way to the first sample."""
    if latest is None or start is None:
        return None
    if first is not None and abs(first - start) > registers.ALWAYS_IMPLAUSIBLE_WH:
        start = first
    return max(latest - start, Decimal(0))
