"""Calendar months of the books: locked one after another, and with a month all that came before it."""

import datetime as dt
from collections.abc import Iterable

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from billing.models import JournalEntry, LedgerPeriod

#: Class of the advisory lock at which postings and locking meet; also in the trigger of the entries.
_LOCK_CLASS = 7311


class CannotLock(ValueError):
    """The month cannot be locked, or unlocked, now; the text says why."""


def month_of(date: dt.date) -> dt.date:
    """The first day of the date's month."""
    return date.replace(day=1)


def month_after(first_date: dt.date) -> dt.date:
    """The first day of the month that follows."""
    return (first_date.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def is_locked(operator_id: int, *, month: dt.date) -> bool:
    """Whether nothing can be posted in the month any more: it or a later one is locked."""
    return LedgerPeriod.objects.filter(
        operator=operator_id, first_date__gte=month_of(month), locked_at__isnull=False
    ).exists()


def last_locked(operator_id: int) -> LedgerPeriod | None:
    """The latest month that is locked."""
    locked = LedgerPeriod.objects.filter(operator=operator_id, locked_at__isnull=False)
    return locked.order_by("-first_date").first()


def first_open_date(operator_id: int, *, wanted: dt.date) -> dt.date:
    """The date itself, or the first day after the months that are locked."""
    last = last_locked(operator_id)
    return wanted if last is None else max(wanted, month_after(last.first_date))


def month_to_close(operator_id: int, *, today: dt.date) -> dt.date | None:
    """The month that is next to be closed: the one after the last locked, else the first with entries.

    None when it is not over yet, or nothing has been posted.
    """
    last = last_locked(operator_id)
    if last is not None:
        month = month_after(last.first_date)
    else:
        first = JournalEntry.objects.filter(operator=operator_id).order_by("entry_date").first()
        if first is None:
            return None
        month = month_of(first.entry_date)
    return month if month_after(month) <= today else None


def join_postings(operator_ids: Iterable[int]) -> None:
    """Until this transaction ends none of these operators' months is locked; waits for one that is."""
    with connection.cursor() as cursor:
        for operator_id in sorted(operator_ids):
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_LOCK_CLASS, operator_id])


def wait_for_postings(operator_id: int) -> None:
    """Until this transaction ends nothing is posted for the operator; those under way are waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, operator_id])


def period(operator_id: int, *, month: dt.date) -> LedgerPeriod:
    """The month's row, made now unless it was there."""
    return LedgerPeriod.objects.get_or_create(operator_id=operator_id, first_date=month_of(month))[0]


def lock_month(operator_id: int, *, month: dt.date, by: User | None, now: dt.datetime) -> LedgerPeriod:
    """Nothing can be posted in the month any more. Raises CannotLock for one that is not over or is locked.

    Once any has been, months are locked one after another; the first one locks all before it too.
    """
    month = month_of(month)
    with transaction.atomic():
        wait_for_postings(operator_id)
        _refuse_locking(operator_id, month=month, today=now.date())
        row = period(operator_id, month=month)
        row.locked_at, row.locked_by = now, by
        row.save(update_fields=["locked_at", "locked_by"])
        audit.record(by, act="ledger.month_locked", subject=f"month {row} of {row.operator}")
    return row


def unlock_month(
    operator_id: int, *, month: dt.date, by: User | None, reason: str, now: dt.datetime
) -> LedgerPeriod:
    """Entries can be posted in the month again. Only the last locked month, and only with a reason."""
    if not reason.strip():
        raise CannotLock(_("Say why the month is opened again."))
    with transaction.atomic():
        wait_for_postings(operator_id)
        last = last_locked(operator_id)
        if last is None or last.first_date != month_of(month):
            raise CannotLock(_("Only the last locked month can be opened again."))
        opened = {"at": now.isoformat(), "by": str(by or ""), "reason": reason.strip()[:300]}
        last.checklist = {
            **last.checklist,
            "opened_again": [*last.checklist.get("opened_again", []), opened],
        }
        last.locked_at = last.locked_by = None
        last.save(update_fields=["locked_at", "locked_by", "checklist"])
        audit.record(
            by,
            act="ledger.month_unlocked",
            subject=f"month {last} of {last.operator}",
            details={"reason": opened["reason"]},
        )
    return last


def _refuse_locking(operator_id: int, *, month: dt.date, today: dt.date) -> None:
    if today < month_after(month):
        raise CannotLock(_("The month is not over yet."))
    last = last_locked(operator_id)
    if last is not None and last.first_date >= month:
        raise CannotLock(_("The month is locked already."))
    if last is not None and month_after(last.first_date) != month:
        raise CannotLock(_("The month before has not been closed."))
