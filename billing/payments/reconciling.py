"""Holds our payments against the card processor's balance, day by day, and lists what does not agree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts import audit
from accounts.models import Organisation, User
from billing.ledger import balance_postings
from billing.models import BalanceTransaction, Payment, Reconciliation
from billing.payments import balance_import, stripe_api
from billing.payments.bookkeeping import Ours, ours_for, unknown_to_processor

BOOKS_ZONE = ZoneInfo("Europe/Stockholm")
#: A day is looked at again for as long: a message may come days late.
DAYS_AGAIN = 4
NOBODY_CLEARS = ("payout",)
FEES = "stripe_fee"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two sides tell differently. ``reference`` is Stripe's id, amounts are text."""

    kind: str
    what: str
    reference: str
    payment: str
    ours: str
    theirs: str


MISSING_HERE, MISSING_THERE, OTHER_AMOUNT = "missing_here", "missing_there", "different_amount"


def reconcile_recent(*, now: dt.datetime, with_today: bool = False) -> int:
    """The past days are reconciled, for every operator that takes cards; returns how many differ.

    Today may still differ because a message is on its way; it is looked at again tomorrow.
    """
    if not stripe_api.is_on():
        return 0
    today = now.astimezone(BOOKS_ZONE).date()
    days = [today - dt.timedelta(days=back) for back in range(DAYS_AGAIN, -1 if with_today else 0, -1)]
    balance_import.import_movements(start=_midnight(days[0]), end=now)
    found = [
        reconciliation
        for operator in Organisation.objects.filter(pk__in=_operator_ids())
        for day in days
        for reconciliation in reconcile(operator, day=day, now=now)
    ]
    return sum(1 for reconciliation in found if reconciliation.differences)


def reconcile(operator: Organisation, *, day: dt.date, now: dt.datetime) -> list[Reconciliation]:
    """The day's movements, as imported, stand against our books, currency by currency; fees are posted.

    Done again it says what holds now; differences that were accepted stay so unless they have changed.
    """
    start, end = _midnight(day), _midnight(day + dt.timedelta(days=1))
    theirs = list(
        BalanceTransaction.objects.filter(operator=operator, created_at__gte=start, created_at__lt=end)
    )
    missing_there = unknown_to_processor(operator, start=start, end=end)
    currencies = {moved.currency for moved in theirs} | {ours.currency for ours in missing_there} | {"SEK"}
    return [
        _of_currency(
            operator,
            day,
            currency=currency,
            theirs=[moved for moved in theirs if moved.currency == currency],
            missing_there=[ours for ours in missing_there if ours.currency == currency],
            now=now,
        )
        for currency in sorted(currencies)
    ]


def accept(reconciliation: Reconciliation, *, note: str, by: User, now: dt.datetime) -> bool:
    """The differences have been looked at and explained, audited; False when somebody was faster."""
    waiting = Reconciliation.objects.filter(pk=reconciliation.pk, accepted_at=None)
    with transaction.atomic():
        if not waiting.update(accepted_at=now, accepted_note=note[:300]):
            return False
        audit.record(
            by,
            act="reconciliation.accepted",
            subject=f"reconciliation {reconciliation.day} {reconciliation.currency}",
            details={"note": note, "differences": reconciliation.differences},
        )
    return True


def _of_currency(
    operator: Organisation,
    day: dt.date,
    *,
    currency: str,
    theirs: list[BalanceTransaction],
    missing_there: list[Ours],
    now: dt.datetime,
) -> Reconciliation:
    compared = [moved for moved in theirs if moved.type not in {*NOBODY_CLEARS, FEES}]
    pairs = [(moved, ours_for(moved)) for moved in compared]
    differences = [*_differing(pairs), *(_only_ours(ours) for ours in missing_there)]
    fees = sum((moved.fee for moved in theirs), Decimal(0))
    with transaction.atomic():
        balance_postings.card_fees(operator.pk, day=day, fees=fees, currency=currency)
        for moved in theirs:
            _post(moved)
        return _store(
            operator,
            day,
            currency=currency,
            facts={
                "ours": sum((ours.amount for _moved, ours in pairs if ours), Decimal(0))
                + sum((ours.amount for ours in missing_there), Decimal(0)),
                "theirs": sum((moved.amount for moved in compared), Decimal(0)),
                "fees": fees - sum((moved.amount for moved in theirs if moved.type == FEES), Decimal(0)),
                "differences": [asdict(difference) for difference in differences],
                "checked_at": now,
            },
        )


def _store(operator: Organisation, day: dt.date, *, currency: str, facts: dict) -> Reconciliation:
    rows = Reconciliation.objects.select_for_update()
    existing = rows.filter(operator=operator, day=day, currency=currency).first()
    if existing is not None and existing.differences != facts["differences"]:
        facts = {**facts, "accepted_at": None, "accepted_note": ""}
    return Reconciliation.objects.update_or_create(
        operator=operator, day=day, currency=currency, defaults=facts
    )[0]


def _differing(pairs: Iterable[tuple[BalanceTransaction, Ours | None]]) -> Iterable[Difference]:
    for moved, ours in pairs:
        reference = moved.payment_intent or moved.source
        if ours is None:
            yield Difference(MISSING_HERE, moved.type, reference, "", "", str(moved.amount))
        elif ours.amount != moved.amount:
            yield Difference(
                OTHER_AMOUNT, moved.type, reference, ours.payment, str(ours.amount), str(moved.amount)
            )


def _only_ours(ours: Ours) -> Difference:
    return Difference(MISSING_THERE, ours.what, ours.reference, ours.payment, str(ours.amount), "")


def _post(moved: BalanceTransaction) -> None:
    if moved.type == "payout":
        balance_postings.paid_out(moved)
    elif moved.type == FEES:
        balance_postings.charged_by_processor(moved)


def _operator_ids() -> set[int]:
    return set(
        Payment.objects.exclude(stripe_payment_intent="")
        .order_by()
        .values_list("operator", flat=True)
        .distinct()
    ) | set(BalanceTransaction.objects.order_by().values_list("operator", flat=True).distinct())


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=BOOKS_ZONE)
