"""The front page: what this is for visitors; for drivers what is charging, and what was."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from sessions.web.history import history_rows, own_sessions
from stations.web.finder import finder

_RECENT = 3
_PLACES = 6


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """The finder for everybody, with the driver's own sessions above it."""
    context = {"section": "home", **finder(request, most=_PLACES), "is_excerpt": True, **_own(request.user)}
    return render(request, "portal/home.html", context)


def _own(user: Any) -> dict[str, Any]:
    if not user.is_authenticated:
        return {"running": [], "recent": []}
    sessions = own_sessions(user)
    return {
        "running": history_rows(sessions.active()),
        "recent": history_rows(sessions.filter(state="ended")[:_RECENT]),
    }
