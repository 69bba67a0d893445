"""Zip files of documents: e-invoices for Peppol, and PDFs; and payout files for the bank."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.exports import booked, sepa
from billing.exports.period import Period
from billing.exports.refusals import ExportRefused
from billing.exports.sheets import Table, Tick, no_tick, write_csv
from billing.exports.zips import SteadyZip
from billing.invoicing import documents
from billing.invoicing.peppol_rules import violations
from billing.models import Invoice, InvoiceDocument, PayoutFile

_AT_ONCE = 200
_BY_PEPPOL = (Invoice.Kind.INVOICE, Invoice.Kind.CREDIT_NOTE, Invoice.Kind.SELF_BILLING)
_REFUSED_COLUMNS = ("number", "customer_number", "customer", "rule", "reason")


def peppol(period: Period, file: BinaryIO, *, tick: Tick) -> None:
    """The e-invoices to companies that keep every rule; `refused.csv` says why the others stay out."""
    tick(0, total=_to_companies(period).count())
    bundle = SteadyZip(file)
    refused: list[tuple[str, ...]] = []
    for count, invoice in enumerate(_read(_to_companies(period)), start=1):
        xml = documents.ubl(invoice)
        broken = violations(xml)
        if not broken:
            bundle.add(documents.file_name(invoice, InvoiceDocument.Kind.UBL), xml)
        buyer = invoice.buyer
        refused += [
            (invoice.full_number, buyer.get("number", ""), buyer.get("name", ""), each.rule, each.text)
            for each in broken
        ]
        tick(count)
    if refused:
        reasons = io.BytesIO()
        write_csv(Table(_REFUSED_COLUMNS, refused), reasons, tick=no_tick)
        bundle.add("refused.csv", reasons.getvalue())
    bundle.close()


def pdfs(period: Period, file: BinaryIO, *, tick: Tick) -> None:
    """Every document of the period as PDF, as first rendered."""
    tick(0, total=booked.invoices(period).count())
    bundle = SteadyZip(file)
    for count, invoice in enumerate(_read(booked.invoices(period)), start=1):
        stored = [each for each in invoice.documents.all() if each.kind == InvoiceDocument.Kind.PDF]
        content = documents.content_of(stored[0]) if stored else documents.pdf(invoice)
        bundle.add(documents.file_name(invoice, InvoiceDocument.Kind.PDF), content, is_packed=True)
        tick(count)
    bundle.close()


def payouts(period: Period, file: BinaryIO, *, tick: Tick, message_id: str = "") -> str:
    """The payout file of the period as the bank wants it; several in a zip. Returns the file's extension.

    Raises: ExportRefused where there is none, or a bank would send one back.
    """
    found = PayoutFile.objects.filter(operator=period.operator_id).order_by("created_at", "pk")
    if message_id:
        found = found.filter(message_id=message_id)
    else:
        found = found.filter(
            created_at__gte=booked.midnight(period.start), created_at__lt=booked.midnight(period.end)
        )
    files = list(found)
    if not files:
        raise ExportRefused(_("No payout file was made in these days."))
    if len(files) == 1:
        file.write(sepa.write(files[0]))
        return "xml"
    bundle = SteadyZip(file)
    for count, each in enumerate(files, start=1):
        bundle.add(f"{each.message_id}.xml", sepa.write(each))
        tick(count)
    bundle.close()
    return "zip"


def _read(invoices: QuerySet[Invoice]) -> Iterator[Invoice]:
    return documents.with_parts(invoices).iterator(chunk_size=_AT_ONCE)


def _to_companies(period: Period) -> QuerySet[Invoice]:
    return booked.invoices(period).filter(kind__in=_BY_PEPPOL).exclude(buyer__is_business=False)
