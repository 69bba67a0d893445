"""What is to be billed: CDRs of accounts that pay by invoice, that hold and stand on no document yet."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Organisation
from billing.invoicing import books
from billing.models import BillingAccount, Cdr, PaymentKind


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run would bill an account, as the CDRs say: no number is drawn."""

    account: BillingAccount
    currency: str
    sessions: int
    energy_wh: Decimal
    net: Decimal
    gross: Decimal


def billable(operator_id: int, *, before: dt.date) -> QuerySet[Cdr]:
    """The CDRs to put on invoices: ended before that day, late ones of earlier months too.

    Neither credits nor credited ones, nothing that is free, nothing that stands on a document.
    """
    by_invoice = Q(account__collection=BillingAccount.Collection.INVOICE) | Q(
        payment_kind=PaymentKind.INVOICE
    )
    return (
        Cdr.objects.current()
        .filter(by_invoice, operator=operator_id, account__isnull=False, billed__isnull=True)
        .filter(ended_at__lt=books.start_of(before))
        .exclude(total_incl_vat=0)
    )


def expected(operator: Organisation, *, before: dt.date) -> list[Expected]:
    """What a run up to that day would bill, the largest amount first."""
    sums = (
        billable(operator.pk, before=before)
        .order_by()
        .values("account", "currency")
        .annotate(
            sessions=Count("pk"),
            energy=Sum("energy_wh"),
            net=Sum("total_excl_vat"),
            gross=Sum("total_incl_vat"),
        )
        .order_by("-gross", "account")
    )
    rows = list(sums)
    accounts = BillingAccount.objects.in_bulk([row["account"] for row in rows])
    return [
        Expected(
            account=accounts[row["account"]],
            currency=row["currency"],
            sessions=row["sessions"],
            energy_wh=row["energy"],
            net=row["net"],
            gross=row["gross"],
        )
        for row in rows
    ]


def total_of(rows: Iterable[Expected]) -> Decimal:
    """What all of them come to, with VAT."""
    return sum((row.gross for row in rows), Decimal(0))
