"""The forms of the exports pages."""

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.backends import organisations_allowing
from accounts.models import Organisation
from billing.exports import sie
from billing.exports.downloads import ADD
from billing.exports.kinds import refuse_parameters
from billing.exports.refusals import ExportRefused
from billing.models import Export, ExportKind, ExportSchedule

_LONGEST_DAYS = 3 * 366


class ExportForm(forms.ModelForm):
    """What to export, and of which days; the last day is in."""

    last_day = forms.DateField(
        label=_("To"), help_text=_("the last day that is in"), widget=UnfoldAdminDateWidget
    )
    per = forms.ChoiceField(
        label=_("Vouchers"),
        required=False,
        choices=((sie.PER_DAY, _("one for each day and kind")), (sie.PER_ENTRY, _("one for each entry"))),
        help_text=_("for the accounting system (SIE) only"),
        widget=UnfoldAdminSelectWidget,
    )
    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        label=_("Currency"),
        required=False,
        help_text=_("for the accounting system (SIE) only, where the books have several"),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = Export
        fields = ("operator", "kind", "period_start", "last_day", "per", "currency")
        widgets = {
            "operator": UnfoldAdminSelectWidget,
            "kind": UnfoldAdminSelectWidget,
            "period_start": UnfoldAdminDateWidget,
        }

    @classmethod
    def for_person(cls, user: Any, *, today: dt.date | None = None) -> "type[ExportForm]":
        """The form with the operators for which the person may export, and last month's days."""
        made: type[ExportForm] = type("ExportForm", (cls,), {"__module__": cls.__module__})
        operators = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR)
        if not user.is_superuser:
            operators = operators.filter(pk__in=organisations_allowing(user, ADD))
        fields: Any = made.base_fields
        fields["operator"].queryset = operators
        fields["operator"].empty_label = None
        if today is not None:
            last = today.replace(day=1) - dt.timedelta(days=1)
            fields["period_start"].initial, fields["last_day"].initial = last.replace(day=1), last
        return made

    def clean(self) -> dict[str, Any]:
        """The days are in order, and the parameters fit the kind."""
        data = super().clean() or {}
        first, last = data.get("period_start"), data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("The period ends before it begins."))
        elif first and last and (last - first).days >= _LONGEST_DAYS:
            self.add_error("last_day", _("The period is longer than three years."))
        elif last:
            self.instance.period_end = last + dt.timedelta(days=1)
        try:
            refuse_parameters(data.get("kind", ""), self.chosen_parameters())
        except (ExportRefused, KeyError) as refusal:
            self.add_error(None, str(refusal))
        return data

    def chosen_parameters(self) -> dict[str, str]:
        """The parameters of the kind that was chosen."""
        data = self.cleaned_data
        if data.get("kind") != ExportKind.SIE:
            return {}
        return {name: data[name] for name in ("per", "currency") if data.get(name)}


class ScheduleForm(forms.ModelForm):
    """What is exported by itself, when and where to."""

    class Meta:
        model = ExportSchedule
        fields = ("operator", "kind", "frequency", "delivery", "recipient", "is_active")

    def clean(self) -> dict[str, Any]:
        """A mail has an address."""
        data = super().clean() or {}
        if data.get("delivery") == ExportSchedule.Delivery.EMAIL and not data.get("recipient"):
            self.add_error("recipient", _("Say to which address the mail goes."))
        return data
