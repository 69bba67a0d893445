"""Collects by card right after the session, and pays back by card when a document is credited."""

from __future__ import annotations

import datetime as dt

from django.db.models import F, Q, QuerySet

from billing.invoicing.receipts import issue_receipt
from billing.invoicing.settling import open_amount, with_open_amount
from billing.models import BillingAccount, Cdr, Invoice, Payment, PaymentKind, Refund
from billing.payments import charging, stripe_api

#: The charge right after the session; the dunning ladder names its own.
FIRST_ATTEMPT = "first"


def collect_cdr(cdr_id: int, *, now: dt.datetime) -> Payment | None:
    """The session's receipt is issued and its card asked, once; None where nothing is collected by card.

    While card payments are off the receipt is issued and stays open. Raises PaymentsError when Stripe cannot
    be asked, CannotIssue and RegisterAway as `issue_receipt` does; the sweep tries again.
    """
    cdr = Cdr.objects.select_related("account").get(pk=cdr_id)
    if not _pays_by_card(cdr):
        return None
    receipt = issue_receipt(cdr, now=now)
    if receipt is None or not stripe_api.is_on() or open_amount(receipt) <= 0:
        return None
    return charging.charge_invoice(receipt, now=now, attempt_key=FIRST_ATTEMPT)


def uncollected_cdr_ids(*, now: dt.datetime, most: int) -> list[int]:
    """CDRs of accounts that pay by card, without a receipt, or with one that no card was asked for."""
    since = now - dt.timedelta(days=60)
    by_card = Cdr.objects.filter(
        account__collection=BillingAccount.Collection.CARD,
        payment_kind=PaymentKind.CARD,
        rated_at__gt=since,
        total_incl_vat__gt=0,
        credits=None,
    )
    unbilled = by_card.filter(billed=None).exclude(pk__in=_credited())
    found = list(unbilled.order_by("pk").values_list("pk", flat=True)[:most])
    if stripe_api.is_on() and len(found) < most:
        unasked = by_card.filter(billed__invoice__in=_open_receipts(), billed__invoice__payments=None)
        found += unasked.order_by("pk").values_list("pk", flat=True)[: most - len(found)]
    return found


def unrefunded_credit_note_ids(*, now: dt.datetime, most: int) -> list[int]:
    """Credit notes with money to be given back to a card that paid what they credit."""
    owed = with_open_amount(
        Invoice.objects.filter(
            kind=Invoice.Kind.CREDIT_NOTE,
            issued_at__gt=now - dt.timedelta(days=60),
            credits__payments__state=Payment.State.SUCCEEDED,
            credits__payments__refunded__lt=F("credits__payments__captured"),
        ).exclude(refunds__state__in=(Refund.State.REQUESTED, Refund.State.FAILED))
    )
    return list(owed.filter(open_amount__lt=0).order_by("pk").distinct().values_list("pk", flat=True)[:most])


def _pays_by_card(cdr: Cdr) -> bool:
    account = cdr.account
    return (
        account is not None
        and account.collection == BillingAccount.Collection.CARD
        and cdr.payment_kind == PaymentKind.CARD
    )


def _open_receipts() -> QuerySet[Invoice]:
    receipts = Invoice.objects.filter(kind=Invoice.Kind.RECEIPT)
    return with_open_amount(receipts).filter(Q(open_amount__gt=0)).values("pk")  # type: ignore[return-value]


def _credited() -> QuerySet:
    return Cdr.objects.filter(credits__isnull=False).values("credits")
