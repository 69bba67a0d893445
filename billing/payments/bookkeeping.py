"""What our own rows say about a movement on the card processor's balance."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import Organisation
from billing.models import BalanceTransaction, Dispute, Payment, Refund


@dataclass(frozen=True, slots=True)
class Ours:
    """One of our movements, signed as on the processor's balance."""

    what: str
    reference: str
    payment: str
    amount: Decimal
    currency: str


def ours_for(moved: BalanceTransaction) -> Ours | None:
    """What we have for the movement; None when we know nothing of it."""
    if moved.type in {"charge", "payment"}:
        return _charge(moved)
    if moved.type in {"refund", "payment_refund", "refund_failure", "payment_failure_refund"}:
        return _refund(moved)
    return _dispute(moved) if moved.type == "adjustment" else None


def unknown_to_processor(operator: Organisation, *, start: dt.datetime, end: dt.datetime) -> list[Ours]:
    """Payments and refunds that we booked in the half-open period, and the balance does not have."""
    paid = Payment.objects.filter(
        operator=operator, state=Payment.State.SUCCEEDED, settled_at__gte=start, settled_at__lt=end
    ).exclude(stripe_payment_intent="")
    refunded = Refund.objects.filter(
        payment__operator=operator,
        state=Refund.State.SUCCEEDED,
        created_at__gte=start,
        created_at__lt=end,
    ).select_related("payment")
    there = BalanceTransaction.objects.filter(operator=operator)
    charges = paid.exclude(
        stripe_payment_intent__in=there.filter(type__in=("charge", "payment")).values("payment_intent")
    )
    refunds = refunded.exclude(stripe_id__in=there.values("source"))
    return [*map(_of_payment, charges), *map(_of_refund, refunds)]


def _charge(moved: BalanceTransaction) -> Ours | None:
    payment = Payment.objects.filter(stripe_payment_intent=moved.payment_intent).first()
    if not moved.payment_intent or payment is None or payment.state != Payment.State.SUCCEEDED:
        return None
    return _of_payment(payment)


def _refund(moved: BalanceTransaction) -> Ours | None:
    refund = Refund.objects.select_related("payment").filter(stripe_id=moved.source).first()
    if not moved.source or refund is None or refund.state == Refund.State.REQUESTED:
        return None
    if moved.amount > 0:  # the bank has sent it back
        failed = refund.state == Refund.State.FAILED
        return _of_refund(refund, amount=refund.amount if failed else Decimal(0))
    return _of_refund(refund)


def _dispute(moved: BalanceTransaction) -> Ours | None:
    dispute = Dispute.objects.select_related("payment").filter(stripe_id=moved.source).first()
    if not moved.source or dispute is None:
        return None
    amount = -dispute.amount if moved.amount < 0 else dispute.amount
    payment = dispute.payment
    return Ours("dispute", dispute.stripe_id, str(payment.public_id), amount, payment.currency)


def _of_payment(payment: Payment) -> Ours:
    return Ours(
        "charge",
        payment.stripe_payment_intent,
        str(payment.public_id),
        payment.captured,
        payment.currency,
    )


def _of_refund(refund: Refund, *, amount: Decimal | None = None) -> Ours:
    payment = refund.payment
    moved = -refund.amount if amount is None else amount
    return Ours("refund", refund.stripe_id, str(payment.public_id), moved, payment.currency)
