"""Invoices with a subscription's fee whose customers pay by card."""

from __future__ import annotations

import datetime as dt
from typing import Any

from billing.invoicing.settling import with_open_amount
from billing.ledger.postings import SUBSCRIPTION
from billing.models import BillingAccount, Invoice, Payment
from billing.payments import charging

_SINCE = dt.timedelta(days=60)
#: The charge right after the invoice; the dunning ladder names its own.
FIRST_ATTEMPT = "fee"


def uncollected_ids(*, now: dt.datetime, most: int) -> list[int]:
    """Open invoices with a fee that no card has been asked for, of accounts that pay by card and have one."""
    invoices = Invoice.objects.filter(
        kind=Invoice.Kind.INVOICE,
        account__collection=BillingAccount.Collection.CARD,
        account__cards__is_default=True,
        account__cards__removed_at=None,
        lines__dimension=SUBSCRIPTION,
        payments=None,
        issued_at__gt=now - _SINCE,
    )
    listed: Any = with_open_amount(invoices)
    return list(
        listed.filter(open_amount__gt=0).order_by("pk").values_list("pk", flat=True).distinct()[:most]
    )


def collect(invoice_id: int, *, now: dt.datetime) -> Payment | None:
    """The account's card has been asked for the invoice, once. Raises PaymentsError."""
    invoice = Invoice.objects.select_related("account", "series").get(pk=invoice_id)
    try:
        return charging.charge_invoice(invoice, now=now, attempt_key=FIRST_ATTEMPT)
    except charging.NothingToPay:
        return None
