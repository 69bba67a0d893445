"""What was earned by day, place, tariff and way of paying."""

from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate

from billing.exports import booked
from billing.exports.booked import STOCKHOLM
from billing.exports.period import Period
from billing.exports.sheets import Table

_COLUMNS = (
    "date", "location", "tariff", "payment_kind", "price_group", "currency", "sessions", "energy_kwh", "net",
    "vat", "gross",
)  # fmt: skip


def revenue(period: Period) -> Table:
    """A row for each day, place, tariff, group and way of paying; a credited session counts as none."""
    found = list(
        booked.cdrs(period)
        .annotate(day=TruncDate("ended_at", tzinfo=STOCKHOLM))
        .order_by()
        .values(
            "day",
            "payment_kind",
            "currency",
            place=F("session__station__location__name"),
            tariff_name=F("tariff__name"),
            group=F("price_group__name"),
        )
        .annotate(
            charges=Count("pk", filter=Q(credits__isnull=True)),
            credited=Count("pk", filter=Q(credits__isnull=False)),
            energy=Sum("energy_wh"),
            net=Sum("total_excl_vat"),
            tax=Sum("total_vat"),
            gross=Sum("total_incl_vat"),
        )
    )
    rows = sorted((_row(each) for each in found), key=lambda row: tuple(str(value) for value in row[:6]))
    return Table(_COLUMNS, rows, len(rows))


def _row(each: Any) -> tuple[Any, ...]:
    return (
        each["day"], each["place"] or "", each["tariff_name"] or "", each["payment_kind"],
        each["group"] or "", each["currency"], each["charges"] - each["credited"],
        (each["energy"] / 1000).quantize(Decimal("0.001")), each["net"], each["tax"], each["gross"],
    )  # fmt: skip
