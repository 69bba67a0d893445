"""Dunning in the admin: the cases with what was done in them, and the operator's policy."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.base import NetworkAdmin, NetworkInline, person
from billing import dunning
from billing.models import DunningAct, DunningCase, DunningPolicy
from chargeportal.templatetags.chargeportal_formats import local, money

_MOST_RETRIES = 6
_LAST_DAY = 90

DECISIONS = {
    "pause": (_("Pause: nothing happens until it is resumed"), dunning.pause),
    "resume": (_("Resume"), dunning.resume),
    "close": (_("Close: stop asking for the money"), dunning.close),
}


class DunningCaseForm(forms.ModelForm):
    """What a person decides about a case."""

    decision = forms.ChoiceField(
        label=_("Decision"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        choices=[("", "–"), *((key, words) for key, (words, _act) in DECISIONS.items())],
    )
    note = forms.CharField(
        label=_("Note"), required=False, max_length=250, widget=UnfoldAdminTextInputWidget,
        help_text=_("Why, for whoever reads the case later."),
    )  # fmt: skip

    class Meta:
        model = DunningCase
        fields = ()

    def clean(self) -> dict[str, Any]:
        """A decision has a note."""
        data = super().clean() or {}
        if data.get("decision") and not (data.get("note") or "").strip():
            self.add_error("note", _now("Write a note: why."))
        return data


class DunningActInline(NetworkInline):
    """What was done in a case."""

    model = DunningAct
    hide_title = True
    fields = ("done_at", "kind", "text")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False


@admin.register(DunningCase)
class DunningCaseAdmin(NetworkAdmin):
    """Unpaid documents on their way up the ladder."""

    operator_path = "account__operator"
    form = DunningCaseForm
    list_display = ("document", "customer", "open_amount", "how", "step", "next_step", "opened_at")
    list_filter = ("state",)
    list_select_related = ("invoice__series", "account")
    search_fields = ("account__name", "account__number", "invoice__ocr")
    inlines = (DunningActInline,)
    readonly_fields = (
        "document",
        "customer",
        "open_amount",
        "state",
        "step",
        "next_step",
        "opened_at",
        "closed_at",
    )
    fieldsets = (
        (None, {"fields": readonly_fields}),
        (_("Decide"), {"fields": ("decision", "note")}),
    )
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("invoice__settlements")

    def save_model(self, request: HttpRequest, obj: DunningCase, form: Any, change: bool) -> None:  # type: ignore[override]  # noqa: FBT001
        """The decision is carried out; the case itself is never edited."""
        decision = form.cleaned_data.get("decision")
        if not decision:
            return
        act = DECISIONS[decision][1]
        try:
            act(obj, note=form.cleaned_data["note"], by=person(request), now=timezone.now())
        except dunning.CannotChange as refused:
            messages.error(request, str(refused))

    @display(description=_("document"), ordering="invoice__number")
    def document(self, case: DunningCase) -> SafeString | str:
        """The unpaid document."""
        try:
            address = reverse("admin:billing_invoice_change", args=[case.invoice_id])
        except NoReverseMatch:
            return case.invoice.full_number
        return format_html('<a class="cp-link cp-number" href="{}">{}</a>', address, case.invoice.full_number)

    @display(description=_("customer"), ordering="account__name")
    def customer(self, case: DunningCase) -> str:
        """Who owes it."""
        return f"{case.account.name} ({case.account.number})"

    @display(description=_("open"))
    def open_amount(self, case: DunningCase) -> str:
        """What is still to pay."""
        settled = sum(settlement.amount for settlement in case.invoice.settlements.all())
        return money(case.invoice.payable - settled, case.invoice.currency)

    @display(
        description=_("state"),
        label={"open": "warning", "paused": "info", "paid": "success", "collection": "danger"},
    )
    def how(self, case: DunningCase) -> tuple[str, str]:
        """The state as a chip."""
        return case.state, case.get_state_display()

    @display(description=_("next step"), ordering="next_step_at")
    def next_step(self, case: DunningCase) -> str:
        """When something happens next by itself."""
        return local(case.next_step_at)


class DunningPolicyForm(forms.ModelForm):
    """The policy; the days of retries as a person writes them."""

    retry_days = forms.CharField(
        label=_("Try a declined card again after (days)"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Days after it was declined, for example: 1, 3, 7. Empty: never."),
    )

    class Meta:
        model = DunningPolicy
        fields = (
            "operator", "is_active", "retry_days", "reminder_days", "second_reminder_days", "reminder_fee",
            "block_days", "collection_days",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["retry_days"] = ", ".join(str(days) for days in self.instance.retry_days)
        else:
            self.initial["retry_days"] = "1, 3, 7"

    def clean_retry_days(self) -> list[int]:
        """Whole days, each once, in order."""
        words = self.cleaned_data["retry_days"].replace(",", " ").split()
        if not all(word.isdecimal() and 1 <= int(word) <= _LAST_DAY for word in words):
            raise forms.ValidationError(_now("Write whole days between 1 and 90, with commas between them."))
        if len(words) > _MOST_RETRIES:
            raise forms.ValidationError(_now("A card is tried again six times at most."))
        return sorted({int(word) for word in words})


@admin.register(DunningPolicy)
class DunningPolicyAdmin(NetworkAdmin):
    """How each operator goes about money that did not come."""

    operator_path = "operator"
    form = DunningPolicyForm
    list_display = ("operator", "is_active", "reminder_days", "block_days", "collection_days", "reminder_fee")
    list_select_related = ("operator",)
