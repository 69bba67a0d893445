"""The card processor's balance in the admin, and the days on which it does not agree with our books."""

import csv
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter, RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin.base import ReadOnlyAdmin, person
from billing.models import BalanceTransaction, Payment, Reconciliation
from billing.payments import reconciling
from billing.tasks import reconcile_yesterday
from chargeportal.templatetags.chargeportal_formats import money

DIFFERENCE_WORDS = {
    reconciling.MISSING_HERE: _("not in our books"),
    reconciling.MISSING_THERE: _("not on the card processor's balance"),
    reconciling.OTHER_AMOUNT: _("another amount"),
}
_COLUMNS = ("kind", "what", "reference", "payment", "ours", "theirs")
#: A cell that begins so is read as a formula by spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class NoteForm(forms.Form):
    """Why the differences are all right."""

    note = forms.CharField(label=_("Note"), max_length=300, widget=UnfoldAdminTextInputWidget)


class AcceptedFilter(admin.SimpleListFilter):
    """Days that differ and wait, or agree, or were accepted."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waits", _("differs")), ("agrees", _("agrees")), ("accepted", _("accepted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        narrowed = {
            "waits": queryset.exclude(differences=[]).filter(accepted_at=None),
            "agrees": queryset.filter(differences=[]),
            "accepted": queryset.filter(accepted_at__isnull=False),
        }
        return narrowed.get(self.value() or "", queryset)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """One day a row: our books beside the card processor's balance."""

    operator_path = "operator"
    list_display = ("day", "shown_ours", "shown_theirs", "difference", "shown_fees", "result", "checked_at")
    list_filter = (AcceptedFilter, ("day", RangeDateFilter))
    actions_list = ("reconcile_now", "differences_csv")
    actions_detail = ("accept_differences",)
    fields = (
        "operator",
        "day",
        "shown_ours",
        "shown_theirs",
        "difference",
        "shown_fees",
        "result_word",
        "differences_table",
        "accepted_at",
        "accepted_note",
        "checked_at",
    )
    readonly_fields = fields

    @display(description=_("our books"), ordering="ours")
    def shown_ours(self, found: Reconciliation) -> str:
        """What our books say."""
        return money(found.ours, found.currency)

    @display(description=_("card processor"), ordering="theirs")
    def shown_theirs(self, found: Reconciliation) -> str:
        """What the balance says."""
        return money(found.theirs, found.currency)

    @display(description=_("difference"))
    def difference(self, found: Reconciliation) -> str:
        """Ours less theirs."""
        rest = found.ours - found.theirs
        return money(rest, found.currency) if rest else "–"

    @display(description=_("fees"), ordering="fees")
    def shown_fees(self, found: Reconciliation) -> str:
        """What the processor keeps."""
        return money(found.fees, found.currency)

    @display(description=_("result"), label={"agrees": "success", "differs": "danger", "accepted": "info"})
    def result(self, found: Reconciliation) -> tuple[str, str]:
        """Whether somebody has to look."""
        if not found.differences:
            return "agrees", _now("agrees")
        if found.accepted_at:
            return "accepted", _now("accepted")
        return "differs", _now("%(count)s differ") % {"count": len(found.differences)}

    @display(description=_("result"))
    def result_word(self, found: Reconciliation) -> str:
        """Whether somebody has to look, in words."""
        return self.result(found)[1]

    @display(description=_("differences"))
    def differences_table(self, found: Reconciliation) -> SafeString:
        """What does not agree, one thing a row."""
        return table_of(found)

    def has_reconcile_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Those who keep the books may ask for it at any time."""
        return request.user.has_perm("billing.change_reconciliation")

    def has_accept_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Those who keep the books accept."""
        if not request.user.has_perm("billing.change_reconciliation"):
            return False
        return object_id is None or self._waiting(request, object_id) is not None

    @action(description=_("Accept differences"), url_path="accept", permissions=("accept",))
    def accept_differences(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The form with the differences beside it; and then they are accepted."""
        found = self._waiting(request, object_id)
        if found is None:
            raise Http404
        form = NoteForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            note = form.cleaned_data["note"]
            if reconciling.accept(found, note=note, by=person(request), now=timezone.now()):
                messages.success(request, _now("Accepted."))
            return redirect(reverse("admin:billing_reconciliation_change", args=[found.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _now("Accept differences"),
            "found": found,
            "form": form,
            "table": table_of(found),
        }
        return TemplateResponse(request, "admin/payments/accept.html", context)

    @action(description=_("Reconcile now"), url_path="now", permissions=("reconcile",))
    def reconcile_now(self, request: HttpRequest) -> HttpResponse:
        """The past days and today are reconciled by a worker."""
        reconcile_yesterday.delay_on_commit(with_today=True)
        messages.info(request, _now("The balance is being fetched. Load the page again in a moment."))
        return redirect(reverse("admin:billing_reconciliation_changelist"))

    @action(
        description=_("Differences as CSV"),
        url_path="differences",
        permissions=("view",),
    )
    def differences_csv(self, request: HttpRequest) -> HttpResponse:
        """Every difference that was not accepted, one a row."""
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="differences.csv"'
        writer = csv.writer(answer)
        writer.writerow(("day", "currency", *_COLUMNS))
        for found in self.get_queryset(request).exclude(differences=[]).filter(accepted_at=None):
            for row in found.differences:
                cells = (_cell(row.get(name, "")) for name in _COLUMNS)
                writer.writerow((found.day.isoformat(), found.currency, *cells))
        return answer

    def _waiting(self, request: HttpRequest, object_id: Any) -> Reconciliation | None:
        rows = self.in_scope(Reconciliation.objects.all(), request.user, verb="change")
        return rows.filter(pk=object_id, accepted_at=None).exclude(differences=[]).first()


@admin.register(BalanceTransaction)
class BalanceTransactionAdmin(ReadOnlyAdmin):
    """The movements on the card processor's balance, as it tells them."""

    operator_path = "operator"
    list_display = ("created_at", "type", "shown_amount", "shown_fee", "shown_net", "source", "payout")
    list_filter = ("type", ("created_at", RangeDateTimeFilter))
    search_fields = ("stripe_id", "source", "payment_intent", "payout")
    fields = (
        "stripe_id",
        "operator",
        "type",
        "shown_amount",
        "shown_fee",
        "shown_net",
        "source",
        "payment_intent",
        "payout",
        "created_at",
        "available_at",
    )
    readonly_fields = fields

    @display(description=_("amount"), ordering="amount")
    def shown_amount(self, moved: BalanceTransaction) -> str:
        """What moved."""
        return money(moved.amount, moved.currency)

    @display(description=_("fee"), ordering="fee")
    def shown_fee(self, moved: BalanceTransaction) -> str:
        """What it cost."""
        return money(moved.fee, moved.currency)

    @display(description=_("net"), ordering="net")
    def shown_net(self, moved: BalanceTransaction) -> str:
        """What is left."""
        return money(moved.net, moved.currency)


def table_of(found: Reconciliation) -> SafeString:
    """The differences as a table, with links to our payments."""
    if not found.differences:
        return format_html("{}", _now("None."))
    ids = [row["payment"] for row in found.differences if row["payment"]]
    payments = {
        str(public_id): pk
        for public_id, pk in Payment.objects.filter(public_id__in=ids).values_list("public_id", "pk")
    }
    body = format_html_join(
        "",
        '<tr><td>{}</td><td>{}</td><td class="cp-mono">{}</td><td class="cp-number">{}</td>'
        '<td class="cp-number">{}</td></tr>',
        (
            (
                DIFFERENCE_WORDS.get(row["kind"], row["kind"]),
                row["what"],
                _reference(row, payments.get(row["payment"])),
                money(Decimal(row["ours"]), found.currency) if row["ours"] else "–",
                money(Decimal(row["theirs"]), found.currency) if row["theirs"] else "–",
            )
            for row in found.differences
        ),
    )
    head = format_html_join(
        "",
        '<th scope="col">{}</th>',
        ((word,) for word in (_now("What"), _now("Kind"), _now("About"), _now("Ours"), _now("Theirs"))),
    )
    return format_html(
        '<table class="cp-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body
    )


def _reference(row: dict[str, str], payment_id: int | None) -> SafeString:
    if payment_id is None:
        return format_html("{}", row["reference"])
    address = reverse("admin:billing_payment_change", args=[payment_id])
    return format_html('<a class="cp-link" href="{}">{}</a>', address, row["reference"])


def _cell(value: str) -> str:
    """A text that spreadsheets show and do not run; plain negative amounts stay amounts."""
    is_number = value.replace(".", "", 1).replace("-", "", 1).isdigit()
    return f"'{value}" if value.startswith(_FORMULA) and not is_number else value
