"""Tariffs: the list of versions, and the editor of drafts."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import display

from accounts.admin.base import ChoicesInScope, NetworkAdmin
from billing.admin.tariff_forms import ElementForm, IncentiveForm, TariffForm, with_both_sides
from billing.models import (
    DynamicPrice,
    OffPeakIncentive,
    PriceComponent,
    Tariff,
    TariffAssignment,
    TariffElement,
)
from billing.tariffs.afir import legal_order
from billing.tariffs.checking import check
from billing.tariffs.findings import Finding, errors_of
from billing.tariffs.publishing import State, holdings_of, state_of
from billing.tariffs.wording import when_words
from chargeportal.common.formats import format_unit_price
from chargeportal.common.money import Money

STATE_WORDS = {
    State.DRAFT: _("draft"),
    State.SCHEDULED: _("scheduled"),
    State.IN_FORCE: _("in force"),
    State.PAST: _("past"),
}


class _Refused(Exception):
    """The linter found errors in what was about to be saved."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        super().__init__("refused")
        self.findings = tuple(findings)


def price_text(component: PriceComponent, *, currency: str) -> str:
    """The component in words: ``4,95 kr/kWh``, ``1,00 kr/min parked``, ``10,00 kr to start``."""
    language = get_language() or "en"
    kind = PriceComponent.Type
    if component.type == kind.FLAT:
        text = format_unit_price(Money(component.price, currency), language, unit="").removesuffix("/")
        return _("%(price)s to start") % {"price": text}
    if component.type == kind.ENERGY:
        return format_unit_price(Money(component.price, currency), language, unit="kWh")
    text = format_unit_price(Money(component.price / 60, currency), language, unit="min")
    return _("%(price)s parked") % {"price": text} if component.type == kind.PARKING_TIME else text


def page_of(tariff: Tariff) -> str:
    """The address of the tariff's own page."""
    return reverse("dashboards:tariff", args=[tariff.pk])


class PriceInline(ChoicesInScope, TabularInline):
    """The prices of an element, one a line."""

    model = PriceComponent
    fields = ("type", "price", "vat_percent", "step_size")
    extra = 0
    min_num = 1
    hide_title = True


class ElementInline(StackedInline):
    """Prices that hold together. Most tariffs have one group."""

    model = TariffElement
    form = ElementForm
    extra = 0
    min_num = 1
    inlines = (PriceInline,)
    verbose_name = _("group of prices")
    verbose_name_plural = _("prices")
    fieldsets = (
        (
            _("When it holds; leave empty what does not matter"),
            {
                "fields": (
                    ("start_time", "end_time", "min_duration", "max_duration"),
                    ("day_of_week",),
                    ("min_kwh", "max_kwh", "min_power", "max_power"),
                    ("min_current", "max_current", "start_date", "end_date"),
                    ("reservation",),
                )
            },
        ),
    )


class DynamicPriceInline(StackedInline):
    """The energy price follows the day-ahead market."""

    model = DynamicPrice
    extra = 0
    max_num = 1
    verbose_name = _("price that follows the market")
    verbose_name_plural = _("price that follows the market")
    fields = (
        ("area", "add_percent", "add_per_kwh"),
        ("floor_per_kwh", "cap_per_kwh", "fallback_per_kwh"),
    )


class IncentiveInline(StackedInline):
    """Discounts on energy in hours of little demand."""

    model = OffPeakIncentive
    form = IncentiveForm
    extra = 0
    fields = (("name", "percent", "per_kwh"), ("start_time", "end_time"), ("day_of_week",))


class StateFilter(admin.SimpleListFilter):
    """Narrows the list to versions of one state."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(state), words) for state, words in STATE_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those of the state asked for."""
        now = timezone.now()
        rows = TariffAssignment.objects.filter(tariff=OuterRef("pk"))
        holds = Exists(rows.filter(Q(valid_until=None) | Q(valid_until__gt=now), valid_from__lte=now))
        to_come = Exists(rows.filter(valid_from__gt=now))
        conditions = {
            str(State.DRAFT): Q(published_at=None) & ~Exists(rows),
            str(State.IN_FORCE): Q(holds),
            str(State.SCHEDULED): ~Q(holds) & Q(to_come),
            str(State.PAST): ~Q(holds) & ~Q(to_come) & (Q(published_at__isnull=False) | Q(Exists(rows))),
        }
        condition = conditions.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


