"""Prepaid wallets: filled by card, by hand or by themselves; they pay receipts and are never overdrawn.

Every movement is an entry under its natural key, made under the lock of the wallet's row together with the
balance and the books, so that however often something is told it counts once.
"""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import User
from billing.invoicing.receipts import issue_receipt
from billing.invoicing.settling import open_amount, settle, with_open_amount
from billing.ledger import postings
from billing.models import (
    BillingAccount,
    Cdr,
    Invoice,
    InvoiceSettlement,
    Payment,
    PaymentKind,
    Refund,
    Wallet,
    WalletEntry,
)
from billing.payments import charging, outcomes, refunds, stripe_api
from billing.payments.customers import stripe_customer
from chargeportal.common.formats import format_money
from chargeportal.common.money import Money

Kind = WalletEntry.Kind
#: A receipt of a session that is paid from the wallet.
_PAID_BY_WALLET = (Invoice.Kind.RECEIPT, Invoice.Kind.INVOICE)


class NotThisAmount(ValueError):
    """The wallet cannot be filled with this amount; the message says which it can."""


def wallet_of(account: BillingAccount) -> Wallet:
    """The account's wallet, opened empty unless it was there."""
    return Wallet.objects.get_or_create(account=account, defaults={"currency": account.currency})[0]


def balance(account: BillingAccount) -> Decimal:
    """What is in the account's wallet."""
    return Wallet.objects.filter(account=account).values_list("balance", flat=True).first() or Decimal(0)


def check_limits(amount: Decimal, *, currency: str) -> None:
    """Raises NotThisAmount unless a wallet may be filled with it at once."""
    least, most = settings.WALLET_TOP_UP_LIMITS
    if not least <= amount <= most:
        limits = {"least": _written(least, currency), "most": _written(most, currency)}
        raise NotThisAmount(_("Choose an amount from %(least)s to %(most)s.") % limits)


def check_amount(amount: Decimal, *, wallet: Wallet) -> None:
    """Raises NotThisAmount unless the wallet may be filled with it."""
    check_limits(amount, currency=wallet.currency)
    if wallet.balance + amount > settings.WALLET_MOST:
        most_held = _written(settings.WALLET_MOST, wallet.currency)
        raise NotThisAmount(_("A wallet holds at most %(most)s.") % {"most": most_held})


def start_top_up(
    account: BillingAccount,
    *,
    amount: Decimal,
    attempt: str,
    language: str,
    success_url: str,
    cancel_url: str,
) -> str:
    """The address of the page on which the wallet is filled; the same ``attempt`` is the same page.

    Raises: NotThisAmount, PaymentsError.
    """
    check_amount(amount, wallet=wallet_of(account))
    payment, _made = Payment.objects.get_or_create(
        idempotency_key=f"top-up:{account.public_id}:{attempt}"[:120],
        defaults={
            "operator_id": account.operator_id,
            "account": account,
            "purpose": Payment.Purpose.TOP_UP,
            "currency": account.currency,
            "requested": amount,
        },
    )
    page = stripe_api.Page(
        amount=Money(payment.requested, payment.currency),
        text=_("Wallet top-up"),
        success_url=success_url,
        cancel_url=cancel_url,
        payment=str(payment.public_id),
        language=language,
        customer=stripe_customer(account),
        saves_card=True,
    )
    return stripe_api.start_page(page, key=f"page:{payment.public_id}").url


@outcomes.after(Payment.Purpose.TOP_UP, Payment.State.SUCCEEDED)
def top_up_paid(payment: Payment, *, now: dt.datetime) -> None:
    """What was paid is in the wallet, once, and pays at once what was open."""
    if payment.account is None:
        raise ValueError(f"Top-up {payment.public_id} has no account")
    wallet = wallet_of(payment.account)
    _enter(
        wallet.pk, Kind.TOP_UP, payment.captured, key=f"top-up:{payment.public_id}", payment=payment, now=now
    )
    for document in _open_documents(payment.account):
        pay_from_wallet(document, now=now)


@outcomes.after_refund(Payment.Purpose.TOP_UP)
def top_up_refunded(refund: Refund, *, now: dt.datetime) -> None:
    """A top-up given back by the finance desk has left the wallet, as far as it is still there."""
    account = refund.payment.account
    if account is None or WalletEntry.objects.filter(key=_refund_key(refund)).exists():
        return
    wallet = Wallet.objects.select_for_update().get(account=account)
    taken = min(refund.amount, wallet.balance)
    if taken > 0:
        _enter(wallet.pk, Kind.REFUND, -taken, key=_refund_key(refund), payment=refund.payment, now=now)
    postings.top_up_lost(refund, amount=refund.amount - taken, at=now)


