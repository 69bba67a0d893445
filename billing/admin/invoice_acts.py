"""What finance does with a document: credit it, say that the bank has the money, take its files."""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.admin.base import person
from billing.admin.invoice_mails import events_of
from billing.invoicing import documents
from billing.invoicing.books import day_of, start_of
from billing.invoicing.credits import credit_invoice
from billing.invoicing.drafts import CannotIssue
from billing.invoicing.references import is_payment_reference
from billing.invoicing.settling import open_amount, settle
from billing.models import Cdr, Invoice, InvoiceDocument, InvoiceLine, InvoiceSettlement
from chargeportal.templatetags.chargeportal_formats import money

_TYPES = {InvoiceDocument.Kind.PDF: "application/pdf", InvoiceDocument.Kind.UBL: "application/xml"}


class CreditForm(forms.Form):
    """Why, and which sessions; none chosen means the whole document."""

    reason = forms.CharField(label=_("Reason"), max_length=160, help_text=_("Stands on the credit note."))
    sessions = forms.ModelMultipleChoiceField(
        Cdr.objects.none(), label=_("Only these sessions"), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=_("Choose none to credit everything that is left."),
    )  # fmt: skip

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        done = InvoiceLine.objects.filter(invoice__credits=invoice).values("position")
        left = invoice.lines.exclude(position__in=done).filter(cdr__isnull=False)
        field = self.fields["sessions"]
        field.queryset = Cdr.objects.filter(invoice_lines__in=left).distinct().order_by("ended_at")
        words = dict(left.order_by("-position").values_list("cdr", "description"))
        field.label_from_instance = lambda cdr: (
            f"{words.get(cdr.pk, '')} · {money(cdr.total_incl_vat, cdr.currency)}"
        )


