"""Credit notes: the only way to change what an issued document says."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import audit
from accounts.models import User
from billing.events import CreditNoteIssued
from billing.invoicing import books
from billing.invoicing.drafts import CannotIssue, Draft, DraftLine
from billing.invoicing.issuing import issue
from billing.invoicing.settling import open_amount, settle
from billing.ledger import postings
from billing.models import BilledCdr, Cdr, CdrLine, Invoice, InvoiceLine, InvoiceSettlement
from billing.payments import subscriptions
from chargeportal.common.events import publish

Kind = Invoice.Kind


class NothingToCredit(CannotIssue):
    """All that was asked for has been credited, or does not stand on the document."""


def credit_invoice(
    invoice: Invoice,
    *,
    reason: str,
    now: dt.datetime,
    by: User | None,
    cdr_ids: Collection[int] | None = None,
) -> Invoice:
    """A credit note for the whole document, or for some of its CDRs, as far as they are not credited yet.

    It is set off against what is open on the original; what has been paid already stays open on the credit
    note until it is paid back. Raises NothingToCredit, CannotIssue.
    """
    with transaction.atomic():
        original = Invoice.objects.select_for_update(of=("self",)).select_related("series").get(pk=invoice.pk)
        if original.kind == Kind.CREDIT_NOTE:
            raise NothingToCredit(_("A credit note cannot be credited. Issue a new invoice instead."))
        rows, is_all = _rows(original, cdr_ids)
        credit = issue(_draft(original, rows, is_all=is_all, reason=reason, now=now), now=now, issued_by=by)
        _set_off(original, credit, now=now)
        publish(CreditNoteIssued(credit.pk))
        audit.record(
            by,
            act="invoice.credited",
            subject=f"invoice {original.full_number}",
            details={"credit_note": credit.full_number, "amount": str(credit.payable), "reason": reason},
        )
        return credit


def corrected_cdr_ids(*, most: int) -> list[int]:
    """Credit CDRs whose original stands on a document that does not know it yet, oldest first."""
    waiting = Cdr.objects.filter(credits__billed__isnull=False, billed__isnull=True)
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:most])


def credit_corrected_cdr(credit_cdr_id: int, *, now: dt.datetime) -> Invoice | None:
    """The credit note for a credit CDR, issued now unless it was; None while its original is not billed.

    Where a person had credited the original's document already, that credit note stands for it.
    """
    with transaction.atomic():
        credit = (
            Cdr.objects.select_for_update(of=("self",))
            .select_related("session__station")
            .get(pk=credit_cdr_id)
        )
        known = BilledCdr.objects.select_related("invoice__series").filter(cdr=credit.pk).first()
        if known is not None:
            return known.invoice
        billed = BilledCdr.objects.select_related("invoice").filter(cdr=credit.credits_id).first()
        if billed is None or credit.credits_id is None:
            return None
        by_hand = Invoice.objects.filter(credits=billed.invoice, lines__cdr=credit.credits_id).first()
        if by_hand is not None:
            BilledCdr.objects.create(cdr=credit, invoice=by_hand)
            postings.credit_had_been_given(credit)
            return by_hand
        with override(billed.invoice.language):
            reason = _("The session was corrected")
        return credit_invoice(billed.invoice, reason=reason, now=now, by=None, cdr_ids=[credit.credits_id])


def _rows(original: Invoice, cdr_ids: Collection[int] | None) -> tuple[list[InvoiceLine], bool]:
    """The lines to credit, and whether nothing is left to credit afterwards."""
    done = set(InvoiceLine.objects.filter(invoice__credits=original).values_list("position", flat=True))
    left = [line for line in original.lines.order_by("position") if line.position not in done]
    rows = left if cdr_ids is None else [line for line in left if line.cdr_id in set(cdr_ids)]
    if not rows:
        raise NothingToCredit(_("There is nothing left to credit on %(invoice)s.") % {"invoice": original})
    return rows, len(rows) == len(left)


def _draft(
    original: Invoice, rows: list[InvoiceLine], *, is_all: bool, reason: str, now: dt.datetime
) -> Draft:
    charged = [line.cdr_id for line in rows if line.cdr_id is not None]
    credit_ids = dict(
        Cdr.objects.filter(credits__in=charged, billed__isnull=True).values_list("credits", "pk")
    )
    rates = _earned_rates(original, rows)
    self_billed = original.kind == Kind.SELF_BILLING
    return Draft(
        operator_id=original.operator_id,
        account=original.account,
        kind=Kind.CREDIT_NOTE,
        currency=original.currency,
        invoice_date=books.day_of(now),
        language=original.language,
        issuer_id=original.series.issuer_id,
        series_code=original.series.code if self_billed else "",
        period_start=original.period_start,
        period_end=original.period_end,
        seller=original.seller,
        buyer=original.buyer,
        is_reverse_charge=original.is_reverse_charge,
        vat_check=original.vat_check,
        credits=original,
        reason=reason,
        payable=_rest(original) if is_all else None,
        billed_cdr_ids=tuple(dict.fromkeys(credit_ids[pk] for pk in charged if pk in credit_ids)),
        lines=tuple(
            _negative(line, original.currency, credit_ids.get(line.cdr_id or 0), rates[line.pk])
            for line in rows
        ),
    )


def _rest(original: Invoice) -> Decimal:
    """What is to be given back of the amount to pay when nothing of the document is to remain."""
    given = sum((credit.payable for credit in original.credit_notes.all()), Decimal(0))
    return -(original.payable + given)


def _negative(
    line: InvoiceLine, currency: str, credit_cdr_id: int | None, earned_rate: Decimal | None
) -> DraftLine:
    return DraftLine(
        dimension=line.dimension,
        description=line.description,
        quantity=-line.quantity,
        unit=line.unit,
        unit_price_net=line.unit_price_net,
        vat_rate=line.vat_rate,
        net=-line.net,
        vat=-line.vat,
        gross=-line.gross,
        currency=currency,
        cdr_id=credit_cdr_id or line.cdr_id,
        location_id=line.location_id,
        cost_centre=line.cost_centre,
        started_at=line.started_at,
        ended_at=line.ended_at,
        earned_vat_rate=earned_rate,
        from_income=subscriptions.is_earned(line)
        if line.dimension == postings.SUBSCRIPTION
        else credit_cdr_id is None,
        position=line.position,
    )


def _earned_rates(original: Invoice, rows: list[InvoiceLine]) -> dict[int, Decimal | None]:
    """The VAT rate with which each line's income was posted; reverse charge has none on the line."""
    if not original.is_reverse_charge:
        return {line.pk: line.vat_rate for line in rows}
    rated: dict[int, list[Decimal | None]] = defaultdict(list)
    for cdr_id, rate in (
        CdrLine.objects.filter(cdr__billed__invoice=original)
        .order_by("cdr", "position")
        .values_list("cdr", "vat_rate")
    ):
        rated[cdr_id].append(rate)
    rates: dict[int, Decimal | None] = {}
    for line in original.lines.order_by("position"):
        rates[line.pk] = rated[line.cdr_id].pop(0) if line.cdr_id is not None and rated[line.cdr_id] else None
    return rates


def _set_off(original: Invoice, credit: Invoice, *, now: dt.datetime) -> None:
    """The credit lessens what is open on the original; only what had been paid remains to be given back."""
    amount = min(max(open_amount(original), Decimal(0)), -credit.payable)
    if amount <= 0:
        return
    kind, key = InvoiceSettlement.Kind.CREDIT, f"credit:{credit.pk}"
    settle(original, kind=kind, amount=amount, key=key, reference=credit.full_number, now=now)
    settle(credit, kind=kind, amount=-amount, key=f"{key}:used", reference=original.full_number, now=now)
