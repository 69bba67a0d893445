"""The checklist of a month: what is done, what is open, what was acknowledged, and the closing."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from billing.closing.checks import BLOCKING, ITEMS, Finding
from billing.closing.month import BookMonth
from billing.ledger import periods
from billing.models import LedgerPeriod

LONGEST_NOTE = 300


class CannotClose(ValueError):
    """The month cannot be closed, or the item not be acknowledged; the text says why."""


class State(StrEnum):
    """How an item stands."""

    DONE = "done"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist; ``count`` says how many things are left."""

    key: str
    title: str | Promise
    state: State
    is_blocking: bool
    count: int
    figures: tuple[tuple[str | Promise, Decimal | int], ...]
    acknowledged: dict[str, str]

    @property
    def hinders(self) -> bool:
        """Whether the month cannot be closed because of it."""
        return self.state is State.OPEN


def checklist(operator_id: int, *, month: dt.date) -> list[Item]:
    """Every item as it stands now, in the order a person goes through them."""
    book_month = BookMonth.of(operator_id, month)
    row = LedgerPeriod.objects.filter(operator=operator_id, first_date=book_month.start).first()
    notes = row.checklist.get("acknowledged", {}) if row else {}
    return [_item(key, title, check(book_month), notes.get(key, {})) for key, title, check in ITEMS]


def acknowledge(
    operator_id: int, *, month: dt.date, key: str, note: str, by: User, now: dt.datetime
) -> LedgerPeriod:
    """The open item no longer hinders the closing: who said so, when and why stays with the month.

    Raises CannotClose for an item that blocks, an unknown one, or without a note.
    """
    if key not in {item[0] for item in ITEMS} or key in BLOCKING:
        raise CannotClose(_("This has to be put right; a note is not enough."))
    if not note.strip():
        raise CannotClose(_("Write a note: why the month may be closed all the same."))
    with transaction.atomic():
        row = periods.period(operator_id, month=month)
        row = LedgerPeriod.objects.select_for_update().get(pk=row.pk)
        if row.locked_at is not None:
            raise CannotClose(_("The month is closed already."))
        entry = {"note": note.strip()[:LONGEST_NOTE], "by": str(by), "at": now.isoformat()}
        row.checklist = {
            **row.checklist,
            "acknowledged": {**row.checklist.get("acknowledged", {}), key: entry},
        }
        row.save(update_fields=["checklist"])
        audit.record(
            by,
            act="ledger.item_acknowledged",
            subject=f"month {row} of {row.operator}",
            details={"item": key, "note": entry["note"]},
        )
    return row


def close_month(operator_id: int, *, month: dt.date, by: User, now: dt.datetime) -> LedgerPeriod:
    """The month is locked and keeps its checklist with the figures of the moment.

    Raises CannotClose while an item hinders, and periods.CannotLock for a month that is not next in turn.
    """
    with transaction.atomic():
        periods.wait_for_postings(operator_id)
        items = checklist(operator_id, month=month)
        hindering = [str(item.title) for item in items if item.hinders]
        if hindering:
            raise CannotClose(_("Still open: %(items)s.") % {"items": ", ".join(hindering)})
        row = periods.lock_month(operator_id, month=month, by=by, now=now)
        row.checklist = {**row.checklist, "closed_with": [_as_json(item) for item in items]}
        row.save(update_fields=["checklist"])
    return row


def _item(key: str, title: str | Promise, finding: Finding, note: dict[str, str]) -> Item:
    return Item(
        key=key,
        title=title,
        state=_state(finding, acknowledged=bool(note)),
        is_blocking=key in BLOCKING,
        count=finding.count,
        figures=finding.figures,
        acknowledged=note,
    )


def _state(finding: Finding, *, acknowledged: bool) -> State:
    if not finding.count:
        return State.DONE if finding.applies else State.NOT_APPLICABLE
    return State.ACKNOWLEDGED if acknowledged else State.OPEN


def _as_json(item: Item) -> dict[str, object]:
    return {
        "key": item.key,
        "state": str(item.state),
        "count": item.count,
        "figures": [[str(what), str(value)] for what, value in item.figures],
    }
