"""The files of an issued document: PDF/A-3 with the UBL inside, and the UBL itself.

Both follow from the rows of the document alone, so making them again gives the same bytes.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from billing.invoicing import ubl as ubl_writer
from billing.invoicing.document_facts import facts
from billing.invoicing.typesetting import typeset
from billing.models import Invoice, InvoiceDocument, InvoiceLine, InvoiceVat

TEMPLATE = "document.typ"
Kind = InvoiceDocument.Kind


def pdf(invoice: Invoice) -> bytes:
    """The document as PDF/A-3 in its own language, with its UBL attached where it is an invoice.

    Raises: typesetting.CannotBeTypeset.
    """
    lines, vat_totals = _lines(invoice), _vat_totals(invoice)
    return _pdf(invoice, lines, vat_totals, _ubl(invoice, lines, vat_totals))


def ubl(invoice: Invoice) -> bytes:
    """The document as UBL for Peppol. Raises: ubl.NotAnInvoice for reimbursement statements."""
    return ubl_writer.document(invoice, lines=_lines(invoice), vat_totals=_vat_totals(invoice))


def store(invoice: Invoice, now: dt.datetime) -> list[InvoiceDocument]:
    """The files lie in the default storage, on record with their digests; doing it twice changes nothing."""
    existing = {document.kind: document for document in invoice.documents.all()}
    wanted = {Kind.PDF} if invoice.kind == Invoice.Kind.REIMBURSEMENT else {Kind.PDF, Kind.UBL}
    if wanted <= existing.keys():
        return list(existing.values())
    lines, vat_totals = _lines(invoice), _vat_totals(invoice)
    xml = _ubl(invoice, lines, vat_totals)
    contents = {Kind.PDF: _pdf(invoice, lines, vat_totals, xml), Kind.UBL: xml}
    InvoiceDocument.objects.bulk_create(
        [
            _saved(invoice, kind, content, now=now)
            for kind, content in contents.items()
            if content is not None and kind not in existing
        ],
        ignore_conflicts=True,
    )
    return list(InvoiceDocument.objects.filter(invoice=invoice).order_by("kind"))


def content_of(document: InvoiceDocument) -> bytes:
    """The bytes of a stored file; made again, and the same, should the storage have lost them."""
    try:
        with default_storage.open(document.path) as file:
            return file.read()
    except FileNotFoundError:
        return pdf(document.invoice) if document.kind == Kind.PDF else ubl(document.invoice)


def with_parts(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """The invoices with everything their files are made of, read in few queries."""
    return invoices.select_related("series", "credits__series").prefetch_related(
        "lines__location", "vat_totals", "documents"
    )


def file_name(invoice: Invoice, kind: str) -> str:
    """The name of the file for people: `F-1001.pdf`."""
    return f"{invoice.full_number}.{'pdf' if kind == Kind.PDF else 'xml'}"


def _pdf(
    invoice: Invoice, lines: list[InvoiceLine], vat_totals: list[InvoiceVat], xml: bytes | None
) -> bytes:
    data = facts(invoice, lines=lines, vat_totals=vat_totals)
    return typeset(TEMPLATE, data=data, timestamp=invoice.issued_at, attachment=xml)


def _ubl(invoice: Invoice, lines: list[InvoiceLine], vat_totals: list[InvoiceVat]) -> bytes | None:
    if invoice.kind == Invoice.Kind.REIMBURSEMENT:
        return None
    return ubl_writer.document(invoice, lines=lines, vat_totals=vat_totals)


def _lines(invoice: Invoice) -> list[InvoiceLine]:
    if "lines" in getattr(invoice, "_prefetched_objects_cache", {}):
        return sorted(invoice.lines.all(), key=lambda line: line.position)
    return list(invoice.lines.select_related("location").order_by("position"))


def _vat_totals(invoice: Invoice) -> list[InvoiceVat]:
    totals: Iterable[InvoiceVat] = invoice.vat_totals.all()
    return sorted(totals, key=lambda total: (total.category, -total.rate))


def _saved(invoice: Invoice, kind: str, content: bytes, *, now: dt.datetime) -> InvoiceDocument:
    """The file is written before the row that names it; files of nobody do no harm."""
    wanted = (
        f"invoices/{invoice.invoice_date:%Y/%m}/{invoice.public_id}.{'pdf' if kind == Kind.PDF else 'xml'}"
    )
    if default_storage.exists(wanted):  # a worker was killed between the file and the row
        wanted = wanted.replace(str(invoice.public_id), f"{invoice.public_id}-{uuid.uuid4().hex[:8]}")
    path = default_storage.save(wanted, ContentFile(content))
    return InvoiceDocument(
        invoice=invoice,
        kind=kind,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        path=path,
        rendered_at=now,
    )
