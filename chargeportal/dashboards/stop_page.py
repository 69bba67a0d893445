"""The page of a stop without a session: which session it may have ended, and matching it to one."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.admin.base import person
from accounts.backends import organisations_allowing
from sessions import unknown_stops
from sessions.hold_words import hold_words
from sessions.models import UnmatchedStop
from sessions.overview import driver_label

VIEW, CHANGE = "charging_sessions.view_unmatchedstop", "charging_sessions.change_unmatchedstop"


def stops_of(user: Any, *, permission: str = VIEW) -> QuerySet[UnmatchedStop]:
    """The stops at stations where the person has the permission."""
    stops = UnmatchedStop.objects.select_related("station__location", "session")
    if user.is_superuser:
        return stops
    mine = organisations_allowing(user, permission)
    at_mine = Q(station__location__operator__in=mine)
    return stops.filter(at_mine) if mine else stops.none()


def stop_view(request: HttpRequest, stop_id: int) -> HttpResponse:
    """The page of the stop."""
    stop = get_object_or_404(stops_of(request.user), pk=stop_id)
    location = stop.station.location
    found = [] if stop.session_id else unknown_stops.suggestions(stop)
    context = admin.site.each_context(request) | {
        "title": _("Stop without session"),
        "stop": stop,
        "zone": location.time_zone if location else "",
        "rows": [
            {
                "suggestion": each,
                "driver": driver_label(each.session),
                "why": hold_words(each.session.held_reason).short if each.session.held_reason else "",
            }
            for each in found
        ],
        "may_match": _may_match(request.user, stop),
    }
    return TemplateResponse(request, "admin/review/stop.html", context)


def match_view(request: HttpRequest, stop_id: int, session_id: int) -> HttpResponse:
    """GET: what will happen. POST: the stop ends the session, once."""
    stop = get_object_or_404(stops_of(request.user), pk=stop_id)
    if not _may_match(request.user, stop):
        raise PermissionDenied
    found = next((each for each in unknown_stops.suggestions(stop) if each.session.pk == session_id), None)
    context: dict[str, Any] = {"stop": stop, "suggestion": found, "error": ""}
    if found is None or stop.session_id:
        context["error"] = _("The stop has its session already, or cannot be the end of this one.")
    elif request.method == "POST":
        try:
            unknown_stops.assign(stop, session_id=session_id, by=person(request), now=timezone.now())
        except unknown_stops.NotMatchable:
            context["error"] = _("The stop has its session already, or cannot be the end of this one.")
        else:
            messages.success(request, _("The session has its end and is settled with the stop's register."))
            response = HttpResponse(status=204)
            response["HX-Redirect"] = request.build_absolute_uri("../../")
            return response
    return render(request, "admin/review/match.html", context)


def _may_match(user: Any, stop: UnmatchedStop) -> bool:
    return stops_of(user, permission=CHANGE).filter(pk=stop.pk).exists()
