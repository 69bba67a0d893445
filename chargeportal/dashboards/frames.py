"""The log of a station's OCPP frames, newest first, a page at a time by the time of the last row."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargeportal.dashboards import network
from chargeportal.dashboards.station_page import zone_of
from stations.models import ChargingStation, OcppFrame

PAGE_ROWS = 50
#: A search that the index cannot help with looks at this much of the log at a time.
SEARCH_WINDOW = dt.timedelta(days=7)


class FrameFilter(forms.Form):
    """What to look for in the log."""

    action = forms.CharField(required=False, max_length=60)
    direction = forms.ChoiceField(
        required=False, choices=[("", _("both ways")), *OcppFrame.Direction.choices]
    )
    only_errors = forms.BooleanField(required=False)
    text = forms.CharField(required=False, max_length=200)
    before = forms.DateTimeField(required=False)
    before_id = forms.IntegerField(required=False)

    @property
    def needs_scan(self) -> bool:
        """Whether the index on station and time is not enough."""
        return any(self.cleaned_data.get(name) for name in ("action", "direction", "only_errors", "text"))


@dataclass(frozen=True, slots=True)
class FramePage:
    """Some rows of the log, and where an older page begins (None: there is nothing older)."""

    frames: list[OcppFrame]
    older_before: dt.datetime | None
    older_before_id: int | None = None


def frames_view(request: HttpRequest, station_id: int) -> HttpResponse:
    """A page of the log, as a part of the station's page."""
    station = get_object_or_404(network.stations_of(request.user).select_related("location"), pk=station_id)
    if not request.user.has_perm("stations.view_ocppframe"):
        raise PermissionDenied
    form = FrameFilter(request.GET or None)
    page = frame_page(station, form=form, now=timezone.now())
    query = request.GET.copy()
    query.pop("before", None)
    query.pop("before_id", None)
    context = {"station": station, "page": page, "zone": zone_of(station), "query": query.urlencode()}
    return render(request, "admin/station/frame_rows.html", context)


def frame_page(station: ChargingStation, *, form: FrameFilter, now: dt.datetime) -> FramePage:
    """The newest rows that fit, before the given time; never counts the table."""
    wanted = form.cleaned_data if form.is_bound and form.is_valid() else {}
    frames = OcppFrame.objects.filter(station=station)
    before = wanted.get("before")
    if before:
        last_id = wanted.get("before_id") or 0
        frames = frames.filter(occurred_at__lte=before).exclude(occurred_at=before, id__gte=last_id)
    start = None
    if wanted and form.needs_scan:
        start = (before or now) - SEARCH_WINDOW
        frames = _narrowed(frames.filter(occurred_at__gte=start), wanted)
    rows = list(frames.order_by("-occurred_at", "-id")[: PAGE_ROWS + 1])
    if len(rows) > PAGE_ROWS:
        last = rows[PAGE_ROWS - 1]
        return FramePage(rows[:PAGE_ROWS], last.occurred_at, last.id)
    has_older = (
        start is not None and OcppFrame.objects.filter(station=station, occurred_at__lt=start).exists()
    )
    return FramePage(rows, start if has_older else None)


def _narrowed(frames: QuerySet, wanted: dict[str, Any]) -> QuerySet:
    if wanted["action"]:
        frames = frames.filter(action__icontains=wanted["action"].strip())
    if wanted["direction"]:
        frames = frames.filter(direction=wanted["direction"])
    if wanted["only_errors"]:
        frames = frames.filter(~Q(error_code="") | Q(raw__isnull=False))
    if wanted["text"]:
        text = wanted["text"].strip()
        frames = frames.annotate(
            payload_text=Cast(F("payload"), TextField()), response_text=Cast(F("response"), TextField())
        ).filter(
            Q(payload_text__icontains=text) | Q(response_text__icontains=text) | Q(message_id=text)
            | Q(error_description__icontains=text) | Q(raw__icontains=text)
        )  # fmt: skip
    return frames
