"""One session: live while it runs, explained afterwards; and the way to stop it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.web.people import person
from sessions import clocks, closing, curves, metering, ports, timeline
from sessions.models import ChargingSession
from sessions.remote_control import StopRefused, request_stop
from sessions.web.curve_drawing import draw
from sessions.web.words import doing
from stations.models import StationCommand

_TABLE_ROWS = 60
#: How long the page tells how a stop went.
_STOP_IS_NEWS = dt.timedelta(minutes=3)


@login_required
@never_cache
def session_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The session, running or finished."""
    session = get_object_or_404(_sessions(request.user), public_id=public_id)
    page = {"section": "sessions", "is_own": session.user_id == request.user.pk}
    if session.is_active:
        return render(request, "sessions/live.html", page | live_context(session) | curve_context(session))
    return render(request, "sessions/session.html", page | finished_context(session) | curve_context(session))


@login_required
@require_POST
def session_stop(request: HttpRequest, public_id: str) -> HttpResponse:
    """Asks the charger to stop the driver's own session."""
    session = get_object_or_404(_sessions(request.user).filter(user=request.user), public_id=public_id)
    try:
        request_stop(session, user=person(request), now=timezone.now())
    except StopRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("session", public_id=session.public_id)


def live_context(session: ChargingSession) -> dict[str, Any]:
    """What a running session shows: the meter, the clocks, the cost so far and what the car is doing."""
    now = timezone.now()
    reading = metering.latest_readings([session.pk]).get(session.pk)
    is_fresh = (
        reading is not None and reading.power_at is not None and now - reading.power_at < metering.FRESH
    )
    return {
        "session": session,
        "zone": zone_of(session),
        "doing": doing(session),
        "reading": reading,
        "power_w": reading.power_w if reading and is_fresh else None,
        "energy_wh": metering.delivered_wh(session, now=now),
        "duration_s": (now - session.started_at).total_seconds(),
        "price": ports.pricing().price(session, now=now),
        "stopping": stopping(session, now=now),
    }


def finished_context(session: ChargingSession) -> dict[str, Any]:
    """What a finished session shows: the price line by line, the clocks and what happened."""
    now = timezone.now()
    return {
        "session": session,
        "zone": zone_of(session),
        "energy_wh": metering.delivered_wh(session, now=now),
        "clocks": clocks.session_clocks(session, now=now),
        "price": _final_price(session, now=now),
        "timeline": timeline.timeline(session),
    }


def _final_price(session: ChargingSession, *, now: dt.datetime) -> ports.Price | None:
    """The price to show: of a session that is held only what has been billed already."""
    if session.held_reason and not closing.is_priced(session):
        return None
    return ports.pricing().price(session, now=now)


def curve_context(session: ChargingSession) -> dict[str, Any]:
    """The session's curve and the table behind it."""
    curve = curves.load_curve(session)
    step = max(1, -(-len(curve.points) // _TABLE_ROWS))
    return {"curve": curve, "drawing": draw(curve, zone=zone_of(session)), "readings": curve.points[::step]}


def zone_of(session: ChargingSession) -> str:
    """The time zone of the place."""
    location = session.station.location
    return location.time_zone if location else "UTC"


def stopping(session: ChargingSession, *, now: dt.datetime) -> StationCommand | None:
    """The newest command to stop this session, while it is news."""
    commands = session.station.commands.filter(
        kind="remote_stop",
        parameters__transaction_ref=session.transaction_ref,
        requested_at__gte=now - _STOP_IS_NEWS,
    )
    return commands.order_by("-requested_at", "-pk").first()


def _sessions(user: Any):
    return ChargingSession.objects.visible_to(user).select_related(
        "station__location", "evse", "id_token", "user"
    )