class BankForm(forms.Form):
    """What came to the bank: the reference finds the document, the bank's own reference counts once."""

    ocr = forms.CharField(label=_("Payment reference (OCR) or number"), max_length=30)
    amount = forms.DecimalField(label=_("Amount"), max_digits=12, decimal_places=2, min_value=Decimal("0.01"))
    paid_on = forms.DateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}))
    reference = forms.CharField(
        label=_("The bank's reference"),
        max_length=60,
        help_text=_("A payment with the same one counts once."),
    )

    def __init__(self, *args: Any, documents: QuerySet[Invoice], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._documents = documents

    def clean_ocr(self) -> Invoice:
        """The document with that reference or number."""
        text = "".join(str(self.cleaned_data["ocr"]).split()).upper()
        code, _dash, number = text.rpartition("-")
        if code and number.isdigit():
            found = list(self._documents.filter(series__code=code, number=int(number))[:2])
        elif not is_payment_reference(text):
            raise forms.ValidationError(
                _now("The reference has a wrong digit: its check digit does not hold.")
            )
        else:
            found = list(self._documents.filter(ocr=text)[:2])
        if len(found) != 1:
            raise forms.ValidationError(_now("No document has this reference."))
        return found[0]

    def clean_paid_on(self) -> dt.date:
        """A day that has come."""
        day: dt.date = self.cleaned_data["paid_on"]
        if day > day_of(timezone.now()):
            raise forms.ValidationError(_now("The day has not come yet."))
        return day


def credit_view(site: AdminSite, request: HttpRequest, invoice: Invoice | None) -> HttpResponse:
    """The form of a credit note; posted, the credit note is issued."""
    if invoice is None:
        raise Http404
    form = CreditForm(request.POST or None, invoice=invoice)
    if request.method == "POST" and form.is_valid():
        chosen = [cdr.pk for cdr in form.cleaned_data["sessions"]] or None
        try:
            note = credit_invoice(
                invoice,
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
                by=person(request),
                cdr_ids=chosen,
            )
        except CannotIssue as refused:
            form.add_error(None, str(refused))
        else:
            text = _now("%(note)s over %(amount)s was issued.")
            amount = money(note.payable, note.currency)
            messages.success(request, text % {"note": note.full_number, "amount": amount})
            return redirect(reverse("admin:billing_invoice_change", args=[note.pk]))
    context = site.each_context(request) | {
        "title": _now("Credit %(invoice)s") % {"invoice": invoice.full_number},
        "invoice": invoice, "open_amount": open_amount(invoice), "form": form,
    }  # fmt: skip
    return TemplateResponse(request, "admin/invoices/credit.html", context)


def bank_view(
    site: AdminSite, request: HttpRequest, mine: QuerySet[Invoice], initial: dict[str, Any]
) -> HttpResponse:
    """The form of a bank payment; posted, the document's open amount is lessened, once."""
    initial = {"paid_on": day_of(timezone.now())} | initial
    form = BankForm(request.POST or None, initial=initial, documents=mine)
    if request.method == "POST" and form.is_valid():
        invoice: Invoice = form.cleaned_data["ocr"]
        try:
            _settle(invoice, form.cleaned_data, request)
        except ValueError:
            form.add_error(
                "reference", _now("A payment with this reference was registered for another document.")
            )
        else:
            return redirect(reverse("admin:billing_invoice_change", args=[invoice.pk]))
    context = site.each_context(request) | {"title": _now("Register a bank payment"), "form": form}
    return TemplateResponse(request, "admin/invoices/bank.html", context)


def file_of(invoice: Invoice, kind: str, make: Callable[[Invoice], bytes]) -> HttpResponse:
    """The stored file of the document, or the same bytes made now."""
    stored = invoice.documents.filter(kind=kind).first()
    content = documents.content_of(stored) if stored else make(invoice)
    response = HttpResponse(content, content_type=_TYPES[InvoiceDocument.Kind(kind)])
    response["Content-Disposition"] = f'attachment; filename="{documents.file_name(invoice, kind)}"'
    return response


def story(invoice: Invoice) -> list[tuple[dt.datetime, str]]:
    """What happened to the document, oldest first."""
    return sorted(_events(invoice), key=lambda event: event[0])


def _events(invoice: Invoice) -> Iterator[tuple[dt.datetime, str]]:
    by = f" · {invoice.issued_by}" if invoice.issued_by else ""
    yield invoice.issued_at, _now("Issued") + by
    for document in invoice.documents.all():
        yield document.rendered_at, _now("%(kind)s made") % {"kind": document.get_kind_display()}
    yield from events_of(invoice)
    for settlement in invoice.settlements.all():
        amount = money(settlement.amount, invoice.currency)
        yield (
            settlement.settled_at,
            f"{settlement.get_kind_display()} {amount} {settlement.reference}".strip(),
        )
    for payment in invoice.payments.all():
        amount = money(payment.requested, payment.currency)
        yield payment.created_at, _now("Payment of %(amount)s: %(state)s") % {
            "amount": amount, "state": payment.get_state_display(),
        }  # fmt: skip
    for note in invoice.credit_notes.select_related("series"):
        yield note.issued_at, _now("Credited by %(note)s: %(reason)s") % {
            "note": note.full_number, "reason": note.reason,
        }  # fmt: skip


def _settle(invoice: Invoice, given: dict[str, Any], request: HttpRequest) -> None:
    settle(
        invoice, kind=InvoiceSettlement.Kind.BANK, amount=given["amount"],
        key=f"bank:{invoice.operator_id}:{given['reference']}", reference=given["reference"],
        now=start_of(given["paid_on"]) + dt.timedelta(hours=12),
    )  # fmt: skip
    audit.record(
        request.user, act="invoice.paid_by_bank", subject=f"invoice {invoice.full_number}",
        details={"amount": str(given["amount"]), "reference": given["reference"]},
    )  # fmt: skip
    left = open_amount(invoice)
    text = _now("%(invoice)s: %(amount)s registered, %(left)s is open.")
    values = {"amount": money(given["amount"], invoice.currency), "left": money(left, invoice.currency)}
    messages.success(request, text % (values | {"invoice": invoice.full_number}))