@admin.register(Tariff)
class TariffAdmin(NetworkAdmin):
    """The price lists of one's operator; only drafts can be changed."""

    operator_path = "operator"
    compressed_fields = False
    form = TariffForm
    list_display = ("title", "state", "prices", "holds_for", "type", "operator", "updated_at")
    list_display_links = None
    list_filter = (StateFilter, "type", "currency", "tax_included", "operator")
    list_select_related = ("operator",)
    search_fields = ("name", "operator__name")
    inlines = (ElementInline, DynamicPriceInline, IncentiveInline)
    change_form_before_template = "admin/tariff/findings.html"
    fieldsets = (
        (None, {"fields": (("name", "operator"), ("type", "currency", "tax_included"))}),
        (
            _("Beside the prices"),
            {"fields": (("idle_grace_minutes", "day_cap"), ("least", "most"))},
        ),
    )

    class Media:
        css = {"all": ("css/tariff.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        assignments = TariffAssignment.objects.select_related("location", "evse__station", "price_group")
        return super().get_queryset(request).prefetch_related(
            "elements__price_components", Prefetch("assignments", queryset=assignments)
        )  # fmt: skip

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = super().get_form(request, obj, change, **kwargs)
        form.findings = getattr(request, "tariff_findings", ())
        operator = form.base_fields.get("operator")
        if obj is None and operator is not None:
            operator.initial = operator.queryset.filter(kind="operator").values_list("pk", flat=True).first()
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only drafts are changed; a published version is replaced by a new one."""
        return super().has_change_permission(request, obj) and (obj is None or obj.published_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only drafts are deleted."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.published_at is None)

    def get_actions(self, request: HttpRequest) -> dict:
        """Versions are not deleted by the dozen."""
        return {name: act for name, act in super().get_actions(request).items() if name != "delete_selected"}

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The editor; a published version has a page of its own."""
        tariff = self.get_object(request, object_id) if object_id else None
        if tariff is not None and tariff.published_at is not None:
            return HttpResponseRedirect(page_of(tariff))
        context = {**(extra_context or {}), "tariff": tariff}
        if tariff is not None and request.method == "GET":
            now = timezone.now()
            context["findings"] = check(tariff, holdings=holdings_of(tariff, at=now), at=now)
        try:
            with transaction.atomic():
                return super().changeform_view(request, object_id, form_url, context)
        except _Refused as refusal:
            request.tariff_findings = refusal.findings
            return super().changeform_view(request, object_id, form_url, context)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001
        """New groups of prices come after those that are there."""
        if formset.model is TariffElement:
            last = max((f.instance.position for f in formset.initial_forms), default=0)
            for position, new in enumerate(formset.extra_forms, start=last + 1):
                new.instance.position = position
        super().save_formset(request, form, formset, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """The whole tariff is there; one with errors is not saved at all."""
        super().save_related(request, form, formsets, change)
        tariff = Tariff.objects.prefetch_related("elements__price_components").get(pk=form.instance.pk)
        for name, incl in form.bounds().items():
            setattr(tariff, name, with_both_sides(incl, tariff))
        tariff.save(update_fields=["min_price", "max_price", "updated_at"])
        now = timezone.now()
        source = tariff.replaces or tariff
        findings = check(tariff, holdings=holdings_of(source, at=now), at=now)
        if errors_of(findings):
            raise _Refused(findings)

    def response_add(self, request: HttpRequest, obj: Tariff, post_url_continue: Any = None) -> HttpResponse:
        """On to the tariff's page, where it is tried and published."""
        return self._onwards(request, obj, super().response_add(request, obj, post_url_continue))

    def response_change(self, request: HttpRequest, obj: Tariff) -> HttpResponse:
        """On to the tariff's page, where it is tried and published."""
        return self._onwards(request, obj, super().response_change(request, obj))

    def _onwards(self, request: HttpRequest, tariff: Tariff, response: HttpResponse) -> HttpResponse:
        if {"_continue", "_addanother", "_popup"} & set(request.POST):
            return response
        for _message in messages.get_messages(request):
            pass  # ours says what to do next
        messages.success(request, _("The draft is saved. Try it, then publish it."))
        return HttpResponseRedirect(page_of(tariff))

    @display(description=_("tariff"), ordering="name")
    def title(self, tariff: Tariff) -> SafeString:
        """The name and the version, which lead to the tariff's page."""
        return format_html(
            '<a class="cp-link" href="{}">{}</a> <span class="cp-quiet">{} {}</span>',
            page_of(tariff),
            tariff.name,
            _("version"),
            tariff.version,
        )

    @display(description=_("state"))
    def state(self, tariff: Tariff) -> SafeString:
        """Draft, scheduled, in force or past."""
        state = state_of(tariff, now=timezone.now())
        return format_html('<span class="tariff-state tariff-state--{}">{}</span>', state, STATE_WORDS[state])

    @display(description=_("prices"))
    def prices(self, tariff: Tariff) -> str:
        """Every price in a line, in the order of the law."""
        listed = [
            (legal_order(c.type), price_text(c, currency=tariff.currency), when_words(element.restrictions))
            for element in tariff.elements.all()
            for c in element.price_components.all()
        ]
        texts = (
            f"{text} ({when})" if when else text for _order, text, when in sorted(listed, key=lambda p: p[0])
        )
        return " · ".join(texts) or "–"

    @display(description=_("holds for"))
    def holds_for(self, tariff: Tariff) -> str:
        """Where it holds now."""
        now = timezone.now()
        places = [
            str(a.evse or a.location or _("everywhere else"))
            + (f" ({a.price_group})" if a.price_group else "")
            for a in tariff.assignments.all()
            if a.valid_from <= now and (a.valid_until is None or a.valid_until > now)
        ]
        return ", ".join(places) or str(_("nothing now"))
