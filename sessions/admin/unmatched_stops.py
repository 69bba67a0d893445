"""Stops that belong to no session we know, until a person or a rule finds one."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin
from chargeportal.templatetags.chargeportal_formats import kwh, local
from sessions.models import UnmatchedStop
from stations.admin.links import station_link


class MatchedFilter(admin.SimpleListFilter):
    """Found or still looking."""

    title = _("session")
    parameter_name = "matched"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("not found yet")), ("yes", _("found"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() in ("yes", "no"):
            return queryset.filter(session__isnull=self.value() == "no")
        return queryset


@admin.register(UnmatchedStop)
class UnmatchedStopAdmin(ReadOnlyAdmin):
    """Which charger stopped what it had not started."""

    operator_path = "station__location__operator"
    list_display = (
        "received",
        "of_station",
        "transaction_ref",
        "id_token_uid",
        "register",
        "stop_reason",
        "ended_session",
    )
    list_filter = (MatchedFilter, ("received_at", RangeDateTimeFilter))
    list_select_related = ("station__location", "session")
    search_fields = ("station__identity", "station__name", "transaction_ref", "id_token_uid")
    date_hierarchy = "received_at"

    @display(description=_("received"), ordering="received_at")
    def received(self, stop: UnmatchedStop) -> SafeString:
        """When it came; leads to the page where it is matched."""
        location = stop.station.location
        return format_html(
            '<a class="cp-link cp-number" href="{}">{}</a>',
            reverse("dashboards:unmatched-stop", args=[stop.pk]),
            local(stop.received_at, location.time_zone if location else ""),
        )

    @display(description=_("charging station"), ordering="station__identity")
    def of_station(self, stop: UnmatchedStop) -> SafeString:
        """The station, as a link to its page."""
        return station_link(stop.station)

    @display(description=_("register at end"), ordering="meter_stop_wh")
    def register(self, stop: UnmatchedStop) -> str:
        """What its meter showed."""
        return kwh(stop.meter_stop_wh, 2)

    @display(description=_("session"), ordering="session__started_at")
    def ended_session(self, stop: UnmatchedStop) -> SafeString | str:
        """The session it ended, once a person has matched them."""
        if stop.session is None:
            return "–"
        return format_html(
            '<a class="cp-link cp-number" href="{}">{}</a>',
            reverse("dashboards:session", args=[stop.session_id]),
            local(stop.session.started_at, ""),
        )
