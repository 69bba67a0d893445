"""Starting a session from the portal: what it costs, the request, and how it goes on."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from accounts.web.people import person
from sessions.models import ChargingSession, StartRequest
from sessions.remote_control import PATIENCE, StartRefused, request_start, settle_request
from sessions.web.location import outlet_of
from stations.models import ChargingStation, ConnectorStatus, Evse, StationCommand

#: Statuses that say a cable is already plugged in.
_PLUGGED_IN = {ConnectorStatus.PREPARING, ConnectorStatus.OCCUPIED, ConnectorStatus.FINISHING}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def start_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Shows the price and asks; a POST asks the charger."""
    evse = get_object_or_404(_outlets_for(request.user), public_id=public_id)
    refusal = ""
    if request.method == "POST":
        try:
            asked = request_start(evse, user=person(request), now=timezone.now())
            return redirect("start-request", pk=asked.pk)
        except StartRefused as error:
            refusal = str(error)
    return render(request, "sessions/start.html", _page(evse, request.user, refusal=refusal))


@login_required
@never_cache
def start_request(request: HttpRequest, pk: int) -> HttpResponse:
    """How a start goes on; the page asks again by itself until it is decided."""
    asked = get_object_or_404(
        StartRequest.objects.filter(requested_by=person(request)).select_related(
            "session", "command", "evse__station"
        ),
        pk=pk,
    )
    asked = settle_request(asked, now=timezone.now())
    if asked.session is not None:
        return _go_to_session(request, asked.session)
    page = _page(asked.evse, request.user) | _progress(asked)
    page["sign"] = f"{page['step']}-{page['is_plugged_in']:d}"
    if not request.htmx:  # type: ignore[attr-defined]
        return render(request, "sessions/start_request.html", page)
    if request.GET.get("seen") == page["sign"]:
        return HttpResponse(status=204)  # nothing new: what is on the page stays, and is not read out again
    return render(request, "sessions/start_progress.html", page)


def _go_to_session(request: HttpRequest, session: ChargingSession) -> HttpResponse:
    address = reverse("session", args=[session.public_id])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)  # type: ignore[attr-defined]


def _progress(asked: StartRequest) -> dict[str, Any]:
    """Which step the start has reached: ``asking`` the charger, waiting for the ``car``, or how it ended."""
    command = asked.command
    accepted = command is not None and command.state == StationCommand.State.ACCEPTED
    step: str = asked.state
    if asked.state == StartRequest.State.WAITING:
        step = "car" if accepted else "asking"
    return {
        "asked": asked,
        "step": step,
        "is_decided": asked.state != StartRequest.State.WAITING,
        "was_offline": command is not None and command.state == StationCommand.State.OFFLINE,
        "patience_s": PATIENCE.total_seconds(),
    }


def _page(evse: Evse, user: Any, **context: Any) -> dict[str, Any]:
    outlet = outlet_of(evse.pk, user)
    return {
        "section": "chargers",
        "evse": evse,
        "outlet": outlet,
        "location": evse.station.location,
        "evse_ids": [evse.pk],
        "is_plugged_in": outlet.status in _PLUGGED_IN,
        **context,
    }


def _outlets_for(user: Any):
    stations = ChargingStation.objects.visible_to(user).filter(location__isnull=False)
    return Evse.objects.filter(station__in=stations).select_related("station__location")
