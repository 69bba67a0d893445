"""What is unpaid and overdue at the end of a period, for a collection agency."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from billing.exports.booked import STOCKHOLM
from billing.exports.period import Period
from billing.exports.sheets import Table
from billing.models import Invoice, InvoiceSettlement

_COLUMNS = (
    "number", "customer_number", "customer", "registration_number", "email", "street", "postal_code", "city",
    "country", "invoice_date", "due_date", "days_overdue", "currency", "payable", "paid", "open",
    "payment_reference", "case_state", "case_step",
)  # fmt: skip
_OWED = (Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT)
_MONEY = DecimalField(max_digits=14, decimal_places=2)


def overdue(period: Period) -> Table:
    """A row for each document that fell due before the period's end and was not fully paid by then."""
    end = dt.datetime.combine(period.end, dt.time(), STOCKHOLM)
    settled = (
        InvoiceSettlement.objects.filter(invoice=OuterRef("pk"), settled_at__lt=end)
        .order_by()
        .values("invoice")
        .annotate(sum=Sum("amount"))
        .values("sum")
    )
    rows = (
        Invoice.objects.filter(
            Q(issued_at__lt=end), operator=period.operator_id, kind__in=_OWED, due_date__lt=period.end
        )
        .annotate(paid=Coalesce(Subquery(settled), Value(Decimal("0.00")), output_field=_MONEY))
        .filter(payable__gt=F("paid"))
        .select_related("series", "dunning_case")
        .order_by("due_date", "pk")
    )
    return Table(_COLUMNS, _rows(rows.iterator(chunk_size=2_000), period.last_date), rows.count())


def _rows(rows: Iterator[Any], on: dt.date) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        buyer, case = row.buyer, getattr(row, "dunning_case", None)
        yield (
            row.full_number, *(buyer.get(name, "") for name in (
                "number", "name", "registration_number", "email", "street", "postal_code", "city", "country"
            )),
            row.invoice_date, row.due_date, (on - row.due_date).days, row.currency, row.payable, row.paid,
            row.payable - row.paid, row.ocr, case.state if case else "", case.step if case else None,
        )  # fmt: skip
