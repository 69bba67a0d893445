"""Locations in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import NetworkAdmin, NetworkInline
from stations.models import ChargingStation, Location


class StationInline(NetworkInline):
    """The stations of a location; each has a page of its own."""

    model = ChargingStation
    fields = ("identity", "name", "vendor", "model", "registration")
    readonly_fields = fields
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Location)
class LocationAdmin(NetworkAdmin):
    """Places where cars charge."""

    operator_path = "operator"
    list_display = (
        "name",
        "address",
        "city",
        "operator",
        "host",
        "station_count",
        "time_zone",
        "is_published",
    )
    list_filter = (
        "is_published",
        "city",
        ("operator", RelatedDropdownFilter),
        ("host", RelatedDropdownFilter),
    )
    list_select_related = ("operator", "host")
    search_fields = ("name", "address", "city", "postal_code")
    inlines = (StationInline,)
    fieldsets = (
        (None, {"fields": ("name", "operator", "host", "is_published")}),
        (_("Address"), {"fields": ("address", "postal_code", "city", "country", "latitude", "longitude")}),
        (_("Time"), {"fields": ("time_zone", "opening_hours")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(number_of_stations=Count("stations"))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Whoever works for one operator need not choose it."""
        form = super().get_form(request, obj, change, **kwargs)
        operator = form.base_fields.get("operator")
        if obj is None and operator is not None:
            operator.initial = operator.queryset.filter(kind="operator").values_list("pk", flat=True).first()
        return form

    @display(description=_("stations"), ordering="number_of_stations")
    def station_count(self, location: Location) -> int:
        """How many charging stations stand here."""
        return location.number_of_stations
