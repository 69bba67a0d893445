"""The list of charging sessions; each leads to its page."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from accounts.admin.base import ReadOnlyAdmin
from chargeportal.templatetags.chargeportal_formats import duration, kwh, local, money
from sessions.metering import latest_readings
from sessions.models import ChargingSession
from sessions.overview import driver_label
from sessions.ports import pricing
from stations.admin.links import status_html


class PricedChangeList(ChangeList):
    """A page of sessions that knows their energies and costs, read in one query each."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        sessions: list[Any] = list(self.result_list)
        self.result_list = sessions
        totals = pricing().totals([session.pk for session in sessions if not session.is_active])
        readings = latest_readings([session.pk for session in sessions if session.is_active])
        for session in sessions:
            latest = readings.get(session.pk)
            session.shown_total = totals.get(session.pk)
            session.shown_energy_wh = latest.energy_wh if session.is_active and latest else session.energy_wh


class HeldFilter(admin.SimpleListFilter):
    """Sessions a person must look at."""

    title = _("needs a look")
    parameter_name = "look"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("held", _("held for review")), ("odd", _("odd data"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "held":
            return queryset.exclude(held_reason="")
        return queryset.exclude(flags=[]) if self.value() == "odd" else queryset


@admin.register(ChargingSession)
class ChargingSessionAdmin(ReadOnlyAdmin):
    """Sessions at one's stations; the charger's record, so nobody edits it."""

    list_display = ("begun", "place", "driver", "shown_state", "lasted", "energy", "cost", "attention")
    list_filter = (
        "state",
        HeldFilter,
        ("started_at", RangeDateTimeFilter),
        ("station__location", RelatedDropdownFilter),
        "ocpp_version",
        "stop_reason",
    )
    list_select_related = ("station__location", "evse", "user", "id_token")
    search_fields = (
        "station__identity",
        "station__name",
        "user__email",
        "user__name",
        "id_token_uid",
        "transaction_ref",
    )
    search_help_text = _("Station, driver, token or transaction")
    date_hierarchy = "started_at"

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        unplaced = Q(station__location=None) if organisation_ids else Q(pk__in=[])
        return rows.filter(Q(station__location__operator__in=organisation_ids) | unplaced)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PricedChangeList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Money is for those who deal with it."""
        columns = super().get_list_display(request)
        return (
            columns if request.user.has_perm("billing.view_cdr") else tuple(c for c in columns if c != "cost")
        )

    @display(description=_("started"), ordering="started_at")
    def begun(self, session: ChargingSession) -> SafeString:
        """When it began, on the clock of the place; leads to the session's page."""
        return format_html(
            '<a class="cp-link cp-number" href="{}">{}</a>',
            reverse("dashboards:session", args=[session.pk]),
            local(session.started_at, _zone(session)),
        )

    @display(description=_("place"), ordering="station__identity")
    def place(self, session: ChargingSession) -> SafeString:
        """Station, EVSE and location."""
        number = f" / {session.evse.number}" if session.evse else ""
        return format_html(
            '<span class="cp-number">{}{}</span><br><span class="cp-quiet">{}</span>',
            session.station,
            number,
            session.station.location or "",
        )

    @display(description=_("driver"), ordering="user__email")
    def driver(self, session: ChargingSession) -> str:
        """Who charges, as far as we know."""
        return driver_label(session) or "–"

    @display(description=_("state"), ordering="state")
    def shown_state(self, session: ChargingSession) -> SafeString | str:
        """Running sessions as a chip, ended ones as a word."""
        if not session.is_active:
            return capfirst(session.get_state_display())
        return status_html("suspended_ev" if session.charging_state == "suspended_ev" else "charging")

    @display(description=_("duration"))
    def lasted(self, session: ChargingSession) -> str:
        """How long it lasted or has lasted so far."""
        return duration((session.ended_at or timezone.now()) - session.started_at)

    @display(description=_("energy"), ordering="energy_wh")
    def energy(self, session: ChargingSession) -> SafeString:
        """Energy delivered so far."""
        return format_html('<span class="cp-number">{}</span>', kwh(session.shown_energy_wh, 2))

    @display(description=_("cost"))
    def cost(self, session: ChargingSession) -> str:
        """What the bill says; a running session has none yet."""
        total: tuple[Decimal, str] | None = session.shown_total
        return money(*total) if total else "–"

    @display(description=_("note"))
    def attention(self, session: ChargingSession) -> SafeString | str:
        """What somebody should look at."""
        if session.held_reason:
            return format_html('<span class="status status--suspended">{}</span>', _("held"))
        return format_html('<span class="cp-quiet">{}</span>', _("odd data")) if session.flags else ""


def _zone(session: ChargingSession) -> str:
    location = session.station.location
    return location.time_zone if location else ""