@outcomes.after_failed_refund(Payment.Purpose.TOP_UP)
def top_up_not_refunded(refund: Refund, *, now: dt.datetime) -> None:
    """What had left the wallet for a refund that the bank did not take is in it again, once."""
    left = WalletEntry.objects.filter(key=_refund_key(refund)).first()
    if left is not None:
        key = f"{_refund_key(refund)}:failed"
        _enter(left.wallet_id, Kind.REFUND, -left.amount, key=key, payment=refund.payment, now=now)
    postings.top_up_found(refund, at=now)


def pay_from_wallet(invoice: Invoice, now: dt.datetime) -> Decimal:
    """As much of what is open on the document as the wallet holds is paid from it; returns how much."""
    if invoice.account is None:
        return Decimal(0)
    with transaction.atomic():
        wallet = _wallet_for(invoice)
        Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)  # a card may pay it just now
        paid = min(wallet.balance, open_amount(invoice)) if wallet else Decimal(0)
        if wallet is None or paid <= 0:
            return Decimal(0)
        times = invoice.settlements.filter(kind=InvoiceSettlement.Kind.WALLET).count()
        key = f"invoice:{invoice.public_id}:{times + 1}"
        kind = Kind.CHARGE if invoice.kind == Invoice.Kind.RECEIPT else Kind.INVOICE
        cdr_id = invoice.billed_cdrs.values_list("cdr_id", flat=True).first() if kind == Kind.CHARGE else None
        _enter(wallet.pk, kind, -paid, key=key, text=invoice.full_number, cdr_id=cdr_id, now=now)
        settle(
            invoice,
            kind=InvoiceSettlement.Kind.WALLET,
            amount=paid,
            key=f"wallet:{key}",
            reference=invoice.full_number,
            now=now,
        )
    return paid


def pay_back(credit_note: Invoice, *, now: dt.datetime) -> Decimal:
    """What a wallet had paid of what is credited is in it again, once; returns how much.

    At most what is open on the credit note and not on its way back to a card.
    """
    original = credit_note.credits
    if original is None or credit_note.account is None:
        return Decimal(0)
    with transaction.atomic():
        wallet = _wallet_for(credit_note)
        Invoice.objects.select_for_update(of=("self",)).get(pk=credit_note.pk)
        amount = min(refunds.owed_back(credit_note), _left_of_wallets_payments(original))
        if wallet is None or amount <= 0:
            return Decimal(0)
        kind = Kind.CHARGE if original.kind == Invoice.Kind.RECEIPT else Kind.INVOICE
        key, text = f"credit:{credit_note.public_id}", credit_note.full_number
        _enter(wallet.pk, kind, amount, key=key, text=text, now=now)
        paid_by = InvoiceSettlement.Kind.WALLET
        settle(credit_note, kind=paid_by, amount=-amount, key=f"wallet:{key}", reference=text, now=now)
    return amount


def collect_cdr(cdr_id: int, *, now: dt.datetime) -> Invoice | None:
    """The session's receipt is issued and paid from the wallet, once; None where no wallet pays."""
    cdr = Cdr.objects.select_related("account").get(pk=cdr_id)
    if cdr.payment_kind != PaymentKind.WALLET or cdr.account is None:
        return None
    receipt = issue_receipt(cdr, now=now)
    if receipt is not None and receipt.kind == Invoice.Kind.RECEIPT:
        pay_from_wallet(receipt, now=now)
    return receipt


def top_up_if_low(account_id: int, *, now: dt.datetime) -> Payment | None:
    """A wallet that fills itself has asked its card when it is low; a refusal is not repeated until it moves.

    Raises PaymentsError when the card processor cannot be asked.
    """
    wallet = Wallet.objects.select_related("account").filter(account=account_id).first()
    if wallet is None or wallet.top_up_below is None or wallet.top_up_amount is None:
        return None
    card = charging.default_card(account_id)
    is_used = wallet.account.collection == BillingAccount.Collection.WALLET
    if not is_used or wallet.balance >= wallet.top_up_below or card is None or not stripe_api.is_on():
        return None
    last = wallet.entries.order_by("-id").values_list("id", flat=True).first() or 0
    payment, _made = Payment.objects.get_or_create(
        idempotency_key=f"auto-top-up:{wallet.pk}:{last}:{card.pk}",
        defaults={
            "operator_id": wallet.account.operator_id,
            "account": wallet.account,
            "purpose": Payment.Purpose.TOP_UP,
            "card": card,
            "currency": wallet.currency,
            "requested": wallet.top_up_amount,
        },
    )
    unknown = (Payment.State.CREATED, Payment.State.PROCESSING)
    return charging.ask(payment, now=now) if payment.state in unknown else payment


