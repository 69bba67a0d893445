"""Amounts reserved on a card: capture what was really used, let the rest go."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from billing.models import Payment
from billing.payments import outcomes, stripe_api
from billing.payments.stripe_api import Refused
from chargeportal.common.money import Money

UNEXPECTED_STATE = "payment_intent_unexpected_state"


def capture(payment: Payment, amount: Decimal, *, now: dt.datetime) -> Payment:
    """So much of the hold is taken, at most all of it, and the rest released; what exceeds it stays open.

    Nothing to take releases the hold. However often it is asked, by however many, the hold is taken once:
    the first amount stands. Raises PaymentsError when Stripe cannot be asked.
    """
    if payment.state != Payment.State.AUTHORISED:
        return payment
    taken = min(amount, payment.authorised)
    if taken <= 0:
        return release(payment, now=now)
    key = f"capture:{payment.public_id}"
    try:
        intent = stripe_api.capture(payment.stripe_payment_intent, Money(taken, payment.currency), key=key)
    except Refused:
        # taken before with another amount, taken by hand, or run out: what Stripe says now is what holds
        intent = stripe_api.payment_intent(payment.stripe_payment_intent)
    return outcomes.apply_intent(intent, now=now) or payment


def release(payment: Payment, *, now: dt.datetime) -> Payment:
    """Nothing is reserved any more; a payment that was made stays made. Raises PaymentsError."""
    if not payment.stripe_payment_intent:
        outcomes.give_up(payment, state=Payment.State.CANCELLED, now=now)
        payment.refresh_from_db()
        return payment
    try:
        intent = stripe_api.cancel(payment.stripe_payment_intent, key=f"release:{payment.public_id}")
    except Refused as refused:
        if refused.code != UNEXPECTED_STATE:
            raise
        intent = stripe_api.payment_intent(payment.stripe_payment_intent)
    return outcomes.apply_intent(intent, now=now) or payment
