"""Finds what wallets should have paid, and sessions that have used them up."""

from __future__ import annotations

import datetime as dt
import logging
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import F, Q

from billing.customers import operator_id_of
from billing.invoicing.settling import with_open_amount
from billing.models import BillingAccount, Cdr, Invoice, InvoiceSettlement, PaymentKind, Wallet
from billing.payments.guest_sweep import stop_once
from billing.payments.wallets import pay_from_wallet
from sessions import ports
from sessions.models import ChargingSession

logger = logging.getLogger(__name__)

_SINCE = dt.timedelta(days=60)


def uncollected_cdr_ids(*, now: dt.datetime, most: int) -> list[int]:
    """CDRs that a wallet pays and that have no receipt yet."""
    unbilled = Cdr.objects.current().filter(
        payment_kind=PaymentKind.WALLET, billed=None, total_incl_vat__gt=0, rated_at__gt=now - _SINCE
    )
    return list(unbilled.order_by("pk").values_list("pk", flat=True)[:most])


def low_account_ids(*, most: int) -> list[int]:
    """Accounts whose wallet fills itself and is low."""
    low = Wallet.objects.filter(
        top_up_amount__isnull=False,
        balance__lt=F("top_up_below"),
        account__collection=BillingAccount.Collection.WALLET,
    )
    return list(low.order_by("pk").values_list("account_id", flat=True)[:most])


def pay_open(*, now: dt.datetime, most: int) -> Decimal:
    """Documents of accounts that pay from a wallet are paid as far as it goes; returns how much."""
    documents: Any = with_open_amount(
        Invoice.objects.filter(
            account__collection=BillingAccount.Collection.WALLET,
            account__wallet__balance__gt=0,
            account__wallet__currency=F("currency"),
            kind__in=(Invoice.Kind.RECEIPT, Invoice.Kind.INVOICE),
            issued_at__gt=now - _SINCE,
        )
    )
    unpaid = documents.filter(open_amount__gt=0).select_related("account", "series")
    listed = unpaid.order_by("invoice_date", "pk")[:most]
    return sum((_paid_from_wallet(document, now=now) for document in listed), Decimal(0))


def unreturned_credit_note_ids(*, now: dt.datetime, most: int) -> list[int]:
    """Credit notes with money to be put back into the wallet that paid what they credit."""
    by_wallet = InvoiceSettlement.objects.filter(kind=InvoiceSettlement.Kind.WALLET)
    owed: Any = with_open_amount(
        Invoice.objects.filter(
            kind=Invoice.Kind.CREDIT_NOTE,
            issued_at__gt=now - _SINCE,
            credits__settlements__in=by_wallet,
        ).exclude(settlements__in=by_wallet)
    )
    found = owed.filter(open_amount__lt=0).order_by("pk").distinct()
    return list(found.values_list("pk", flat=True)[:most])


def stop_empty(*, now: dt.datetime) -> int:
    """Sessions that have used up their wallet have been asked to stop; returns how many.

    Wallets that fill themselves are left to it.
    """
    if not settings.WALLET_STOPS_AT_ZERO:
        return 0
    stopped = 0
    sessions = ChargingSession.objects.active().filter(
        Q(user__billing_accounts__collection=BillingAccount.Collection.WALLET)
        | Q(id_token__organisation__billing_accounts__collection=BillingAccount.Collection.WALLET)
    )
    for session in sessions.select_related("station__location", "evse", "id_token").distinct():
        try:
            stopped += _stop_if_empty(session, now=now)
        except Exception:  # one session that cannot be priced keeps no other from being stopped
            logger.exception("Session %s could not be held against its wallet", session.public_id)
    return stopped


def _stop_if_empty(session: ChargingSession, *, now: dt.datetime) -> bool:
    left = _left(session)
    price = ports.pricing().price(session, now=now) if left is not None else None
    if left is None or price is None or price.total_incl_vat < left:
        return False
    return stop_once(session, now=now)


def _paid_from_wallet(document: Invoice, *, now: dt.datetime) -> Decimal:
    try:
        return pay_from_wallet(document, now)
    except Exception:  # one document keeps no other from being paid
        logger.exception("Document %s could not be paid from its wallet", document.full_number)
        return Decimal(0)


def _left(session: ChargingSession) -> Decimal | None:
    """What the session's wallet holds; None when none pays, or it fills itself."""
    token, operator_id = session.id_token, operator_id_of(session)
    of_fleet = token is not None and token.organisation_id not in {None, operator_id}
    holder = {"organisation": token.organisation_id} if of_fleet and token else {"user": session.user_id}
    account = (
        BillingAccount.objects.filter(
            operator=operator_id, collection=BillingAccount.Collection.WALLET, **holder
        )
        .select_related("wallet")
        .first()
    )
    if account is None:
        return None
    wallet = getattr(account, "wallet", None)
    if wallet is None:
        return Decimal(0)
    return None if wallet.top_up_amount is not None else wallet.balance