def refund_balance(account: BillingAccount, *, by: User | None, now: dt.datetime) -> Decimal:
    """What is in the wallet is on its way back to the cards it came from; returns how much.

    The newest top-ups first, each at most by what was paid; what came otherwise stays. The wallet does not
    fill itself any more, or the card would be asked for what it has just got back.
    """
    asked: list[Refund] = []
    with transaction.atomic():
        paid = Payment.objects.filter(
            account=account, purpose=Payment.Purpose.TOP_UP, state=Payment.State.SUCCEEDED
        )
        top_ups = list(paid.select_for_update(of=("self",)).order_by("pk"))
        wallet = Wallet.objects.select_for_update().filter(account=account).first()
        left = wallet.balance if wallet else Decimal(0)
        for payment in reversed(top_ups):
            amount = min(left, refunds.left(payment))
            if wallet is None or amount <= 0:
                continue
            refund = refunds.request(
                payment, amount=amount, reason="wallet balance", key=f"wallet:{uuid.uuid4()}", by=by
            )
            _enter(wallet.pk, Kind.REFUND, -amount, key=_refund_key(refund), payment=payment, now=now)
            asked.append(refund)
            left -= amount
        if asked:
            Wallet.objects.filter(account=account).update(top_up_below=None, top_up_amount=None)
    for refund in asked:
        refunds.send(refund, now=now)
    return sum((refund.amount for refund in asked), Decimal(0))


def adjust(
    wallet: Wallet, *, amount: Decimal, text: str, by: User, now: dt.datetime, attempt: str = ""
) -> WalletEntry:
    """The operator has put in or taken out an amount, with its reason; the same ``attempt`` does it once.

    Raises NotThisAmount below nought.
    """
    with transaction.atomic():
        locked = Wallet.objects.select_for_update().get(pk=wallet.pk)
        key = f"adjustment:{attempt or uuid.uuid4()}"
        existing = WalletEntry.objects.filter(key=key, wallet=locked).first()
        if existing is not None:
            return existing
        if locked.balance + amount < 0:
            raise NotThisAmount(_("There is not that much in the wallet."))
        return _enter(wallet.pk, Kind.ADJUSTMENT, amount, key=key, text=f"{text} ({by})"[:120], now=now)


def _wallet_for(invoice: Invoice) -> Wallet | None:
    """The wallet of the document's account in its currency, locked; None where there is none."""
    wallets = Wallet.objects.select_for_update()
    return wallets.filter(account=invoice.account_id, currency=invoice.currency).first()


def _left_of_wallets_payments(original: Invoice) -> Decimal:
    """What the wallet has paid of the document, less what its credit notes have put back."""
    by_wallet = InvoiceSettlement.objects.filter(kind=InvoiceSettlement.Kind.WALLET)
    moved = by_wallet.filter(Q(invoice=original) | Q(invoice__credits=original))
    return moved.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _refund_key(refund: Refund) -> str:
    return f"refund:{refund.pk}"


def _open_documents(account: BillingAccount) -> list[Invoice]:
    """What the wallet owes, oldest first."""
    if account.collection != BillingAccount.Collection.WALLET:
        return []
    documents = Invoice.objects.filter(account=account, kind__in=_PAID_BY_WALLET).select_related(
        "series", "account"
    )
    listed: Any = with_open_amount(documents)
    return list(listed.filter(open_amount__gt=0).order_by("invoice_date", "pk"))


def _enter(
    wallet_id: int, kind: str, amount: Decimal, *, key: str, now: dt.datetime, **facts: object
) -> WalletEntry:
    """The movement is entered, the balance moved with it, and both in the books; the same key counts once."""
    with transaction.atomic():
        wallet = Wallet.objects.select_for_update(of=("self",)).select_related("account").get(pk=wallet_id)
        existing = WalletEntry.objects.filter(key=key).first()
        if existing is not None:
            return existing
        wallet.balance += amount
        if wallet.balance < 0:
            raise NotThisAmount(_("There is not that much in the wallet."))
        wallet.save(update_fields=["balance"])
        entry = WalletEntry.objects.create(
            wallet=wallet,
            kind=kind,
            amount=amount,
            balance_after=wallet.balance,
            key=key,
            created_at=now,
            **facts,
        )
        postings.wallet_moved(entry)
    return entry


def _written(amount: Decimal | int, currency: str) -> str:
    return format_money(Money(Decimal(amount), currency), get_language() or "sv")
