"""The steps of a case and when they come, as the operator has set them."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings

from billing.models import DunningAct, DunningCase, DunningPolicy, Invoice

Kind = DunningAct.Kind

#: Steps are taken in the morning, when somebody can be asked about them.
AT = dt.time(8)


@dataclass(frozen=True, slots=True)
class Step:
    """What is done, and how many days after the due date (after the day a card was declined)."""

    kind: str
    days: int
    has_fee: bool = False


def policy_of(operator_id: int) -> DunningPolicy:
    """The operator's policy; the usual one, not stored, until it has set its own."""
    found = DunningPolicy.objects.filter(operator=operator_id).first()
    return found or DunningPolicy(operator_id=operator_id)


def is_by_card(invoice: Invoice) -> bool:
    """Whether a card is tried for the document: receipts of sessions are paid at once."""
    return invoice.kind == Invoice.Kind.RECEIPT


def ladder(policy: DunningPolicy, *, by_card: bool) -> tuple[Step, ...]:
    """The steps in the order they come."""
    if by_card:
        first = [Step(Kind.REMINDER, 0), *(Step(Kind.RETRY, int(days)) for days in policy.retry_days)]
    else:
        first = _steps((Kind.REMINDER, policy.reminder_days))
        second = policy.second_reminder_days
        first += [] if second is None else [Step(Kind.REMINDER, second, has_fee=policy.reminder_fee > 0)]
    last = _steps((Kind.BLOCK, policy.block_days), (Kind.COLLECTION, policy.collection_days))
    return tuple(sorted([*first, *last], key=lambda step: step.days))


def anchor_of(case: DunningCase) -> dt.date:
    """The day from which the steps of the case count."""
    return _local(case.opened_at) if is_by_card(case.invoice) else case.invoice.due_date


def due_at(anchor: dt.date, step: Step, *, before: Step | None, now: dt.datetime) -> dt.datetime:
    """When the step comes. What was late keeps its distance, so that nobody gets all steps at once."""
    if not step.days and before is None:
        return now
    planned = _morning(anchor + dt.timedelta(days=step.days))
    if before is None:
        return planned
    kept = _morning(_local(now) + dt.timedelta(days=max(1, step.days - before.days)))
    return max(planned, kept)


def _steps(*wanted: tuple[str, int | None]) -> list[Step]:
    return [Step(kind, days) for kind, days in wanted if days is not None]


def _local(at: dt.datetime) -> dt.date:
    return at.astimezone(ZoneInfo(settings.TIME_ZONE)).date()


def _morning(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, AT, tzinfo=ZoneInfo(settings.TIME_ZONE))
