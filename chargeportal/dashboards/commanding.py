"""Commands to a station from its page: a form that says what will happen, then the visible outcome."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from accounts.admin.base import person
from chargeportal.dashboards import network
from chargeportal.dashboards.command_forms import FORMS, NotSent
from stations.command_words import COMMANDS
from stations.commands import FINAL
from stations.models import StationCommand
from stations.presence import is_online
from stations.steering import may_send


def command_view(request: HttpRequest, station_id: int, kind: str) -> HttpResponse:
    """GET: the form with what will happen. POST: the command is on its way, and its outcome is shown."""
    station = get_object_or_404(network.stations_of(request.user).select_related("location"), pk=station_id)
    if kind not in FORMS:
        raise Http404
    if not may_send(request.user, station, kind=kind):
        raise PermissionDenied
    form = FORMS[kind](
        request.POST if request.method == "POST" else None,
        initial=request.GET.dict(), station=station, user=person(request),
    )  # fmt: skip
    context = {
        "form": form,
        "words": COMMANDS[kind],
        "station": station,
        "is_online": is_online(station),
        "request": request,
    }
    if request.method == "POST" and form.is_valid():
        return _send(request, form, context)
    return render(request, "admin/station/command_form.html", context)


def _send(request: HttpRequest, form: Any, context: dict[str, Any]) -> HttpResponse:
    try:
        command = form.send(requested_by=person(request), now=timezone.now())
    except NotSent as refusal:
        form.add_error(None, str(refusal))
        return render(request, "admin/station/command_form.html", context)
    return render(request, "admin/station/command_sent.html", context | {"command": command})


def outcome_view(request: HttpRequest, station_id: int, command_id: str) -> HttpResponse:
    """The command as it stands; asks again by itself until the outcome is known."""
    station = get_object_or_404(network.stations_of(request.user), pk=station_id)
    command = get_object_or_404(
        StationCommand.objects.select_related("station", "requested_by"),
        station=station,
        public_id=command_id,
    )
    return render(
        request, "admin/station/outcome.html", {"command": command, "is_final": command.state in FINAL}
    )
