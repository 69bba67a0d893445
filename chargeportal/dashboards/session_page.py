"""The page of one charging session: what happened, the load curve, the price explained."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.backends import organisations_allowing
from chargeportal.dashboards.load_chart import draw
from chargeportal.dashboards.price_words import explain, periods
from chargeportal.dashboards.session_words import flag_words, state_now
from chargeportal.dashboards.tariff_words import why_this_tariff
from chargeportal.live.pages import Changes
from sessions import clocks, curves, metering, ports, timeline
from sessions.hold_words import hold_words
from sessions.models import ChargingSession
from sessions.overview import driver_label
from stations.presence import is_online
from stations.steering import may_send

#: The parts of the page that are pushed, each a template with an element of its own.
LIVE_PARTS = ("summary", "holds", "curve", "story", "price")
TABLE_ROWS = 120


def sessions_of(user: Any) -> QuerySet[ChargingSession]:
    """The sessions at stations where the person may see sessions."""
    sessions = ChargingSession.objects.visible_to(user)
    if user.is_superuser:
        return sessions
    mine = organisations_allowing(user, "charging_sessions.view_chargingsession")
    at_mine = Q(station__location__operator__in=mine) | Q(station__location=None)
    return sessions.filter(at_mine) if mine else sessions.none()


def session_of(user: Any, key: str) -> ChargingSession | None:
    """The session of that id, if the person may see it."""
    return _with_all(sessions_of(user)).filter(pk=int(key)).first() if key.isdecimal() else None


def concerns(session: ChargingSession, changes: Changes) -> bool:
    """Whether a hint speaks of the session or of what it stands on."""
    return (
        changes.everything
        or session.pk in changes.session_ids
        or session.station_id in changes.station_ids
        or session.evse_id in changes.evse_ids
    )


def session_view(request: HttpRequest, session_id: int) -> HttpResponse:
    """The page of the session."""
    session = get_object_or_404(_with_all(sessions_of(request.user)), pk=session_id)
    context = admin.site.each_context(request) | live_context(session, user=request.user, now=timezone.now())
    context |= {
        "title": context["heading"],
        "events": session.events.order_by("occurred_at", "seq_no"),
    }
    return TemplateResponse(request, "admin/session/page.html", context)


def live_context(session: ChargingSession, *, user: Any, now: dt.datetime) -> dict[str, Any]:
    """What the pushed parts of the page show."""
    zone = session.station.location.time_zone if session.station.location else ""
    reading = metering.latest_readings([session.pk]).get(session.pk) if session.is_active else None
    online = is_online(session.station, now=now)
    return _money(session, user=user, now=now) | _curve(session, zone=zone) | {
        "session": session,
        "heading": f"{session.station}{f' / {session.evse.number}' if session.evse else ''}",
        "zone": zone,
        "driver": driver_label(session),
        "state": state_now(session),
        "is_online": online,
        "reading": reading,
        "energy_wh": metering.delivered_wh(session, now=now),
        "duration_s": ((session.ended_at or now) - session.started_at).total_seconds(),
        "clocks": clocks.session_clocks(session, now=now),
        "timeline": timeline.timeline(session),
        "flags": [flag_words(flag) for flag in session.flags],
        "held_words": hold_words(session.held_reason).short if session.held_reason else "",
        "reviews": _reviews(session),
        "may_see_reviews": user.has_perm("charging_sessions.view_sessionreview"),
        "may_stop": session.is_active and may_send(user, session.station, kind="remote_stop"),
    }  # fmt: skip


def _reviews(session: ChargingSession) -> list[dict[str, Any]]:
    """Why it was held and what was decided, the oldest first."""
    reviews = session.reviews.select_related("decided_by").order_by("opened_at", "pk")
    return [{"review": review, "words": hold_words(review.reason)} for review in reviews]


def _money(session: ChargingSession, *, user: Any, now: dt.datetime) -> dict[str, Any]:
    """The price line by line, for those who deal with money at this place."""
    may_see = may_see_price(user, session)
    price = ports.pricing().price(session, now=now) if may_see else None
    lines = [
        {"line": line, "reasons": explain(line), "periods": periods(line)}
        for line in (price.lines if price else ())
    ]
    why = why_this_tariff(session) if may_see else None
    return {"may_see_price": may_see, "price": price, "lines": lines, "why": why}


def may_see_price(user: Any, session: ChargingSession) -> bool:
    """Whether the person deals with bills at the session's place."""
    if user.is_superuser:
        return True
    allowed = organisations_allowing(user, "billing.view_cdr")
    location = session.station.location
    return bool(allowed) if location is None else location.operator_id in allowed


def _curve(session: ChargingSession, *, zone: str) -> dict[str, Any]:
    curve = curves.load_curve(session)
    step = max(1, -(-len(curve.points) // TABLE_ROWS))
    chart = draw(curve, zone=zone, ended_at=session.ended_at)
    return {"curve": curve, "chart": chart, "readings": curve.points[::step]}


def _with_all(sessions: QuerySet[ChargingSession]) -> QuerySet[ChargingSession]:
    return sessions.select_related("station__location", "evse", "user", "id_token", "start_request")
