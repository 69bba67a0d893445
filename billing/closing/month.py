"""A month of an operator's books, as days and as instants."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from accounts import access
from billing.ledger.periods import month_after, month_of


@dataclass(frozen=True, slots=True)
class BookMonth:
    """Half-open: ``end`` is the first day of the next month."""

    operator_id: int
    start: dt.date

    @classmethod
    def of(cls, operator_id: int, date: dt.date) -> "BookMonth":
        """The month a day is in."""
        return cls(operator_id, month_of(date))

    @property
    def end(self) -> dt.date:
        """The day after the last."""
        return month_after(self.start)

    @property
    def starts_at(self) -> dt.datetime:
        """Its first instant where the books are kept."""
        return self._midnight(self.start)

    @property
    def ends_at(self) -> dt.datetime:
        """The first instant after it."""
        return self._midnight(self.end)

    def of_operator(self, path: str) -> Q:
        """Rows whose station, found by ``path``, sells for the operator: its own, and what is nobody's."""
        mine = Q(**{f"{path}__location__operator": self.operator_id})
        if access.sole_operator_id() == self.operator_id:
            mine |= Q(**{f"{path}__location": None})
        return mine

    @staticmethod
    def _midnight(day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(), tzinfo=ZoneInfo(settings.TIME_ZONE))
