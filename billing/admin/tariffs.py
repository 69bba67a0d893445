"""Tariffs: their prices, and where and when they hold."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import display

from accounts.admin.base import ChoicesInScope, NetworkAdmin, NetworkInline
from billing.models import PriceComponent, Tariff, TariffAssignment, TariffElement
from chargeportal.common.formats import format_unit_price
from chargeportal.common.money import Money

UNITS = {"ENERGY": "kWh", "TIME": "h", "PARKING_TIME": "h"}


def price_text(component: PriceComponent, *, currency: str) -> str:
    """The component in words: ``4,95 kr/kWh``, ``10,00 kr start fee``."""
    price = Money(component.price, currency)
    language = get_language() or "en"
    if component.type == PriceComponent.Type.FLAT:
        text = format_unit_price(price, language, unit="").removesuffix("/")
        return _("%(price)s to start") % {"price": text}
    text = format_unit_price(price, language, unit=UNITS[component.type])
    return (
        _("%(price)s parked") % {"price": text}
        if component.type == PriceComponent.Type.PARKING_TIME
        else text
    )


class PriceInline(ChoicesInScope, TabularInline):
    """The prices of an element, one a line."""

    model = PriceComponent
    fields = ("type", "price", "vat_percent", "step_size")
    extra = 0
    min_num = 1
    hide_title = True


class ElementForm(forms.ModelForm):
    """A group of prices has nothing but its prices to fill in; its place in the order comes by itself."""

    class Meta:
        model = TariffElement
        fields = ()

    def has_changed(self) -> bool:
        """A new group is there as soon as one of its prices is."""
        nested = getattr(self, "nested_formsets", ())
        return super().has_changed() or (
            self.instance.pk is None and any(prices.formset.has_changed() for prices in nested)
        )


class ElementInline(StackedInline):
    """Prices that hold together. Most tariffs have one group."""

    model = TariffElement
    form = ElementForm
    extra = 0
    min_num = 1
    inlines = (PriceInline,)
    verbose_name = _("group of prices")
    verbose_name_plural = _("prices")


class AssignmentInline(NetworkInline):
    """Where and from when to when the tariff holds; neither location nor EVSE means everywhere else."""

    model = TariffAssignment
    fields = ("location", "evse", "valid_from", "valid_until")
    autocomplete_fields = ("location", "evse")
    verbose_name_plural = _("where and when it holds")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("location", "evse__station", "tariff")


@admin.register(Tariff)
class TariffAdmin(NetworkAdmin):
    """The price lists of one's operator."""

    operator_path = "operator"
    list_display = ("name", "prices", "tax_included", "holds_for", "operator", "updated_at")
    list_filter = ("currency", "tax_included")
    list_select_related = ("operator",)
    search_fields = ("name", "operator__name")
    inlines = (ElementInline, AssignmentInline)
    fieldsets = ((None, {"fields": ("name", "operator", "currency", "tax_included")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        assignments = TariffAssignment.objects.select_related("location", "evse__station")
        return super().get_queryset(request).prefetch_related(
            "elements__price_components", Prefetch("assignments", queryset=assignments)
        )  # fmt: skip

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = super().get_form(request, obj, change, **kwargs)
        operator = form.base_fields.get("operator")
        if obj is None and operator is not None:
            operator.initial = operator.queryset.filter(kind="operator").values_list("pk", flat=True).first()
        return form

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001
        """New groups of prices come after those that are there."""
        if formset.model is TariffElement:
            last = max((f.instance.position for f in formset.initial_forms), default=0)
            for position, new in enumerate(formset.extra_forms, start=last + 1):
                new.instance.position = position
        super().save_formset(request, form, formset, change)

    @display(description=_("prices"))
    def prices(self, tariff: Tariff) -> str:
        """Every price in a line."""
        components = [c for element in tariff.elements.all() for c in element.price_components.all()]
        return " · ".join(price_text(c, currency=tariff.currency) for c in components) or "–"

    @display(description=_("holds for"))
    def holds_for(self, tariff: Tariff) -> str:
        """Where it holds now."""
        now = timezone.now()
        places = [
            str(a.evse or a.location or _("everywhere else"))
            for a in tariff.assignments.all()
            if a.valid_from <= now and (a.valid_until is None or a.valid_until > now)
        ]
        return ", ".join(places) or str(_("nothing now"))
