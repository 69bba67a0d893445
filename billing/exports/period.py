"""The days an export is about, and whether they are locked: then nothing in it can change any more."""

import datetime as dt
from dataclasses import dataclass

from billing.ledger.periods import month_of
from billing.ledger.postings import local_date
from billing.models import Export, LedgerPeriod


@dataclass(frozen=True, slots=True)
class Period:
    """The days [start, end) of an operator's books. ``locked_at`` is None while any of them is open."""

    operator_id: int
    start: dt.date
    end: dt.date
    locked_at: dt.datetime | None
    made_at: dt.datetime

    @property
    def stamp_date(self) -> dt.date:
        """The day that files state as theirs: that of the lock, else today."""
        return local_date(self.locked_at or self.made_at)

    @property
    def last_date(self) -> dt.date:
        """The last day of it."""
        return self.end - dt.timedelta(days=1)

    @property
    def name(self) -> str:
        """How files are named after it: `2026-10`, or `2026-10-05_2026-10-11`."""
        next_month = (self.start.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        if self.start.day == 1 and self.end == next_month:
            return f"{self.start:%Y-%m}"
        return f"{self.start}" if self.last_date == self.start else f"{self.start}_{self.last_date}"


def period_of(export: Export, *, now: dt.datetime) -> Period:
    """The export's days, with the lock that covers all of them."""
    last_month = month_of(export.period_end - dt.timedelta(days=1))
    lock = (
        LedgerPeriod.objects.filter(
            operator=export.operator_id, first_date__gte=last_month, locked_at__isnull=False
        )
        .order_by("first_date")
        .values_list("locked_at", flat=True)
        .first()
    )
    return Period(export.operator_id, export.period_start, export.period_end, lock, now)
