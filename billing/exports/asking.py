"""Asks for exports: now by a person, or by a schedule."""

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Organisation, User
from billing.events import ExportAsked
from billing.exports.kinds import MAKERS, refuse_parameters
from billing.exports.refusals import ExportRefused
from billing.models import Export, ExportSchedule
from chargeportal.common.events import publish

LONGEST_DAYS = 3 * 366


def ask(
    operator: Organisation,
    *,
    kind: str,
    days: tuple[dt.date, dt.date],
    by: User | None,
    now: dt.datetime,
    parameters: dict[str, Any] | None = None,
    schedule: ExportSchedule | None = None,
) -> Export:
    """The export waits to be made in the background; ``days`` is half-open.

    Raises: ExportRefused with the reason in plain words.
    """
    start, end = days
    chosen = {name: value for name, value in (parameters or {}).items() if value != ""}
    _refuse(kind, start=start, end=end, parameters=chosen)
    with transaction.atomic():
        export = Export.objects.create(
            operator=operator, kind=kind, period_start=start, period_end=end, parameters=chosen,
            requested_by=by, requested_at=now, schedule=schedule,
        )  # fmt: skip
        audit.record(
            by,
            act="export.asked",
            subject=f"export {export.public_id}",
            details={"kind": kind, "from": str(start), "before": str(end), "operator": operator.name},
        )
        publish(ExportAsked(export.pk))
    return export


def ask_again(export: Export, *, by: User | None, now: dt.datetime) -> bool:
    """A failed export waits to be made once more; False when it has not failed."""
    with transaction.atomic():
        changed = Export.objects.filter(pk=export.pk, state=Export.State.FAILED).update(
            state=Export.State.WAITING, error="", attempts=0, done_rows=0, requested_at=now, finished_at=None
        )
        if changed:
            audit.record(by, act="export.asked_again", subject=f"export {export.public_id}")
            publish(ExportAsked(export.pk))
    return bool(changed)


def _refuse(kind: str, *, start: dt.date, end: dt.date, parameters: dict[str, Any]) -> None:
    if kind not in MAKERS:
        raise ExportRefused(_("There is no such export."))
    if end <= start:
        raise ExportRefused(_("The period ends before it begins."))
    if (end - start).days > LONGEST_DAYS:
        raise ExportRefused(_("The period is longer than three years."))
    refuse_parameters(kind, parameters)
