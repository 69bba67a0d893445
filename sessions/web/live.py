"""What the portal's live pages push: outlets of a location, and a running session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse

from chargeportal.live.pages import Changes, LiveTopic, register
from sessions.models import ChargingSession
from sessions.web.location import location_context
from sessions.web.session_page import curve_context, live_context
from stations.models import Location


def _uuid(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None


def _location(user: Any, key: str) -> Location | None:
    public_id = _uuid(key)
    return Location.objects.visible_to(user).filter(public_id=public_id).first() if public_id else None


def _location_fragments(user: Any, key: str, changes: Changes) -> Iterable[str]:
    """The changed outlets and the count of free ones; everything when a station came or went."""
    location = _location(user, key)
    if location is None:
        return []
    context = location_context(location, user)
    touched = [outlet for outlet in context["outlets"] if _concerns(outlet.state, changes)]
    if not touched:
        return []
    context |= {"user": user}
    fragments = [render_to_string("sessions/outlet.html", context | {"outlet": outlet}) for outlet in touched]
    return [*fragments, render_to_string("sessions/location_availability.html", context)]


def _concerns(state: Any, changes: Changes) -> bool:
    return changes.everything or state.evse_id in changes.evse_ids or state.station_id in changes.station_ids


def _session(user: Any, key: str) -> ChargingSession | None:
    sessions = ChargingSession.objects.visible_to(user).select_related("station__location", "evse")
    public_id = _uuid(key)
    return sessions.filter(public_id=public_id).first() if public_id else None


def _session_fragments(user: Any, key: str, changes: Changes) -> Iterable[str]:
    """The figures and the curve of a running session; the way to its bill once it has ended."""
    session = _session(user, key)
    if session is None or not _touches(session, changes):
        return []
    if not session.is_active:
        address = reverse("session", args=[session.public_id])
        return [render_to_string("sessions/ended_fragment.html", {"session": session, "address": address})]
    context = live_context(session) | curve_context(session)
    return [render_to_string(f"sessions/{name}.html", context) for name in ("live_now", "live_curve")]


def _touches(session: ChargingSession, changes: Changes) -> bool:
    return (
        changes.everything
        or session.pk in changes.session_ids
        or session.evse_id in changes.evse_ids
        or session.station_id in changes.station_ids
    )


location_topic = register(
    LiveTopic(
        name="location",
        allows=lambda user, key: _location(user, key) is not None,
        fragments=_location_fragments,
    )
)
session_topic = register(
    LiveTopic(
        name="session",
        allows=lambda user, key: _session(user, key) is not None,
        fragments=_session_fragments,
    )
)
