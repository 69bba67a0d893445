"""Charging stations in the admin: the list, the form, and the connection password."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import action, display

from accounts.admin.base import NetworkAdmin, NetworkInline, person
from stations.admin import onboarding
from stations.admin.links import station_address
from stations.models import ChargingStation, Connector, Evse, StationConnection
from stations.presence import STALE_AFTER


class ConnectorInline(NetworkInline):
    """The sockets and cables of an EVSE."""

    model = Connector
    fields = ("number", "standard", "format", "max_voltage_v", "max_current_a")


class EvseInline(NetworkInline):
    """The EVSEs of a station; most are found by themselves when the station reports them."""

    model = Evse
    fields = ("number", "evse_id", "current_type", "max_power_kw")
    show_change_link = True


class OnlineFilter(admin.SimpleListFilter):
    """Connected or not."""

    title = _("connection")
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("online", _("online")), ("offline", _("offline")), ("never", _("never connected"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() in ("online", "offline"):
            return queryset.filter(online=self.value() == "online")
        return queryset.filter(last_seen_at=None) if self.value() == "never" else queryset


def _theirs(path: str, organisation_ids: list[int]) -> Q:
    theirs = Q(**{f"{path}location__operator__in": organisation_ids})
    return theirs | Q(**{f"{path}location": None}) if organisation_ids else theirs


def _open_connections(now: dt.datetime) -> QuerySet:
    return StationConnection.objects.filter(
        station=OuterRef("pk"), closed_at=None, last_seen_at__gte=now - STALE_AFTER
    )


@admin.register(ChargingStation)
class ChargingStationAdmin(NetworkAdmin):
    """The chargers of one's network, and those that wait for approval."""

    list_display = (
        "station",
        "location",
        "connection",
        "registration_state",
        "device",
        "evse_count",
        "last_seen_at",
    )
    list_filter = (
        OnlineFilter,
        "registration",
        ("location", RelatedDropdownFilter),
        "ocpp_version",
        "vendor",
    )
    list_select_related = ("location",)
    search_fields = ("identity", "name", "location__name", "serial_number", "vendor", "model")
    search_help_text = _("Identity, name, location, serial number or make")
    autocomplete_fields = ("location",)
    actions = ("accept", "reject")
    inlines = (EvseInline,)
    fieldsets = (
        (None, {"fields": ("identity", "name", "location", "registration")}),
        (
            _("Device"),
            {"fields": ("vendor", "model", "serial_number", "firmware_version", "max_power_kw")},
        ),
        (_("Connection"), {"fields": ("heartbeat_interval_s", "allows_messages_before_boot")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("identity", "name", "location", "max_power_kw"),
                "description": _("The password for the charger is made when you save, and shown once."),
            },
        ),
    )

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        """Stations without a location belong to every operator's staff until somebody places them."""
        return rows.filter(_theirs("", organisation_ids))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return (
            super()
            .get_queryset(request)
            .annotate(online=Exists(_open_connections(timezone.now())), number_of_evses=Count("evses"))
        )

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.inlines

    def get_custom_urls(self) -> tuple:
        return (
            ("<int:station_id>/password/", "stations_chargingstation_password", self.rotate_password),
            ("<int:station_id>/registration/", "stations_chargingstation_registration", self.register),
        )

    def response_add(
        self, request: HttpRequest, obj: ChargingStation, post_url_continue: Any = None
    ) -> HttpResponse:
        """A new station's connection details, shown this once."""
        if "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        return self._details_page(request, obj, title=_("Connect %(station)s") % {"station": obj})

    def response_change(self, request: HttpRequest, obj: ChargingStation) -> HttpResponse:
        if "_continue" in request.POST or "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_change(request, obj)
        super().response_change(request, obj)
        return HttpResponseRedirect(station_address(obj.pk))

    def rotate_password(self, request: HttpRequest, station_id: int, **_kwargs: Any) -> HttpResponse:
        """Asks, then makes a new connection password and shows it once."""
        station = self._station_to_keep(request, station_id)
        if request.method == "POST":
            return self._details_page(
                request, station, title=_("New password for %(station)s") % {"station": station}
            )
        context = self._context(request, station, title=_("New password?"))
        return TemplateResponse(request, "stations/admin/rotate_password.html", context)

    def register(self, request: HttpRequest, station_id: int, **_kwargs: Any) -> HttpResponse:
        """Accepts or rejects the station and goes back to its page."""
        station = self._station_to_keep(request, station_id)
        decision = request.POST.get("registration", "")
        if request.method != "POST" or decision not in ("accepted", "rejected"):
            raise PermissionDenied
        onboarding.decide(station, registration=decision, actor=person(request))
        return HttpResponseRedirect(station_address(station.pk))

    def _station_to_keep(self, request: HttpRequest, station_id: int) -> ChargingStation:
        station = get_object_or_404(self.get_queryset(request), pk=station_id)
        if not self.has_change_permission(request, station):
            raise PermissionDenied
        return station

    def _details_page(self, request: HttpRequest, station: ChargingStation, *, title: str) -> HttpResponse:
        context = self._context(request, station, title=title)
        context |= {
            "details": onboarding.new_connection_details(request, station),
            "subprotocols": onboarding.SUBPROTOCOLS,
        }
        return TemplateResponse(request, "stations/admin/connection_details.html", context)

    def _context(self, request: HttpRequest, station: ChargingStation, *, title: Any) -> dict[str, Any]:
        return self.admin_site.each_context(request) | {
            "title": title,
            "opts": self.opts,
            "station": station,
            "station_address": station_address(station.pk),
        }

    @action(description=_("Accept the stations"), permissions=["change"])
    def accept(self, request: HttpRequest, queryset: QuerySet) -> None:
        """The chosen stations may work."""
        self._decide(request, queryset, ChargingStation.Registration.ACCEPTED)

    @action(description=_("Reject the stations"), permissions=["change"])
    def reject(self, request: HttpRequest, queryset: QuerySet) -> None:
        """The chosen stations are turned away."""
        self._decide(request, queryset, ChargingStation.Registration.REJECTED)

    def _decide(self, request: HttpRequest, queryset: QuerySet, registration: str) -> None:
        stations = self.in_scope(queryset, request.user, verb="change")
        done = sum(onboarding.decide(s, registration=registration, actor=person(request)) for s in stations)
        self.message_user(request, _("Changed: %(n)d") % {"n": done})

    @display(description=_("charging station"), ordering="identity")
    def station(self, station: ChargingStation) -> SafeString:
        """Name and identity, leading to the station's page."""
        identity = (
            format_html('<span class="cp-quiet cp-mono">{}</span>', station.identity) if station.name else ""
        )
        return format_html(
            '<a class="cp-link" href="{}">{}</a><br>{}', station_address(station.pk), station, identity
        )

    @display(description=_("connection"), ordering="online")
    def connection(self, station: ChargingStation) -> SafeString:
        """Online or offline, in words."""
        return render_to_string(
            "stations/admin/connection_chip.html",
            {"is_online": station.online, "since": station.last_seen_at},
        )

    @display(
        description=_("registration"),
        ordering="registration",
        label={"accepted": "success", "pending": "warning", "rejected": "danger"},
    )
    def registration_state(self, station: ChargingStation) -> tuple[str, str]:
        """Accepted, waiting or rejected."""
        return station.registration, station.get_registration_display()

    @display(description=_("make"), ordering="vendor")
    def device(self, station: ChargingStation) -> SafeString:
        """Vendor and model, with firmware and OCPP version below."""
        version = f"OCPP {station.ocpp_version}" if station.ocpp_version else ""
        below = " · ".join(part for part in (station.firmware_version, version) if part)
        name = f"{station.vendor} {station.model}".strip() or "–"
        return (
            format_html('{}<br><span class="cp-quiet">{}</span>', name, below)
            if below
            else format_html("{}", name)
        )

    @display(description=_("EVSEs"), ordering="number_of_evses")
    def evse_count(self, station: ChargingStation) -> int:
        """How many EVSEs it has."""
        return station.number_of_evses


@admin.register(Evse)
class EvseAdmin(NetworkAdmin):
    """EVSEs and their connectors; reached from their station."""

    list_display = ("__str__", "evse_id", "current_type", "max_power_kw", "connector_count")
    list_filter = ("current_type", ("station__location", RelatedDropdownFilter))
    list_select_related = ("station",)
    search_fields = ("evse_id", "station__identity", "station__name")
    autocomplete_fields = ("station",)
    inlines = (ConnectorInline,)
    fields = ("station", "number", "evse_id", "current_type", "max_power_kw")

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        return rows.filter(_theirs("station__", organisation_ids))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(number_of_connectors=Count("connectors"))

    @display(description=_("connectors"), ordering="number_of_connectors")
    def connector_count(self, evse: Evse) -> int:
        """How many connectors it has."""
        return evse.number_of_connectors
