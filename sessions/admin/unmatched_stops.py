"""Stops that belong to no session we know, until a person or a rule finds one."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import NetworkAdmin
from chargeportal.templatetags.chargeportal_formats import kwh
from sessions.models import ChargingSession, UnmatchedStop
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
class UnmatchedStopAdmin(NetworkAdmin):
    """Which charger stopped what it had not started."""

    operator_path = "station__location__operator"
    list_display = (
        "received_at",
        "of_station",
        "transaction_ref",
        "id_token_uid",
        "register",
        "stop_reason",
        "session",
    )
    list_filter = (MatchedFilter, ("received_at", RangeDateTimeFilter))
    list_select_related = ("station", "session")
    search_fields = ("station__identity", "station__name", "transaction_ref", "id_token_uid")
    date_hierarchy = "received_at"
    fields = (
        "station",
        "transaction_ref",
        "id_token_uid",
        "occurred_at",
        "received_at",
        "meter_stop_wh",
        "stop_reason",
        "payload",
        "session",
    )
    readonly_fields = fields[:-1]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Only sessions of the same station can be the one."""
        form = super().get_form(request, obj, change, **kwargs)
        field = form.base_fields.get("session")
        if obj is not None and field is not None:
            field.queryset = ChargingSession.objects.filter(
                Q(station=obj.station_id)
                & (Q(ended_at=None) | Q(ended_at__gte=obj.occurred_at) | Q(pk=obj.session_id))
            ).order_by("-started_at")
        return form

    @display(description=_("charging station"), ordering="station__identity")
    def of_station(self, stop: UnmatchedStop) -> SafeString:
        """The station, as a link to its page."""
        return station_link(stop.station)

    @display(description=_("register at end"), ordering="meter_stop_wh")
    def register(self, stop: UnmatchedStop) -> str:
        """What its meter showed."""
        return kwh(stop.meter_stop_wh, 2)
