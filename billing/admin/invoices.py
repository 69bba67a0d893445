"""Issued documents in the admin: to find, read, download, credit and have paid; never to change."""

import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import action, display

from accounts import access
from accounts.admin.base import ReadOnlyAdmin
from billing.admin import invoice_acts, invoice_mails
from billing.admin.invoice_parts import LineInline, StateFilter
from billing.invoicing import documents
from billing.invoicing.books import day_of
from billing.invoicing.settling import open_amount, with_open_amount
from billing.invoicing.ubl import NotAnInvoice
from billing.models import Invoice, InvoiceDocument, VatNumberCheck
from chargeportal.templatetags.chargeportal_formats import local, money

_NUMBER = re.compile(r"(?P<code>[A-Z]{1,2}(?:-\d+)?)-(?P<number>\d+)")
_MAY = "billing.add_invoice"
_FACTS = (
    "document",
    "shown_kind",
    "customer",
    "invoice_date",
    "due_date",
    "ocr",
    "credited",
    "reason",
    "mails",
)
_AMOUNTS = ("net", "vat", "rounded", "to_pay", "left", "vat_evidence")


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    """Invoices, receipts, credit notes, settlements and statements."""

    operator_path = "operator"
    list_display = ("document", "customer", "invoice_date", "due", "to_pay", "left", "kind")
    list_filter = (
        "kind",
        StateFilter,
        invoice_mails.MailFilter,
        ("invoice_date", RangeDateFilter),
        "operator",
    )
    list_select_related = ("series", "account", "operator")
    search_fields = ("ocr", "account__name", "account__number", "buyer__name")
    search_help_text = _("Number (F-1001), payment reference, customer, customer number")
    date_hierarchy = "invoice_date"
    inlines = (LineInline,)
    actions_detail = ("credit", "bank_payment", "send_again", "download_pdf", "download_ubl")
    actions_list = ("bank_payments",)
    fieldsets = (
        (None, {"fields": _FACTS}),
        (_("Amounts"), {"fields": _AMOUNTS}),
        (_("What happened"), {"fields": ("timeline",)}),
    )
    readonly_fields = (*_FACTS, *_AMOUNTS, "timeline")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return with_open_amount(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """A number as it stands on the document finds it; anything else is looked for in the fields."""
        number = _NUMBER.fullmatch(search_term.strip().upper())
        if number is None:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(series__code=number["code"], number=int(number["number"])), False

    @display(description=_("number"), ordering="number")
    def document(self, invoice: Invoice) -> SafeString:
        """Its number."""
        return format_html('<strong class="cp-number">{}</strong>', invoice.full_number)

    @display(description=_("kind"))
    def shown_kind(self, invoice: Invoice) -> str:
        """What it is."""
        return invoice.get_kind_display()

    @display(description=_("customer"), ordering="account__name")
    def customer(self, invoice: Invoice) -> SafeString:
        """Whom it is for, or from in self-billing."""
        party = invoice.seller if invoice.kind == Invoice.Kind.SELF_BILLING else invoice.buyer
        number = invoice.account.number if invoice.account else _now("guest")
        return format_html('{}<br><span class="cp-quiet cp-number">{}</span>', party.get("name", ""), number)

    @display(description=_("due"), ordering="due_date")
    def due(self, invoice: Any) -> SafeString:
        """When it is to be paid, and that it should have been."""
        if invoice.open_amount > 0 and invoice.due_date < day_of(timezone.now()):
            return format_html('<strong class="cp-number">{} {}</strong>', invoice.due_date, _now("overdue"))
        return format_html('<span class="cp-number">{}</span>', invoice.due_date)

    @display(description=_("without VAT"))
    def net(self, invoice: Invoice) -> str:
        """The sum without VAT."""
        return money(invoice.total_net, invoice.currency)

    @display(description=_("VAT"))
    def vat(self, invoice: Invoice) -> str:
        """The VAT."""
        return money(invoice.total_vat, invoice.currency)

    @display(description=_("rounding"))
    def rounded(self, invoice: Invoice) -> str:
        """What lies between the sums and the amount to pay."""
        return money(invoice.rounding, invoice.currency)

    @display(description=_("to pay"), ordering="payable")
    def to_pay(self, invoice: Invoice) -> str:
        """What was to be paid when it was issued."""
        return money(invoice.payable, invoice.currency)

    @display(description=_("open"), ordering="open_amount")
    def left(self, invoice: Any) -> str:
        """What is still to pay."""
        return money(invoice.open_amount, invoice.currency)

    @display(description=_("credits"))
    def credited(self, invoice: Invoice) -> SafeString | str:
        """The documents it credits or is credited by."""
        related = (
            [invoice.credits] if invoice.credits else list(invoice.credit_notes.select_related("series"))
        )
        links = (
            (reverse("admin:billing_invoice_change", args=[each.pk]), each.full_number) for each in related
        )
        return format_html_join(", ", '<a class="cp-link cp-number" href="{}">{}</a>', links) or "–"

    @display(description=_("what happened"))
    def timeline(self, invoice: Invoice) -> SafeString:
        """Everything about the document, oldest first."""
        rows = [(local(at), what) for at, what in invoice_acts.story(invoice)]
        cells = '<tr><td class="cp-number">{}</td><td>{}</td></tr>'
        return format_html(
            '<table class="cp-table"><tbody>{}</tbody></table>', format_html_join("", cells, rows)
        )

    @display(description=_("mail"))
    def mails(self, invoice: Invoice) -> SafeString | str:
        """Where it was sent and when, or why it was not."""
        return invoice_mails.mails_of(invoice)

    @display(description=_("reverse charge"))
    def vat_evidence(self, invoice: Invoice) -> str:
        """What the register of VAT numbers answered, where the buyer accounts for the VAT."""
        check = invoice.vat_check
        if not invoice.is_reverse_charge or not check:
            return "–"
        words = dict(VatNumberCheck.Result.choices)
        return f"{check['number']} {check['name']}: {words.get(check['result'])}, {check['checked_at'][:10]}"

    def has_credit_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance credits what its operator issued, but for credits."""
        if not self.has_bank_permission(request, object_id):
            return False
        return not Invoice.objects.filter(pk=object_id, kind=Invoice.Kind.CREDIT_NOTE).exists()

    def has_bank_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance says what came to the bank."""
        return request.user.has_perm(_MAY) and (
            object_id is None or self._mine(request, object_id) is not None
        )

    @action(description=_("Credit"), url_path="credit", permissions=("credit",), icon="undo")
    def credit(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The form that says what will happen; and then it happens."""
        invoice = self._mine(request, object_id)
        return invoice_acts.credit_view(self.admin_site, request, invoice)

    @action(description=_("Register payment"), url_path="bank", permissions=("bank",), icon="account_balance")
    def bank_payment(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The form of a bank payment, filled in for this document."""
        invoice = self._mine(request, object_id)
        initial = {"ocr": invoice.ocr, "amount": open_amount(invoice)} if invoice else {}
        return invoice_acts.bank_view(self.admin_site, request, self._payable(request), initial)

    @action(description=_("Register a bank payment"), url_path="bank-payment", permissions=("bank",))
    def bank_payments(self, request: HttpRequest) -> HttpResponse:
        """The form of a bank payment; the payment reference finds the document."""
        return invoice_acts.bank_view(self.admin_site, request, self._payable(request), {})

    @action(
        description=_("Send again"), url_path="send-again", permissions=("bank",), icon="forward_to_inbox"
    )
    def send_again(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Asks whether the document is to be mailed once more; and then it is."""
        return invoice_mails.send_again_view(self.admin_site, request, self._mine(request, object_id))

    @action(description="PDF", url_path="pdf", icon="picture_as_pdf")
    def download_pdf(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The document as PDF."""
        invoice = get_object_or_404(self.get_queryset(request).select_related("series"), pk=object_id)
        return invoice_acts.file_of(invoice, InvoiceDocument.Kind.PDF, documents.pdf)

    @action(description="UBL", url_path="ubl", icon="code")
    def download_ubl(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The document as UBL for Peppol; a statement has none."""
        invoice = get_object_or_404(self.get_queryset(request).select_related("series"), pk=object_id)
        try:
            return invoice_acts.file_of(invoice, InvoiceDocument.Kind.UBL, documents.ubl)
        except NotAnInvoice:
            return HttpResponse(_now("This document is no invoice and has no UBL."), status=404)

    def _payable(self, request: HttpRequest) -> QuerySet[Invoice]:
        """The documents that the person may say are paid."""
        mine = Invoice.objects.select_related("series", "account")
        if request.user.is_superuser:
            return mine
        return mine.filter(operator__in=access.organisations_with(request.user, [access.Role.FINANCE]))

    def _mine(self, request: HttpRequest, object_id: Any) -> Invoice | None:
        return self._payable(request).filter(pk=object_id).first()
