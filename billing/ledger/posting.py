"""Posts balanced entries, each money event once."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone

from billing.ledger.chart import NoLedgerAccount, account_ids
from billing.models import JournalEntry, JournalLine, LedgerPeriod


class DoesNotBalance(ValueError):
    """The lines of an entry do not add up to nought."""


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount on the account that plays a role: debit positive, credit negative."""

    role: str
    amount: Decimal
    location_id: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A money event. ``key`` is its natural key (`cdr:17`): the event is posted once under it."""

    operator_id: int
    key: str
    kind: str
    date: dt.date
    text: str
    currency: str
    reference: str = ""
    corrects: JournalEntry | None = None


def post(event: Event, lines: Iterable[Posting]) -> JournalEntry | None:
    """The event's entry, posted now unless it was; None when nothing moved.

    Dated as the event, or on the first day that is not locked. Raises DoesNotBalance, NoLedgerAccount.
    """
    moved = [line for line in lines if line.amount]
    if sum((line.amount for line in moved), Decimal(0)):
        raise DoesNotBalance(f"{event.key}: {[(str(line.role), str(line.amount)) for line in moved]}")
    if not moved:
        return None
    try:
        with transaction.atomic():
            return _insert(event, moved)
    except IntegrityError:
        existing = JournalEntry.objects.filter(operator=event.operator_id, key=event.key).first()
        if existing is None:
            raise
        return existing


def first_open_date(operator_id: int, *, wanted: dt.date) -> dt.date:
    """The date itself, or the first day of the next month that is not locked."""
    locked = set(
        LedgerPeriod.objects.filter(
            operator=operator_id, locked_at__isnull=False, first_date__gte=wanted.replace(day=1)
        ).values_list("first_date", flat=True)
    )
    date = wanted
    while date.replace(day=1) in locked:
        date = (date.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return date


def _insert(event: Event, lines: list[Posting]) -> JournalEntry:
    accounts = account_ids(event.operator_id)
    missing = sorted({str(line.role) for line in lines} - accounts.keys())
    if missing:
        raise NoLedgerAccount(f"No ledger account has the role {', '.join(missing)}")
    entry = JournalEntry.objects.create(
        operator_id=event.operator_id,
        key=event.key,
        kind=event.kind,
        entry_date=first_open_date(event.operator_id, wanted=event.date),
        text=event.text[:160],
        reference=event.reference[:80],
        corrects=event.corrects,
        posted_at=timezone.now(),
    )
    JournalLine.objects.bulk_create(
        JournalLine(
            entry=entry,
            account_id=accounts[line.role],
            amount=line.amount,
            currency=event.currency,
            location_id=line.location_id,
            text=line.text[:120],
        )
        for line in lines
    )
    return entry
