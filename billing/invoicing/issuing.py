"""Issues documents: number, rows, ledger and the mark on their CDRs, all in one transaction or not at all."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User
from billing.invoicing import parties, series
from billing.invoicing.drafts import AlreadyBilled, Draft, DraftLine, EmptyDraft, MixedCurrencies
from billing.invoicing.references import payment_reference
from billing.invoicing.vat import Totals, totals
from billing.ledger.postings import IssuedDocument, documents_issued
from billing.models import BilledCdr, Invoice, InvoiceLine, InvoiceRun, InvoiceVat, SellerProfile

Kind = Invoice.Kind

SERIES_CODES = {
    Kind.INVOICE: "F",
    Kind.RECEIPT: "K",
    Kind.CREDIT_NOTE: "KR",
    Kind.SELF_BILLING: "S",
    Kind.REIMBURSEMENT: "E",
}
#: The first digit of the payment reference; documents that nobody pays in have none.
_REFERENCE_DIGITS = {Kind.INVOICE: "1", Kind.RECEIPT: "2"}
_DUE_LATER = (Kind.INVOICE, Kind.SELF_BILLING, Kind.REIMBURSEMENT)
_ROUNDED_TO_KRONA = (Kind.INVOICE,)


@dataclass(frozen=True, slots=True)
class _Prepared:
    draft: Draft
    profile: SellerProfile | None
    seller: dict[str, Any]
    buyer: dict[str, Any]
    totals: Totals


def issue(
    draft: Draft, *, now: dt.datetime, issued_by: User | None = None, run: InvoiceRun | None = None
) -> Invoice:
    """The document is issued. Raises CannotIssue: nothing has happened then, and no number is lost."""
    return issue_all([draft], now=now, issued_by=issued_by, run=run)[0]


def issue_all(
    drafts: Sequence[Draft], *, now: dt.datetime, issued_by: User | None = None, run: InvoiceRun | None = None
) -> list[Invoice]:
    """All of the documents are issued, or none; in the order of the drafts. Raises CannotIssue.

    Everything that can be worked out beforehand is, so that the series is locked for a short time only.
    """
    profiles: dict[int, SellerProfile] = {}
    prepared = [_prepare(draft, profiles) for draft in drafts]
    try:
        with transaction.atomic():
            documents = _insert(prepared, now=now, issued_by=issued_by, run=run)
            with translation.override("sv"):  # the language of the books, not of the customer
                documents_issued(documents)
    except IntegrityError as refused:
        if "billing_billedcdr" in str(refused):
            raise AlreadyBilled(_("One of the sessions stands on another document already.")) from refused
        raise
    return [document.invoice for document in documents]


def preview_totals(draft: Draft) -> Totals:
    """What the document would come to; nothing is stored and no number drawn. Raises CannotIssue."""
    return _prepare(draft, {}).totals


def _prepare(draft: Draft, profiles: dict[int, SellerProfile]) -> _Prepared:
    if not draft.lines:
        raise EmptyDraft(_("There is nothing to issue a document for."))
    if {line.currency for line in draft.lines} != {draft.currency}:
        raise MixedCurrencies(_("A document has one currency; its lines have several."))
    profile = None
    if draft.seller is None:
        issuer_id = draft.issuer_id or draft.operator_id
        if issuer_id not in profiles:
            profiles[issuer_id] = parties.profile_of(issuer_id)
        profile = profiles[issuer_id]
    seller = draft.seller if profile is None else parties.seller_facts(profile)
    buyer = draft.buyer
    if buyer is None and draft.account is not None:
        buyer = parties.buyer_facts(draft.account)
    if seller is None or buyer is None:
        raise ValueError("A draft names its account, or its seller and buyer")
    to_whole = profile is not None and profile.rounds_to_krona and draft.kind in _ROUNDED_TO_KRONA
    figures = totals(
        draft.lines,
        is_reverse_charge=draft.is_reverse_charge,
        payable=draft.payable,
        to_whole=to_whole and draft.currency == "SEK",
    )
    return _Prepared(draft, profile, seller, buyer, figures)


def _insert(
    prepared: list[_Prepared], *, now: dt.datetime, issued_by: User | None, run: InvoiceRun | None
) -> list[IssuedDocument]:
    numbers = _numbers(prepared)
    invoices = Invoice.objects.bulk_create(
        _invoice(each, numbers[index], now=now, issued_by=issued_by, run=run)
        for index, each in enumerate(prepared)
    )
    lines = [
        [_line(invoice, place, line) for place, line in enumerate(each.draft.lines, start=1)]
        for invoice, each in zip(invoices, prepared, strict=True)
    ]
    vats = [
        [
            InvoiceVat(invoice=invoice, category=vat.category, rate=vat.rate, net=vat.net, vat=vat.vat)
            for vat in each.totals.vat_sums
        ]
        for invoice, each in zip(invoices, prepared, strict=True)
    ]
    InvoiceLine.objects.bulk_create((line for rows in lines for line in rows), batch_size=500)
    InvoiceVat.objects.bulk_create(vat for rows in vats for vat in rows)
    BilledCdr.objects.bulk_create(
        (
            BilledCdr(cdr_id=cdr_id, invoice=invoice)
            for invoice, each in zip(invoices, prepared, strict=True)
            for cdr_id in each.draft.cdr_ids
        ),
        batch_size=2000,
    )
    return [
        IssuedDocument(
            invoice=invoice,
            lines=line_rows,
            vat_totals=vat_rows,
            earned_rates=[line.earned_vat_rate for line in each.draft.lines],
            from_income=[line.from_income for line in each.draft.lines],
        )
        for invoice, line_rows, vat_rows, each in zip(invoices, lines, vats, prepared, strict=True)
    ]


def _numbers(prepared: list[_Prepared]) -> list[tuple[int, str, int]]:
    """For each document the series, its code and the number; series are locked in one order by everybody."""
    wanted: dict[tuple[int, str], list[int]] = defaultdict(list)
    for index, each in enumerate(prepared):
        draft = each.draft
        issuer_id = draft.issuer_id or draft.operator_id
        wanted[issuer_id, draft.series_code or SERIES_CODES[draft.kind]].append(index)
    drawn: dict[int, tuple[int, str, int]] = {}
    for issuer_id, code in sorted(wanted):
        indexes = wanted[issuer_id, code]
        series_id, first = series.draw(issuer_id, code=code, count=len(indexes))
        drawn.update({index: (series_id, code, first + place) for place, index in enumerate(indexes)})
    return [drawn[index] for index in range(len(prepared))]


def _invoice(
    each: _Prepared,
    drawn: tuple[int, str, int],
    *,
    now: dt.datetime,
    issued_by: User | None,
    run: InvoiceRun | None,
) -> Invoice:
    draft, (series_id, code, number) = each.draft, drawn
    digit = _REFERENCE_DIGITS.get(draft.kind)
    invoice = Invoice(
        operator_id=draft.operator_id,
        account=draft.account,
        kind=draft.kind,
        series_id=series_id,
        number=number,
        invoice_date=draft.invoice_date,
        due_date=_due_date(each),
        period_start=draft.period_start,
        period_end=draft.period_end,
        currency=draft.currency,
        language=draft.language,
        seller=each.seller,
        buyer=each.buyer,
        ocr=payment_reference(number, kind_digit=digit) if digit else "",
        total_net=each.totals.net,
        total_vat=each.totals.vat,
        rounding=each.totals.rounding,
        payable=each.totals.payable,
        is_reverse_charge=draft.is_reverse_charge,
        vat_check=draft.vat_check,
        credits=draft.credits,
        reason=draft.reason[:200],
        run=run,
        issued_at=now,
        issued_by=issued_by,
    )
    invoice.series = _named_series(series_id, code)
    return invoice


def _named_series(series_id: int, code: str) -> Any:
    """The series for reading its code: no query just to write the number out."""
    series_class = Invoice._meta.get_field("series").related_model
    return series_class(pk=series_id, code=code)


def _due_date(each: _Prepared) -> dt.date:
    draft = each.draft
    if draft.due_date is not None:
        return draft.due_date
    if draft.kind not in _DUE_LATER:
        return draft.invoice_date
    days = draft.account.payment_terms_days if draft.account is not None else None
    if days is None:
        days = each.profile.payment_terms_days if each.profile is not None else 30
    return draft.invoice_date + dt.timedelta(days=days)


def _line(invoice: Invoice, place: int, line: DraftLine) -> InvoiceLine:
    return InvoiceLine(
        invoice=invoice,
        position=line.position or place,
        cdr_id=line.cdr_id,
        location_id=line.location_id,
        cost_centre=line.cost_centre,
        dimension=line.dimension,
        description=line.description[:200],
        started_at=line.started_at,
        ended_at=line.ended_at,
        quantity=line.quantity,
        unit=line.unit,
        unit_price_net=line.unit_price_net,
        vat_rate=line.vat_rate,
        net=line.net,
        vat=line.vat,
        gross=line.gross,
    )
