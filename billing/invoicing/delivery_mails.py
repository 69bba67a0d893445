"""The mail with which a document reaches its customer: what to pay and where; the PDF goes along."""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.invoicing import documents
from billing.invoicing.document_words import words_of
from billing.invoicing.settling import open_amount
from billing.models import BillingAccount, Invoice, InvoiceDelivery, InvoiceDocument
from billing.payments.invoice_pages import address_of
from chargeportal.common.formats import format_money
from chargeportal.common.money import Money

Kind = Invoice.Kind
_TEMPLATE = "billing/email/document.txt"
#: Where the operator owes the customer: hosts, and drivers who charge a company's car at home.
_OWED_BY_US = {Kind.SELF_BILLING, Kind.REIMBURSEMENT}


def mail_of(delivery: InvoiceDelivery, *, now: dt.datetime) -> EmailMessage:
    """The mail in the document's language, ready to be sent; the document's files lie in the storage.

    Sent twice it has the same Message-ID. Raises what `documents.store` does.
    """
    invoice = delivery.invoice
    with override(invoice.language):
        context = _context(invoice)
        subject = " ".join(_subject(invoice, context).split())
        body = render_to_string(_TEMPLATE, context)
    host = urlsplit(settings.SITE_ADDRESS).hostname or "localhost"
    reply_to = str(_ours(invoice).get("email") or "")
    mail = EmailMessage(
        subject=subject,
        body=body,
        to=[delivery.address],
        reply_to=[reply_to] if reply_to else None,
        headers={"Message-ID": f"<document.{delivery.pk}.{invoice.public_id}@{host}>"},
    )
    mail.attach(documents.file_name(invoice, "pdf"), _pdf(invoice, now=now), "application/pdf")
    return mail


def _pdf(invoice: Invoice, *, now: dt.datetime) -> bytes:
    stored = documents.store(invoice, now)
    (file,) = [document for document in stored if document.kind == InvoiceDocument.Kind.PDF]
    return documents.content_of(file)


def _ours(invoice: Invoice) -> dict[str, Any]:
    """The operator's facts on the document: in self-billing it is the buyer."""
    kind = invoice.credits.kind if invoice.credits else invoice.kind
    return invoice.buyer if kind == Kind.SELF_BILLING else invoice.seller


def _subject(invoice: Invoice, context: dict[str, Any]) -> str:
    subject = f"{context['heading']} {invoice.full_number}, {context['amount']}"
    if context["is_open"] and invoice.kind == Kind.INVOICE and not context["by_itself"]:
        subject += ", " + _("to pay by %(day)s") % {"day": invoice.due_date}
    return f"{subject} – {context['operator']}" if context["operator"] else subject


def _context(invoice: Invoice) -> dict[str, Any]:
    left = open_amount(invoice)
    words = words_of(invoice.language)
    owed_by_us = invoice.kind in _OWED_BY_US
    original = invoice.credits
    return {
        "kind": invoice.kind,
        "heading": words.heading[invoice.kind],
        "number": invoice.full_number,
        "amount": _money(invoice, abs(invoice.payable)),
        "operator": _ours(invoice).get("name", ""),
        "is_open": left > 0 and not owed_by_us and invoice.kind != Kind.CREDIT_NOTE,
        "by_itself": _is_taken_by_itself(invoice),
        "payment_rows": _payment_rows(invoice, left),
        "address": address_of(invoice),
        "original": original.full_number if original else "",
        "back": _back(invoice, left),
    }


def _payment_rows(invoice: Invoice, left: Decimal) -> list[tuple[str, str]]:
    """What somebody needs who pays from their bank, in the words of the document."""
    words, seller = words_of(invoice.language), invoice.seller
    bankgiro = str(seller.get("bankgiro") or "")
    rows = [
        (words.to_pay, _money(invoice, left)),
        (words.due, str(invoice.due_date)),
        (words.bankgiro, bankgiro),
        (words.iban, "" if bankgiro else str(seller.get("iban") or "")),
        (words.ocr, invoice.ocr),
    ]
    return [row for row in rows if row[1]]


def _is_taken_by_itself(invoice: Invoice) -> bool:
    """Whether the amount is taken from the card or the balance without the customer doing anything."""
    collection = invoice.account.collection if invoice.account else ""
    return collection in {BillingAccount.Collection.CARD, BillingAccount.Collection.WALLET}


def _back(invoice: Invoice, left: Decimal) -> str:
    """What the customer gets back of what was paid; empty where nothing goes back."""
    to_customer = invoice.kind == Kind.CREDIT_NOTE and invoice.credits is not None
    if not to_customer or left >= 0 or getattr(invoice.credits, "kind", "") in _OWED_BY_US:
        return ""
    return _money(invoice, -left)


def _money(invoice: Invoice, amount: Decimal) -> str:
    return format_money(Money(amount, invoice.currency), invoice.language)
