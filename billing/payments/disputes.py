"""Payments that cardholders contest at their bank."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from billing.ledger import postings
from billing.models import Dispute, Payment
from billing.payments.stripe_objects import DisputeFacts

#: An inquiry moves no money yet; these end a dispute, with money back or without.
INQUIRY = "warning_"
WON, LOST, INQUIRY_CLOSED = "won", "lost", "warning_closed"
_CLOSED = (WON, LOST, INQUIRY_CLOSED)


def apply_dispute(facts: DisputeFacts, *, now: dt.datetime) -> Dispute | None:
    """Our dispute stands where Stripe's stands, and the books have moved with it; None if not of ours.

    Applied twice, or after a later one, nothing changes: what is closed stays closed.
    """
    payment = Payment.objects.filter(stripe_payment_intent=facts.intent).first() if facts.intent else None
    if payment is None:
        return None
    with transaction.atomic():
        Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
        ours, _made = Dispute.objects.get_or_create(
            stripe_id=facts.id,
            defaults={
                "payment": payment,
                "amount": facts.amount,
                "reason": facts.reason[:60],
                "status": facts.status,
                "opened_at": facts.opened_at,
            },
        )
        if ours.closed_at is None:
            ours.status, ours.evidence_due_at = facts.status[:40], facts.evidence_due_at
            ours.closed_at = now if facts.status in _CLOSED else None
            ours.save(update_fields=["status", "evidence_due_at", "closed_at"])
        _post(ours)
    return ours


def _post(dispute: Dispute) -> None:
    """The books have what the dispute has come to; each step is posted once under its own key."""
    if dispute.status.startswith(INQUIRY):
        return
    postings.dispute_moved(dispute, outcome="opened", at=dispute.opened_at)
    if dispute.status in {WON, LOST} and dispute.closed_at is not None:
        postings.dispute_moved(dispute, outcome=dispute.status, at=dispute.closed_at)
