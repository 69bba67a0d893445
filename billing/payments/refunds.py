"""Gives money back to the card it came from."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Sum

from accounts import audit
from accounts.models import User
from billing.invoicing.settling import open_amount, settle
from billing.models import Invoice, InvoiceSettlement, Payment, Refund
from billing.payments import outcomes, stripe_api
from billing.payments.stripe_api import Refused
from billing.payments.stripe_objects import RefundFacts
from chargeportal.common.money import Money

State = Refund.State
_STATES = {"succeeded": State.SUCCEEDED, "failed": State.FAILED, "canceled": State.FAILED}


class CannotRefund(ValueError):
    """More than is left of the payment, nothing at all, or a payment that was not made."""


def refund(
    payment: Payment,
    *,
    amount: Decimal,
    reason: str,
    by: User | None,
    now: dt.datetime,
    credit_note: Invoice | None = None,
    key: str = "",
) -> Refund:
    """The amount is on its way back to the card, audited.

    It settles the credit note; without one it is goodwill, and the operator's loss. A ``key`` (of a form,
    say) stands for one refund, of a credit note also none. Raises CannotRefund; when Stripe cannot be asked
    the refund stays REQUESTED and the sweep sends it.
    """
    if credit_note is not None:
        key = f"refund:{payment.public_id}:credit:{credit_note.public_id}{key and ':' + key}"
    asked = request(
        payment,
        amount=amount,
        reason=reason,
        key=f"refund:{payment.public_id}:{key}" if key and credit_note is None else key,
        credit_note=credit_note,
        by=by,
    )
    return send(asked, now=now)


def pay_back(credit_note: Invoice, *, now: dt.datetime, by: User | None = None) -> list[Refund]:
    """What is open on the credit note has gone back to the cards that paid what it credits; done once."""
    original = credit_note.credits
    # read before what is owed: of two workers who find the same owed, the second finds the first one's refund
    before = credit_note.refunds.filter(state=State.SUCCEEDED).count()
    owed = owed_back(credit_note)
    made: list[Refund] = []
    if original is None or owed <= 0:
        return made
    for payment in original.payments.filter(state=Payment.State.SUCCEEDED).order_by("-pk"):
        amount = min(owed, left(payment))
        if amount > 0:
            reason = credit_note.reason or credit_note.full_number
            made.append(
                refund(
                    payment,
                    amount=amount,
                    reason=reason,
                    by=by,
                    now=now,
                    credit_note=credit_note,
                    key=str(before or ""),
                )
            )
            owed -= amount
    return made


def owed_back(credit_note: Invoice) -> Decimal:
    """What is to be given back for the credit note, less what is on its way already."""
    under_way = credit_note.refunds.filter(state=State.REQUESTED).aggregate(sum=Sum("amount"))["sum"]
    return -open_amount(credit_note) - (under_way or Decimal(0))


def left(payment: Payment) -> Decimal:
    """How much can still be given back: what was paid, less refunds made and asked for."""
    pending = payment.refunds.filter(state=State.REQUESTED).aggregate(sum=Sum("amount"))["sum"]
    return payment.captured - payment.refunded - (pending or Decimal(0))


def request(
    payment: Payment,
    *,
    amount: Decimal,
    reason: str,
    key: str = "",
    credit_note: Invoice | None = None,
    by: User | None = None,
) -> Refund:
    """The refund is asked for, and sent by the sweep unless `send` does it; the same key is one refund."""
    with transaction.atomic():
        locked = Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
        existing = Refund.objects.filter(idempotency_key=key).first() if key else None
        if existing is not None:
            return existing
        if amount <= 0 or amount > left(locked):
            raise CannotRefund(f"{amount} of {left(locked)}")
        asked = Refund.objects.create(
            payment=locked,
            amount=amount,
            reason=reason[:160],
            credit_note=credit_note,
            idempotency_key=key or f"refund:{payment.public_id}:{uuid.uuid4()}",
        )
        audit.record(
            by,
            act="payment.refunded",
            subject=f"payment {payment.public_id}",
            details={"amount": str(amount), "currency": payment.currency, "reason": reason},
        )
    return asked


def send(asked: Refund, *, now: dt.datetime) -> Refund:
    """Stripe has been asked for the refund, once; what it will not do has FAILED."""
    payment = asked.payment
    if asked.state != State.REQUESTED or asked.stripe_id:
        return asked
    try:
        facts = stripe_api.create_refund(
            payment.stripe_payment_intent,
            Money(asked.amount, payment.currency),
            refund=asked.idempotency_key,
            key=asked.idempotency_key,
        )
    except Refused:
        return _refused(asked, now=now)
    except stripe_api.PaymentsError:
        return asked
    return apply_refund(facts, now=now) or asked


def _refused(asked: Refund, *, now: dt.datetime) -> Refund:
    """Stripe will not do it: the refund has FAILED, and what was done in advance is taken back, once."""
    with transaction.atomic():
        waiting = Refund.objects.filter(pk=asked.pk, state=State.REQUESTED)
        if waiting.update(state=State.FAILED):
            asked.state = State.FAILED
            outcomes.follow_failed_refund(asked, now=now)
    asked.refresh_from_db()
    return asked


def unsent_ids(*, most: int) -> list[int]:
    """Refunds that Stripe has not answered yet."""
    waiting = Refund.objects.filter(state=State.REQUESTED, stripe_id="")
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:most])


def apply_refund(facts: RefundFacts, *, now: dt.datetime) -> Refund | None:
    """Our refund stands where Stripe's stands, one made at Stripe itself included; None if not of ours.

    Applied twice nothing changes. A refund that the bank sends back after all has FAILED, and what followed
    it is taken back.
    """
    payment = Payment.objects.filter(stripe_payment_intent=facts.intent).first() if facts.intent else None
    if payment is None:
        return None
    with transaction.atomic():
        locked = Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
        ours = _row(locked, facts)
        wanted = _STATES.get(facts.status, State.REQUESTED)
        before, ours.stripe_id = ours.state, facts.id
        if before not in (wanted, State.FAILED) and wanted != State.REQUESTED:
            ours.state = wanted
        ours.save()
        if before != State.SUCCEEDED and ours.state == State.SUCCEEDED:
            _done(locked, ours, now=now)
        elif before == State.SUCCEEDED and ours.state == State.FAILED:
            _undone(locked, ours, now=now)
        if before != State.FAILED and ours.state == State.FAILED:
            ours.payment = locked
            outcomes.follow_failed_refund(ours, now=now)
    return ours


def _row(payment: Payment, facts: RefundFacts) -> Refund:
    key = facts.metadata.get("refund") or f"stripe:{facts.id}"
    ours = Refund.objects.filter(stripe_id=facts.id).first()
    ours = ours or Refund.objects.filter(payment=payment, idempotency_key=key).first()
    if ours is not None:
        return ours
    try:
        with transaction.atomic():
            return Refund.objects.create(payment=payment, amount=facts.amount, idempotency_key=key)
    except IntegrityError:
        return Refund.objects.get(idempotency_key=key)


def _done(payment: Payment, ours: Refund, *, now: dt.datetime) -> None:
    payment.refunded += ours.amount
    payment.save(update_fields=["refunded"])
    _settle(payment, ours, -ours.amount, key=f"refund:{ours.stripe_id}", now=now)
    ours.payment = payment
    outcomes.follow_refund(ours, now=now)


def _undone(payment: Payment, ours: Refund, *, now: dt.datetime) -> None:
    payment.refunded -= ours.amount
    payment.save(update_fields=["refunded"])
    _settle(payment, ours, ours.amount, key=f"refund:{ours.stripe_id}:failed", now=now)


def _settle(payment: Payment, ours: Refund, amount: Decimal, *, key: str, now: dt.datetime) -> None:
    """The document has it. What nobody credited is the operator's loss: the customer owes nothing again."""
    invoice = ours.credit_note or payment.invoice
    if invoice is None:
        return
    kinds = InvoiceSettlement.Kind
    settle(invoice, kind=kinds.REFUND, amount=amount, key=key, reference=ours.stripe_id, now=now)
    if ours.credit_note is not None:
        return
    lost = max(min(-amount, open_amount(invoice)), Decimal(0)) if amount < 0 else -_written_off(ours)
    if lost:
        settle(
            invoice, kind=kinds.WRITE_OFF, amount=lost, key=f"{key}:lost", reference=ours.stripe_id, now=now
        )


def _written_off(ours: Refund) -> Decimal:
    lost = InvoiceSettlement.objects.filter(key=f"refund:{ours.stripe_id}:lost").first()
    return lost.amount if lost else Decimal(0)
