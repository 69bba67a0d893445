"""Pays hosts and drivers: gathers what the operator owes into a file for the bank, each document once."""

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Organisation, User
from billing.invoicing.settling import settle, with_open_amount
from billing.models import Invoice, InvoiceSettlement, Payout, PayoutFile

_OWED = (Invoice.Kind.SELF_BILLING, Invoice.Kind.REIMBURSEMENT)
_NAME, _REFERENCE = 140, 35


class NothingToPayOut(ValueError):
    """No document waits to be paid out, or none has an account to pay to."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document to be paid out; ``iban`` is empty when nobody has said where to."""

    invoice: Invoice
    amount: Decimal
    name: str
    iban: str
    bic: str


def waiting(operator: Organisation, *, due_by: dt.date) -> list[Waiting]:
    """What the operator owes on documents that are due by then and in no file yet."""
    documents = with_open_amount(
        Invoice.objects.filter(operator=operator, kind__in=_OWED, payout__isnull=True, due_date__lte=due_by)
    )
    rows = documents.filter(open_amount__gt=0).select_related("series").order_by("currency", "pk")
    return [_waiting(invoice) for invoice in rows]


def gather(
    operator: Organisation, *, execution_date: dt.date, currency: str, by: User | None, now: dt.datetime
) -> PayoutFile:
    """A payout file with every document that is due and has an account to pay to; the others stay waiting.

    Raises NothingToPayOut.
    """
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=operator.pk)
        ready = [
            each
            for each in waiting(operator, due_by=execution_date)
            if each.iban and each.invoice.currency == currency
        ]
        if not ready:
            raise NothingToPayOut(_("Nothing is due that could be paid out."))
        file = PayoutFile.objects.create(
            operator=operator,
            message_id=f"CP{uuid.uuid4().hex}",
            execution_date=execution_date,
            currency=currency,
            total=sum((each.amount for each in ready), Decimal(0)),
            count=len(ready),
            created_at=now,
        )
        Payout.objects.bulk_create(_payout(file, each) for each in ready)
        audit.record(
            by, act="payout.gathered", subject=f"payout file {file}", details={"total": str(file.total)}
        )
        return file


def paid(file: PayoutFile, *, by: User | None, now: dt.datetime) -> bool:
    """The bank has carried out the file: its documents are settled. Says whether this call did it."""
    with transaction.atomic():
        changed = PayoutFile.objects.filter(pk=file.pk, sent_at__isnull=True).update(sent_at=now)
        if not changed:
            return False
        for payout in file.payouts.select_related("invoice__series").order_by("pk"):
            settle(
                payout.invoice, kind=InvoiceSettlement.Kind.BANK, amount=payout.amount,
                key=f"payout:{payout.pk}", reference=file.message_id, now=now,
            )  # fmt: skip
        audit.record(by, act="payout.paid", subject=f"payout file {file}", details={"total": str(file.total)})
        return True


def _waiting(invoice: Any) -> Waiting:
    payee = invoice.seller if invoice.kind == Invoice.Kind.SELF_BILLING else invoice.buyer
    return Waiting(
        invoice=invoice,
        amount=invoice.open_amount,  # annotated
        name=str(payee.get("name") or ""),
        iban=str(payee.get("iban") or "").replace(" ", ""),
        bic=str(payee.get("bic") or ""),
    )


def _payout(file: PayoutFile, each: Waiting) -> Payout:
    return Payout(
        file=file,
        invoice=each.invoice,
        name=each.name[:_NAME],
        iban=each.iban,
        bic=each.bic,
        amount=each.amount,
        reference=each.invoice.full_number[:_REFERENCE],
    )
