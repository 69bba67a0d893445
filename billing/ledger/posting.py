"""Posts balanced entries, each money event once, many in one statement."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Organisation
from billing.ledger.chart import NoLedgerAccount, account_ids, open_chart
from billing.ledger.periods import join_postings
from billing.models import JournalEntry


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


Voucher = tuple[Event, Iterable[Posting]]

#: An entry that needs an account the chart has not got is left out whole, and found missing below.
_INSERT = """
WITH event AS (
    SELECT * FROM jsonb_to_recordset(%(events)s::jsonb) AS e (
        operator_id bigint, key text, kind text, wanted date, text text, reference text, corrects_id bigint,
        currency text)
), line AS (
    SELECT l.*, a.id AS account_id FROM jsonb_to_recordset(%(lines)s::jsonb) AS l (
        position int, operator_id bigint, key text, role text, amount numeric, location_id bigint, text text)
    LEFT JOIN LATERAL (
        SELECT id FROM billing_ledgeraccount
        WHERE operator_id = l.operator_id AND roles ? l.role LIMIT 1
    ) a ON true
), entry AS (
    INSERT INTO billing_journalentry
        (operator_id, key, kind, entry_date, text, reference, corrects_id, posted_at)
    SELECT e.operator_id, e.key, e.kind,
        GREATEST(e.wanted, (
            SELECT (max(p.first_date) + interval '1 month')::date FROM billing_ledgerperiod p
            WHERE p.operator_id = e.operator_id AND p.locked_at IS NOT NULL)),
        e.text, e.reference, e.corrects_id, %(now)s
    FROM event e
    WHERE NOT EXISTS (
        SELECT FROM line WHERE line.operator_id = e.operator_id AND line.key = e.key AND account_id IS NULL)
    ORDER BY e.operator_id, e.key
    ON CONFLICT (operator_id, key) DO NOTHING
    RETURNING id, operator_id, key
), posted AS (
    INSERT INTO billing_journalline (entry_id, account_id, amount, currency, location_id, text)
    SELECT entry.id, line.account_id, line.amount, event.currency, line.location_id, line.text
    FROM entry JOIN line USING (operator_id, key) JOIN event USING (operator_id, key)
    ORDER BY entry.id, line.position
)
SELECT id FROM entry
"""


def post(event: Event, lines: Iterable[Posting]) -> JournalEntry | None:
    """The event's entry, posted now unless it was; None when nothing moved.

    Dated as the event, or on the first day that is not locked. Raises DoesNotBalance, NoLedgerAccount.
    """
    lines = list(lines)
    post_many([(event, lines)])
    if not any(line.amount for line in lines):
        return None
    return JournalEntry.objects.get(operator=event.operator_id, key=event.key)


def post_many(vouchers: Iterable[Voucher]) -> int:
    """Each event has its entry, in one statement however many they are; returns how many are new.

    Events without amounts get none, nor those that were posted before. Raises DoesNotBalance and
    NoLedgerAccount, and then none of them is posted.
    """
    moved = [voucher for voucher in map(_moved, vouchers) if voucher[1]]
    if not moved:
        return 0
    with transaction.atomic():
        join_postings({event.operator_id for event, _ in moved})
        new = _insert(moved)
        if new < len(moved):
            new += _insert_rest(moved)
    return new


def _moved(voucher: Voucher) -> tuple[Event, list[Posting]]:
    event, lines = voucher[0], [line for line in voucher[1] if line.amount]
    if sum((line.amount for line in lines), Decimal(0)):
        raise DoesNotBalance(f"{event.key}: {[(str(line.role), str(line.amount)) for line in lines]}")
    return event, lines


def _insert_rest(moved: Sequence[tuple[Event, list[Posting]]]) -> int:
    """What was left out is there already, or wants an account: a chart is opened where there is none."""
    absent = [voucher for voucher in moved if not _is_posted(voucher[0])]
    if not absent:
        return 0
    for operator_id in {event.operator_id for event, _ in absent}:
        open_chart(Organisation.objects.get(pk=operator_id))
    for event, lines in absent:
        _refuse_missing(event, lines)
    return _insert(absent)


def _is_posted(event: Event) -> bool:
    return JournalEntry.objects.filter(operator=event.operator_id, key=event.key).exists()


def _refuse_missing(event: Event, lines: list[Posting]) -> None:
    missing = sorted({str(line.role) for line in lines} - account_ids(event.operator_id).keys())
    if missing:
        raise NoLedgerAccount(f"No ledger account has the role {', '.join(missing)}")


def _insert(moved: Sequence[tuple[Event, list[Posting]]]) -> int:
    """The entries that could be inserted are; returns how many."""
    parameters: dict[str, Any] = {
        "events": json.dumps([_event_row(event) for event, _ in moved]),
        "lines": json.dumps(
            [
                _line_row(position, event, line)
                for event, lines in moved
                for position, line in enumerate(lines)
            ]
        ),
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, parameters)
        return len(cursor.fetchall())


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "operator_id": event.operator_id,
        "key": event.key,
        "kind": event.kind,
        "wanted": event.date.isoformat(),
        "text": event.text[:160],
        "reference": event.reference[:80],
        "corrects_id": event.corrects.pk if event.corrects is not None else None,
        "currency": event.currency,
    }


def _line_row(position: int, event: Event, line: Posting) -> dict[str, Any]:
    return {
        "position": position,
        "operator_id": event.operator_id,
        "key": event.key,
        "role": str(line.role),
        "amount": str(line.amount),
        "location_id": line.location_id,
        "text": line.text[:120],
    }
