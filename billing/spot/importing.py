"""Day-ahead prices are stored once for each area, currency and beginning, however often they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from billing.models import SpotPrice
from billing.spot.reading import Reading, Refused, Told, Wanted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the rows of an import."""

    added: int
    changed: int
    same: int
    refused: tuple[Refused, ...]


def wanted(*, area: str = "") -> Wanted:
    """In what prices are wanted here."""
    rate = settings.SPOT_PRICE_EXCHANGE
    return Wanted(settings.SPOT_PRICE_CURRENCY, area, Decimal(rate) if rate else None)


def store(reading: Reading, *, source: str, now: dt.datetime) -> Outcome:
    """Every price told is stored, the last one where a beginning was told twice."""
    currency = settings.SPOT_PRICE_CURRENCY
    latest = {(told.area, told.start): told for told in reading.told}
    with transaction.atomic():
        known = _known(latest.values(), currency=currency)
        changed = {
            key for key, told in latest.items() if key in known and known[key] != (told.end, told.price)
        }
        added = latest.keys() - known.keys()
        SpotPrice.objects.bulk_create(
            (
                SpotPrice(
                    area=told.area,
                    currency=currency,
                    starts_at=told.start,
                    ends_at=told.end,
                    price_per_kwh=told.price,
                    source=source[:80],
                    imported_at=now,
                )
                for key, told in sorted(latest.items())
                if key in changed or key in added
            ),
            update_conflicts=True,
            unique_fields=["area", "currency", "starts_at"],
            update_fields=["ends_at", "price_per_kwh", "source", "imported_at"],
        )
    same = len(latest) - len(added) - len(changed)
    return Outcome(len(added), len(changed), same, tuple(reading.refused))


def _known(
    told: Iterable[Told], *, currency: str
) -> dict[tuple[str, dt.datetime], tuple[dt.datetime, Decimal]]:
    starts = {each.start for each in told}
    if not starts:
        return {}
    rows = SpotPrice.objects.filter(
        currency=currency, starts_at__gte=min(starts), starts_at__lte=max(starts)
    ).values_list("area", "starts_at", "ends_at", "price_per_kwh")
    return {(area, start): (end, price) for area, start, end, price in rows}
