"""What a driver has charged, by month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sessions import metering, ports
from sessions.models import ChargingSession
from sessions.web.session_page import zone_of

SESSIONS_PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One session in a list. ``total`` is (amount with VAT, currency), None until it is priced."""

    session: ChargingSession
    zone: str
    energy_wh: Decimal | None
    total: tuple[Decimal, str] | None

    @property
    def place(self) -> str:
        """Where it was."""
        location = self.session.station.location
        return location.name if location else str(self.session.station)

    @property
    def duration_s(self) -> float | None:
        """How long it lasted, None while it lasts."""
        ended = self.session.ended_at
        return (ended - self.session.started_at).total_seconds() if ended else None

    @property
    def month(self) -> dt.date:
        """The first day of the month it started in, on the calendar of the place."""
        return self.session.started_at.astimezone(ZoneInfo(self.zone)).date().replace(day=1)


@login_required
def session_list(request: HttpRequest) -> HttpResponse:
    """The driver's own sessions, newest first."""
    page = Paginator(own_sessions(request.user), SESSIONS_PER_PAGE).get_page(request.GET.get("page", "1"))
    rows = history_rows(list(page.object_list))
    months = [(month, list(group)) for month, group in groupby(rows, key=lambda row: row.month)]
    return render(request, "sessions/history.html", {"section": "sessions", "page": page, "months": months})


def own_sessions(user: Any):
    """The person's own sessions; those one manages for others are in the admin."""
    return (
        ChargingSession.objects.visible_to(user)
        .filter(user=user)
        .select_related("station__location")
        .order_by("-started_at", "-pk")
    )


def history_rows(sessions: Iterable[ChargingSession]) -> list[HistoryRow]:
    """Rows for those sessions, with energy and cost, in two queries."""
    sessions = list(sessions)
    readings = metering.latest_readings([session.pk for session in sessions if session.energy_wh is None])
    totals = ports.pricing().totals([session.pk for session in sessions])
    return [
        HistoryRow(session, zone_of(session), _energy_wh(session, readings), totals.get(session.pk))
        for session in sessions
    ]


def _energy_wh(session: ChargingSession, readings: dict[int, metering.LatestReading]) -> Decimal | None:
    if session.energy_wh is not None:
        return session.energy_wh
    reading = readings.get(session.pk)
    return reading.energy_wh if reading else None
