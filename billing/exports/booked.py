"""Which documents belong to a period: those whose entries in the books are dated in it.

A document that comes after a month was locked is booked in the next one, so a locked month's export stays as
it was and no document is ever missing from all of them.
"""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db.models import BigIntegerField, CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Substr

from billing.exports.period import Period
from billing.models import Cdr, Invoice, JournalEntry

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def entries(period: Period) -> QuerySet[JournalEntry]:
    """The vouchers of the period."""
    return JournalEntry.objects.filter(
        operator=period.operator_id, entry_date__gte=period.start, entry_date__lt=period.end
    )


def invoices(period: Period) -> QuerySet[Invoice]:
    """The documents booked in the period, by date and number; free ones by their own date."""
    mine = Invoice.objects.filter(operator=period.operator_id)
    own = Q(invoice_date__gte=period.start, invoice_date__lt=period.end)
    if period.locked_at is not None:
        own &= Q(issued_at__lte=period.locked_at)
    found = mine.filter(Q(pk__in=_rows(period, "invoice")) | (own & ~Exists(_entry("invoice", period))))
    return found.order_by("invoice_date", "series__code", "number")


def cdrs(period: Period) -> QuerySet[Cdr]:
    """The charge detail records booked in the period, by their end; free ones by their own day."""
    mine = Cdr.objects.filter(operator=period.operator_id)
    own = Q(ended_at__gte=midnight(period.start), ended_at__lt=midnight(period.end))
    if period.locked_at is not None:
        own &= Q(rated_at__lte=period.locked_at)
    found = mine.filter(Q(pk__in=_rows(period, "cdr")) | (own & ~Exists(_entry("cdr", period))))
    return found.order_by("ended_at", "pk")


def _rows(period: Period, about: str) -> QuerySet:
    """Ids out of the keys `cdr:17` and `invoice:17` of the period's entries."""
    keys = entries(period).filter(key__regex=f"^{about}:[0-9]+$")
    return keys.values_list(Cast(Substr("key", len(about) + 2), BigIntegerField()), flat=True)


def _entry(about: str, period: Period) -> QuerySet[JournalEntry]:
    key = Concat(Value(f"{about}:"), Cast(OuterRef("pk"), CharField()))
    return JournalEntry.objects.filter(operator=period.operator_id, key=key)


def midnight(date: dt.date) -> dt.datetime:
    """The instant at which the day begins where the books are kept."""
    return dt.datetime.combine(date, dt.time(), STOCKHOLM)
