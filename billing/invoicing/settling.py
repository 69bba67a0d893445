"""What lessens a document: payments, credits, losses. Each counts once; the rest is what is open."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import DecimalField, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from billing.events import InvoiceSettled
from billing.ledger import postings
from billing.models import Invoice, InvoiceSettlement
from chargeportal.common.events import publish

_AMOUNT: DecimalField = DecimalField(max_digits=14, decimal_places=2)


def settle(
    invoice: Invoice, *, kind: str, amount: Decimal, key: str, now: dt.datetime, reference: str = ""
) -> InvoiceSettlement:
    """The amount is taken off what is open, and stands in the books; the same ``key`` counts once.

    ``amount`` is negative where money goes back to the customer. Raises ValueError for nothing at all, and
    for a key that has been used for another document.
    """
    if not amount:
        raise ValueError("A settlement is of some amount")
    try:
        with transaction.atomic():
            settlement = InvoiceSettlement.objects.create(
                invoice=invoice, kind=kind, amount=amount, key=key, reference=reference[:80], settled_at=now
            )
            postings.invoice_settled(settlement)
            publish(InvoiceSettled(invoice.pk))
    except IntegrityError:
        existing = InvoiceSettlement.objects.filter(key=key).first()
        if existing is None:
            raise
        settlement = existing
    if settlement.invoice_id != invoice.pk:
        raise ValueError(f"{key} has settled another document")
    return settlement


def open_amount(invoice: Invoice) -> Decimal:
    """What is still to pay; negative what the customer is to get back."""
    settled = invoice.settlements.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    return invoice.payable - settled


def with_open_amount(invoices: QuerySet[Invoice]) -> QuerySet[Any]:
    """The documents, each with its ``open_amount``."""
    settled = (
        InvoiceSettlement.objects.filter(invoice=OuterRef("pk"))
        .order_by()
        .values("invoice")
        .annotate(sum=Sum("amount"))
        .values("sum")
    )
    return invoices.annotate(
        open_amount=F("payable") - Coalesce(Subquery(settled), Decimal(0), output_field=_AMOUNT)
    )
