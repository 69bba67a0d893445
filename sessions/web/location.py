"""A place where one charges: its outlets, live, and the way to a start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from sessions.models import ChargingSession
from sessions.overview import RunningSession, display_status, evse_sessions
from sessions.remote_control import STARTABLE
from stations.models import Location
from stations.overview import EvseState, evse_states
from stations.web.finder import states_at


@dataclass(frozen=True, slots=True)
class Outlet:
    """One outlet as a driver sees it."""

    state: EvseState
    status: str
    can_start: bool
    own_session: str

    @property
    def since(self) -> Any:
        """Since when it is offline, or in a state worth timing."""
        if not self.state.is_online:
            return self.state.offline_since
        return None if self.state.is_free else self.state.since


def location_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The outlets of one place."""
    location = get_object_or_404(Location.objects.visible_to(request.user), public_id=public_id)
    return render(
        request, "sessions/location.html", {"section": "chargers", **location_context(location, request.user)}
    )


def location_context(location: Location, user: Any) -> dict[str, Any]:
    """What the location's template shows."""
    found = outlets(states_at([location.pk])[location.pk], user)
    return {
        "location": location,
        "outlets": found,
        "stations": [
            (name, list(group)) for name, group in groupby(found, key=lambda o: o.state.station_name)
        ],
        "evse_ids": [outlet.state.evse_id for outlet in found],
        "states": [outlet.state for outlet in found],
        "is_online": any(outlet.state.is_online for outlet in found),
        "free": sum(outlet.state.is_free for outlet in found),
    }


def outlets(states: Iterable[EvseState], user: Any) -> list[Outlet]:
    """The outlets with those states, as that person sees them; two queries, three with a person."""
    states = list(states)
    running = evse_sessions(state.evse_id for state in states)
    own = _own_sessions(user, running.values())
    return [_outlet(state, running.get(state.evse_id), own) for state in states]


def outlet_of(evse_id: int, user: Any) -> Outlet:
    """One outlet, as that person sees it."""
    return outlets(evse_states([evse_id]), user)[0]


def _outlet(state: EvseState, running: RunningSession | None, own: set[int]) -> Outlet:
    return Outlet(
        state=state,
        status=display_status(state, running),
        can_start=state.is_online and running is None and state.status in STARTABLE,
        own_session=running.public_id if running is not None and running.session_id in own else "",
    )


def _own_sessions(user: Any, running: Iterable[RunningSession]) -> set[int]:
    ids = [session.session_id for session in running]
    if not ids or not getattr(user, "is_authenticated", False):
        return set()
    return set(ChargingSession.objects.filter(pk__in=ids, user_id=user.pk).values_list("pk", flat=True))
