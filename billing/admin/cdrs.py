"""Charge detail records: to read, never to change."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import NetworkInline, ReadOnlyAdmin
from billing.models import Cdr, CdrLine
from billing.pricing import WAIVED
from chargeportal.templatetags.chargeportal_formats import duration, kwh, local, money


class CdrLineInline(NetworkInline):
    """The lines of the bill."""

    model = CdrLine
    hide_title = True
    fields = (
        "dimension",
        "quantity",
        "unit",
        "unit_price",
        "vat_rate",
        "amount_excl_vat",
        "amount_vat",
        "amount_incl_vat",
    )
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False


class CreditFilter(admin.SimpleListFilter):
    """What holds, and what was corrected."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("current", _("those that hold")), ("credits", _("credits")), ("waived", _("waived"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "current":
            return queryset.filter(credits__isnull=True, credited_by__isnull=True)
        if self.value() == "waived":
            return queryset.filter(remark=WAIVED)
        return queryset.filter(credits__isnull=False) if self.value() == "credits" else queryset


@admin.register(Cdr)
class CdrAdmin(ReadOnlyAdmin):
    """The priced records of the sessions at one's stations."""

    list_display = (
        "ended",
        "place",
        "driver",
        "energy",
        "charging",
        "parking",
        "net",
        "vat",
        "total",
        "kind",
    )
    list_filter = (
        CreditFilter,
        ("ended_at", RangeDateTimeFilter),
        ("session__station__location", RelatedDropdownFilter),
        ("tariff", RelatedDropdownFilter),
        "currency",
    )
    list_select_related = (
        "session__station__location",
        "session__evse",
        "session__user",
        "session__id_token",
    )
    search_fields = (
        "session__station__identity",
        "session__station__name",
        "session__user__email",
        "session__user__name",
        "session__id_token_uid",
        "session__transaction_ref",
        "public_id",
    )
    search_help_text = _("Station, driver, token, transaction or record")
    date_hierarchy = "ended_at"
    inlines = (CdrLineInline,)
    fields = (
        "public_id",
        "session",
        "sequence",
        "credits",
        "remark",
        "account",
        "payment_kind",
        "price_group",
        "tariff",
        "started_at",
        "ended_at",
        "time_zone",
        "energy_wh",
        "charging_s",
        "parking_s",
        "currency",
        "total_excl_vat",
        "total_vat",
        "total_incl_vat",
        "rated_at",
    )
    readonly_fields = fields

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        unplaced = Q(session__station__location=None) if organisation_ids else Q(pk__in=[])
        return rows.filter(Q(session__station__location__operator__in=organisation_ids) | unplaced)

    @display(description=_("ended"), ordering="ended_at")
    def ended(self, cdr: Cdr) -> SafeString:
        """When the session ended, on the clock of the place; leads to the session's page."""
        return format_html(
            '<a class="cp-link cp-number" href="{}">{}</a>',
            reverse("dashboards:session", args=[cdr.session_id]),
            local(cdr.ended_at, cdr.time_zone),
        )

    @display(description=_("place"), ordering="session__station__identity")
    def place(self, cdr: Cdr) -> SafeString:
        """Station and location."""
        station = cdr.session.station
        return format_html(
            '<span class="cp-number">{}</span><br><span class="cp-quiet">{}</span>',
            station,
            station.location or "",
        )

    @display(description=_("driver"), ordering="session__user__email")
    def driver(self, cdr: Cdr) -> str:
        """Who pays, as far as we know."""
        session = cdr.session
        return str(session.user or session.id_token or session.id_token_uid or "–")

    @display(description=_("energy"), ordering="energy_wh")
    def energy(self, cdr: Cdr) -> str:
        """Energy billed."""
        return kwh(cdr.energy_wh, 2)

    @display(description=_("charging"), ordering="charging_s")
    def charging(self, cdr: Cdr) -> str:
        """Time spent charging."""
        return duration(cdr.charging_s)

    @display(description=_("parking"), ordering="parking_s")
    def parking(self, cdr: Cdr) -> str:
        """Time spent parking."""
        return duration(cdr.parking_s)

    @display(description=_("without VAT"), ordering="total_excl_vat")
    def net(self, cdr: Cdr) -> str:
        """Total without VAT."""
        return money(cdr.total_excl_vat, cdr.currency)

    @display(description=_("VAT"), ordering="total_vat")
    def vat(self, cdr: Cdr) -> str:
        """VAT."""
        return money(cdr.total_vat, cdr.currency)

    @display(description=_("total"), ordering="total_incl_vat")
    def total(self, cdr: Cdr) -> SafeString:
        """Total with VAT."""
        return format_html('<strong class="cp-number">{}</strong>', money(cdr.total_incl_vat, cdr.currency))

    @display(description=_("kind"), ordering="sequence")
    def kind(self, cdr: Cdr) -> Any:
        """Whether it is a credit, follows one, or charges for nothing because somebody said so."""
        if cdr.credits_id is not None:
            return _("credit")
        if cdr.remark == WAIVED:
            return _("waived")
        return _("corrected charge") if cdr.sequence > 1 else _("charge")
