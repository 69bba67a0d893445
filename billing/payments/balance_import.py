"""Brings the card processor's balance transactions into our tables."""

from __future__ import annotations

import datetime as dt

from accounts import access
from accounts.models import Organisation
from billing.ledger import balance_postings
from billing.models import BalanceTransaction, Payment
from billing.payments import stripe_api
from billing.payments.stripe_objects import Movement


def import_movements(*, start: dt.datetime, end: dt.datetime) -> int:
    """Every movement created in the half-open period is stored once; returns how many were new."""
    found = list(stripe_api.movements(start=start, end=end))
    fresh = _stored(found)
    for moved in fresh:
        if moved.type == "payout" and moved.source:
            import_payout(moved.source)
    return len(fresh)


def import_payout(payout: str) -> None:
    """The movements that a payout brought to the bank are stored, say so, and the books have it."""
    found = stripe_api.movements_of(payout)
    _stored(found)
    rows = BalanceTransaction.objects.filter(stripe_id__in=[moved.id for moved in found])
    rows.filter(payout="").update(payout=payout)
    for row in rows.filter(type="payout"):
        balance_postings.paid_out(row)


def _stored(found: list[Movement]) -> list[Movement]:
    """The movements are stored; returns those that were new."""
    ids = [moved.id for moved in found]
    known = set(BalanceTransaction.objects.filter(stripe_id__in=ids).values_list("stripe_id", flat=True))
    fresh = [moved for moved in found if moved.id not in known]
    intents = [moved.intent for moved in fresh if moved.intent]
    payments = Payment.objects.filter(stripe_payment_intent__in=intents)
    operators = dict(payments.values_list("stripe_payment_intent", "operator"))
    home = _home_operator_id()
    rows = [_row(moved, operators.get(moved.intent, home)) for moved in fresh]
    BalanceTransaction.objects.bulk_create([row for row in rows if row is not None], ignore_conflicts=True)
    return fresh


def _row(moved: Movement, operator_id: int | None) -> BalanceTransaction | None:
    if operator_id is None:
        return None
    return BalanceTransaction(
        stripe_id=moved.id,
        operator_id=operator_id,
        type=moved.type,
        source=moved.source,
        payment_intent=moved.intent,
        payout=moved.payout,
        amount=moved.amount,
        fee=moved.fee,
        net=moved.net,
        currency=moved.currency,
        created_at=moved.created_at,
        available_at=moved.available_at,
    )


def _home_operator_id() -> int | None:
    """Whose the movements are that belong to no payment: the only operator's, else the first one's."""
    sole = access.sole_operator_id()
    if sole is not None:
        return sole
    operators = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR, is_active=True)
    return operators.order_by("pk").values_list("pk", flat=True).first()
