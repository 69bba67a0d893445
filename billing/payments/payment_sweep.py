"""Asks again about what was left in doubt: a worker died, an answer or a message was lost."""

from __future__ import annotations

import datetime as dt
import logging

from django.db.models import Q

from billing.models import Payment, Refund
from billing.payments import charging, holds, outcomes, refunds, stripe_api

logger = logging.getLogger(__name__)

#: When the messages about a payment page should have come; then we ask.
PAGE_IS_OVER = dt.timedelta(hours=3)
LOOK_AGAIN = dt.timedelta(minutes=15)
#: A hold that nobody captured: the card's bank lets it go after a week anyway.
HOLD_LASTS = dt.timedelta(days=6)


def follow(*, now: dt.datetime, most: int) -> int:
    """Charges without a known outcome and refunds that were not sent are followed up; returns how many."""
    if not stripe_api.is_on():
        return 0
    done = 0
    for payment_id in charging.unfinished_ids(now=now, most=most):
        done += _tried(payment_id, charging.ask, now=now)
    for payment_id in _on_a_page(now=now, most=most):
        done += _tried(payment_id, _look_at_page, now=now)
    for payment_id in _forgotten_holds(now=now, most=most):
        done += _tried(payment_id, holds.release, now=now)
    for refund_id in refunds.unsent_ids(most=most):
        done += _sent(refund_id, now=now)
    return done


def _tried(payment_id: int, act: object, *, now: dt.datetime) -> int:
    payment = Payment.objects.select_related("account", "card", "invoice__series").get(pk=payment_id)
    try:
        act(payment, now=now)  # type: ignore[operator]
    except stripe_api.PaymentsError:
        logger.warning("Payment %s could not be followed up", payment.public_id, exc_info=True)
        return 0
    except Exception:  # one payment keeps no other from being followed up
        logger.exception("Payment %s could not be followed up", payment.public_id)
        return 0
    return 1


def _sent(refund_id: int, *, now: dt.datetime) -> int:
    try:
        refunds.send(Refund.objects.select_related("payment__invoice").get(pk=refund_id), now=now)
    except Exception:  # one refund keeps no other from being sent
        logger.exception("Refund %s could not be sent", refund_id)
        return 0
    return 1


def _on_a_page(*, now: dt.datetime, most: int) -> list[int]:
    """Payments begun on a page, of purposes that do not look after them themselves."""
    begun = Q(state=Payment.State.CREATED, created_at__lt=now - PAGE_IS_OVER)
    waits = Q(state__in=(Payment.State.PROCESSING, Payment.State.REQUIRES_ACTION)) & ~Q(
        stripe_payment_intent=""
    )
    found = Payment.objects.filter(
        begun | waits, card=None, created_at__gt=now - dt.timedelta(days=30)
    ).exclude(purpose=Payment.Purpose.GUEST)
    return list(found.order_by("created_at").values_list("pk", flat=True)[:most])


def _look_at_page(payment: Payment, *, now: dt.datetime) -> None:
    if payment.stripe_payment_intent:
        outcomes.apply_intent(stripe_api.payment_intent(payment.stripe_payment_intent), now=now)
        return
    page = stripe_api.page_of(str(payment.public_id), since=payment.created_at)
    if page is not None and page.intent:
        outcomes.apply_intent(stripe_api.payment_intent(page.intent), now=now)
    elif page is None or page.status == "expired":
        outcomes.give_up(payment, state=Payment.State.CANCELLED, now=now)


def _forgotten_holds(*, now: dt.datetime, most: int) -> list[int]:
    """Amounts reserved for long, of purposes that do not look after them themselves."""
    held = Payment.objects.filter(state=Payment.State.AUTHORISED, created_at__lt=now - HOLD_LASTS)
    found = held.exclude(purpose=Payment.Purpose.GUEST)
    return list(found.order_by("created_at").values_list("pk", flat=True)[:most])
