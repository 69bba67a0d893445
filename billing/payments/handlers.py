"""What we do about each of Stripe's messages."""

from __future__ import annotations

import datetime as dt

from billing.models import Payment, WebhookEvent
from billing.payments import balance_import, disputes, outcomes, refunds, stripe_api
from billing.payments.webhooks import about, handles


@handles(
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.processing",
    "payment_intent.requires_action",
)
def intent_moved(event: WebhookEvent, *, now: dt.datetime) -> None:
    """Our payment stands where the intent stands now."""
    outcomes.apply_intent(stripe_api.payment_intent(about(event)), now=now)


@handles(
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
)
def page_left(event: WebhookEvent, *, now: dt.datetime) -> None:
    """A payment page was paid on, or its time is over."""
    follow_page(about(event), now=now)


@handles("charge.refunded", "charge.refund.updated", "refund.created", "refund.updated", "refund.failed")
def refund_moved(event: WebhookEvent, *, now: dt.datetime) -> None:
    """Our refunds of the payment stand where Stripe's stand, those made at Stripe itself included."""
    intent = str(event.payload["data"]["object"].get("payment_intent") or "")
    if intent:
        for facts in reversed(stripe_api.refunds_of(intent)):
            refunds.apply_refund(facts, now=now)


@handles(
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
def dispute_moved(event: WebhookEvent, *, now: dt.datetime) -> None:
    """Our dispute stands where Stripe's stands, and the books with it."""
    disputes.apply_dispute(stripe_api.dispute(about(event)), now=now)


@handles("payout.paid")
def paid_out(event: WebhookEvent, *, now: dt.datetime) -> None:  # noqa: ARG001 - a handler's signature
    """What a payout brought to the bank is known, and in the books."""
    balance_import.import_payout(about(event))


def follow_page(session_id: str, *, now: dt.datetime) -> Payment | None:
    """Our payment stands where the payment page left it; None for a page of another kind.

    Raises PaymentsError, `resource_missing` for a page that is not ours.
    """
    page = stripe_api.checkout_session(session_id)
    if page.mode != "payment":
        return None
    if page.intent:
        return outcomes.apply_intent(stripe_api.payment_intent(page.intent), now=now)
    payment = outcomes.named(page.our_payment)
    if payment is not None and page.status == "expired" and not outcomes.tell(payment, now=now):
        outcomes.give_up(payment, state=Payment.State.CANCELLED, now=now)
    return payment
