"""The books in the admin: the chart of accounts, which one may change, and the journal, which nobody does."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import DecimalField, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin.base import NetworkAdmin, NetworkInline, ReadOnlyAdmin
from billing.ledger import chart
from billing.models import JournalEntry, JournalLine, LedgerAccount
from chargeportal.templatetags.chargeportal_formats import money


class LedgerAccountForm(forms.ModelForm):
    """An account, and the parts it plays in the postings."""

    roles = forms.MultipleChoiceField(
        label=_("Used for"),
        choices=LedgerAccount.Role.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("A part ticked here is taken from the account that has it now."),
    )

    class Meta:
        model = LedgerAccount
        fields = ("operator", "number", "name", "kind", "roles")

    def clean_roles(self) -> list[str]:
        """A part that is given up here must have been given to another account first."""
        roles = self.cleaned_data["roles"]
        given_up = set(self.instance.roles or ()) - set(roles)
        if self.instance.pk and given_up:
            names = ", ".join(sorted(str(LedgerAccount.Role(role).label) for role in given_up))
            raise forms.ValidationError(
                _now("Without an account nothing could be posted: %(names)s. Tick it on another one.")
                % {"names": names}
            )
        return roles


@admin.register(LedgerAccount)
class LedgerAccountAdmin(NetworkAdmin):
    """The chart of accounts: numbers and names as the accountant wants them."""

    operator_path = "operator"
    form = LedgerAccountForm
    list_display = ("number", "name", "kind", "parts", "statement")
    list_filter = ("kind",)
    search_fields = ("number", "name")
    list_select_related = ("operator",)
    ordering = ("operator", "number")

    def save_model(self, request: HttpRequest, obj: LedgerAccount, form: Any, change: bool) -> None:  # type: ignore[override]  # noqa: FBT001
        """The account has its parts, and no other account has them."""
        wanted = list(obj.roles)
        if change:
            obj.roles = list(form.initial.get("roles") or ())
        else:
            obj.roles = []
        super().save_model(request, obj, form, change)
        chart.set_roles(obj, roles=wanted)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What an account is does not change once something is posted on it."""
        if obj is None:
            return ()
        return ("operator", "kind") if obj.lines.exists() else ("operator",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an account that is not used goes away."""
        if obj is not None and (obj.roles or obj.lines.exists()):
            return False
        return super().has_delete_permission(request, obj)

    @display(description=_("used for"))
    def parts(self, account: LedgerAccount) -> str:
        """The parts it plays, in words."""
        return ", ".join(str(LedgerAccount.Role(role).label) for role in account.roles) or "–"

    @display(description=_("statement"))
    def statement(self, account: LedgerAccount) -> SafeString:
        """Leads to what was posted on it."""
        return format_html(
            '<a class="cp-link" href="{}">{}</a>',
            reverse("dashboards:finance_statement", args=[account.pk]),
            _now("Show"),
        )


class JournalLineInline(NetworkInline):
    """The amounts of an entry."""

    model = JournalLine
    hide_title = True
    fields = ("account", "debit", "credit", "currency", "location", "text")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("account", "location")

    @display(description=_("debit"))
    def debit(self, line: JournalLine) -> str:
        """The amount, when it is a debit."""
        return money(line.amount, line.currency) if line.amount > 0 else ""

    @display(description=_("credit"))
    def credit(self, line: JournalLine) -> str:
        """The amount, when it is a credit."""
        return money(-line.amount, line.currency) if line.amount < 0 else ""


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """The journal: every money event, and what it comes from."""

    operator_path = "operator"
    list_display = ("entry_date", "text", "reference", "turnover", "source", "posted_at")
    list_filter = (("entry_date", RangeDateFilter), "kind")
    search_fields = ("text", "reference", "key")
    search_help_text = _("Text, reference or number of the document")
    date_hierarchy = "entry_date"
    inlines = (JournalLineInline,)
    fields = ("entry_date", "text", "reference", "kind", "key", "source", "corrects", "posted_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        debits = (
            JournalLine.objects.filter(entry=OuterRef("pk"), amount__gt=0)
            .order_by()
            .values("entry")
            .annotate(total=Sum("amount"))
        )
        one = JournalLine.objects.filter(entry=OuterRef("pk")).order_by("id")
        return (
            super()
            .get_queryset(request)
            .annotate(
                debits=Subquery(debits.values("total"), output_field=DecimalField()),
                entry_currency=Subquery(one.values("currency")[:1]),
            )
        )

    @display(description=_("amount"), ordering="debits")
    def turnover(self, entry: Any) -> str:
        """The sum of its debits."""
        return money(entry.debits, entry.entry_currency)

    @display(description=_("comes from"))
    def source(self, entry: JournalEntry) -> SafeString:
        """Leads to the document."""
        return format_html(
            '<a class="cp-link" href="{}">{}</a>',
            reverse("dashboards:finance_source", args=[entry.pk]),
            entry.reference or entry.key,
        )
