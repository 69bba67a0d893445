"""The forms of the tariff editor: restrictions and bounds as fields that people fill in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from billing.models import OffPeakIncentive, Tariff, TariffElement
from billing.tariffs.findings import Finding, errors_of
from billing.tariffs.wording import WEEKDAY_CODES
from chargeportal.common.money import round_half_up

_RESERVATIONS = (
    ("", _("charging")),
    ("RESERVATION", _("a reservation")),
    ("RESERVATION_EXPIRES", _("a reservation that nobody used")),
)
_SECONDS_A_MINUTE = 60
_BOUND_DIGITS = 4


def _clock() -> forms.TimeField:
    return forms.TimeField(
        required=False,
        input_formats=["%H:%M", "%H:%M:%S"],
        widget=UnfoldAdminTextInputWidget(attrs={"type": "time"}),
    )


def _amount(label: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, min_value=0, max_digits=12, widget=UnfoldAdminDecimalFieldWidget()
    )


def _minutes(label: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, min_value=0, widget=UnfoldAdminIntegerFieldWidget()
    )


def _date(label: Any) -> forms.DateField:
    widget = UnfoldAdminTextInputWidget(attrs={"type": "date"})
    return forms.DateField(label=label, required=False, input_formats=["%Y-%m-%d"], widget=widget)


class TariffForm(forms.ModelForm):
    """The tariff as a whole; ``findings`` are what the linter refused when it was last saved."""

    findings: tuple[Finding, ...] = ()

    least = _amount(_("Lowest price of a session, including VAT"))
    most = _amount(_("Highest price of a session, including VAT"))

    class Meta:
        model = Tariff
        fields = ("name", "operator", "type", "currency", "tax_included", "idle_grace_minutes", "day_cap")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field, bound in (("least", self.instance.min_price), ("most", self.instance.max_price)):
            if field in self.fields and bound:
                value = bound.get("after_taxes", bound.get("incl_vat", bound.get("before_taxes")))
                self.fields[field].initial = None if value is None else Decimal(str(value))
        if "name" in self.fields and self.instance.replaces_id is not None:
            self.fields["name"].disabled = True

    def clean(self) -> dict[str, Any]:
        """Refuses what the linter refused, and a name that is taken."""
        cleaned = super().clean() or self.cleaned_data
        if self.findings:
            raise forms.ValidationError([str(finding) for finding in errors_of(self.findings)])
        name, operator = cleaned.get("name"), cleaned.get("operator") or self.instance.operator_id
        same = Tariff.objects.filter(name=name, operator=operator, version=self.instance.version)
        if name and operator and same.exclude(pk=self.instance.pk).exists():
            self.add_error(
                "name", _("There is a tariff of this name. To change it, make a new version of it.")
            )
        return cleaned

    def bounds(self) -> dict[str, Decimal | None]:
        """The least and the most a session costs including VAT."""
        return {"min_price": self.cleaned_data.get("least"), "max_price": self.cleaned_data.get("most")}


def with_both_sides(incl: Decimal | None, tariff: Tariff) -> dict[str, str] | None:
    """A bound as OCPI wants it; without VAT only where all prices have the same rate."""
    if incl is None:
        return None
    if tariff.tax_included == Tariff.TaxIncluded.NOT_APPLICABLE:
        return {"before_taxes": str(incl), "after_taxes": str(incl)}
    components = (c for element in tariff.elements.all() for c in element.price_components.all())
    rates = {component.vat_percent for component in components}
    if len(rates) != 1 or None in rates:
        return {"after_taxes": str(incl)}
    excl = round_half_up(incl * 100 / (100 + Decimal(rates.pop() or 0)), digits=_BOUND_DIGITS)
    return {"before_taxes": str(excl), "after_taxes": str(incl)}


class WeekdaysField(forms.MultipleChoiceField):
    """Boxes for the days of the week; none ticked means every day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Weekdays"),
            required=False,
            choices=[(code, WEEKDAYS_ABBR[number]) for number, code in enumerate(WEEKDAY_CODES)],
            widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            **kwargs,
        )


class ElementForm(forms.ModelForm):
    """A group of prices: when it holds; its prices stand below it."""

    start_time, end_time = _clock(), _clock()
    day_of_week = WeekdaysField()
    start_date, end_date = _date(_("From date")), _date(_("Before date"))
    min_kwh, max_kwh = _amount(_("From kWh")), _amount(_("Until kWh"))
    min_power, max_power = _amount(_("From kW")), _amount(_("Below kW"))
    min_current, max_current = _amount(_("From A (sum of phases)")), _amount(_("Below A"))
    min_duration, max_duration = _minutes(_("From minute")), _minutes(_("Until minute"))
    reservation = forms.ChoiceField(
        label=_("Is for"), required=False, choices=_RESERVATIONS, widget=UnfoldAdminSelectWidget()
    )

    RESTRICTIONS = (
        "start_time", "end_time", "day_of_week", "start_date", "end_date", "min_kwh", "max_kwh", "min_power",
        "max_power", "min_current", "max_current", "min_duration", "max_duration", "reservation",
    )  # fmt: skip

    class Meta:
        model = TariffElement
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.restrictions or {}
        for name in self.RESTRICTIONS:
            if name in self.fields:
                self.fields[name].initial = _shown(name, stored.get(name))
        self.fields["start_time"].label = _("From hour")
        self.fields["end_time"].label = _("Until hour")

    def has_changed(self) -> bool:
        """A new group is there as soon as one of its prices is."""
        nested = getattr(self, "nested_formsets", ())
        return super().has_changed() or (
            self.instance.pk is None and any(prices.formset.has_changed() for prices in nested)
        )

    def save(self, commit: bool = True) -> TariffElement:  # noqa: FBT001, FBT002 - Django's own
        """The restrictions are those of the fields."""
        found = {name: _stored(name, self.cleaned_data.get(name)) for name in self.RESTRICTIONS}
        self.instance.restrictions = {
            name: value for name, value in found.items() if value not in (None, "", [])
        }
        return super().save(commit)


class IncentiveForm(forms.ModelForm):
    """A discount in certain hours."""

    day_of_week = WeekdaysField()

    class Meta:
        model = OffPeakIncentive
        fields = ("name", "start_time", "end_time", "percent", "per_kwh")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["day_of_week"].initial = [WEEKDAY_CODES[day] for day in self.instance.weekdays or ()]

    def clean(self) -> dict[str, Any]:
        """Either a percentage or an amount."""
        cleaned = super().clean() or self.cleaned_data
        if (cleaned.get("percent") is None) == (cleaned.get("per_kwh") is None):
            self.add_error("percent", _("Fill in either a percentage or an amount per kWh."))
        return cleaned

    def save(self, commit: bool = True) -> OffPeakIncentive:  # noqa: FBT001, FBT002 - Django's own
        """The weekdays are those ticked."""
        ticked = self.cleaned_data.get("day_of_week") or []
        self.instance.weekdays = [number for number, code in enumerate(WEEKDAY_CODES) if code in ticked]
        return super().save(commit)


def _shown(name: str, value: Any) -> Any:
    if value is None:
        return None
    return int(value) // _SECONDS_A_MINUTE if name.endswith("_duration") else value


def _stored(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_duration"):
        return value * _SECONDS_A_MINUTE
    if name.endswith("_time"):
        return f"{value:%H:%M}"
    if name.endswith("_date"):
        return value.isoformat()
    return str(value.normalize() + 0) if isinstance(value, Decimal) else value
