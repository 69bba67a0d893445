"""Which day-ahead prices held in a span of time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.models import SpotPrice


@dataclass(frozen=True, slots=True)
class MarketPrice:
    """The price of a kWh, without VAT, in a half-open stretch of time; `source` says who told it."""

    start: dt.datetime
    end: dt.datetime
    price: Decimal
    source: str = ""

    def as_evidence(self) -> dict[str, str]:
        """The price as it is kept with a CDR; the rating engine reads it as it is."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "price": str(self.price),
            "source": self.source,
        }


def prices_between(start: dt.datetime, end: dt.datetime, *, area: str, currency: str) -> list[MarketPrice]:
    """The prices that hold in [start, end), in order.

    They never overlap: where an hour was told and then its quarters, each ends where the next begins.
    """
    rows = SpotPrice.objects.filter(area=area, currency=currency, starts_at__lt=end, ends_at__gt=start)
    return without_overlap(
        MarketPrice(row.starts_at, row.ends_at, row.price_per_kwh, row.source)
        for row in rows.order_by("starts_at")
    )


def without_overlap(prices: Iterable[MarketPrice]) -> list[MarketPrice]:
    """The prices, each at most until the next one begins."""
    ordered = list(prices)
    following = [*(price.start for price in ordered[1:]), None] if ordered else []
    return [
        MarketPrice(price.start, min(price.end, until) if until else price.end, price.price, price.source)
        for price, until in zip(ordered, following, strict=True)
    ]


def from_evidence(kept: Iterable[dict[str, Any]]) -> list[MarketPrice]:
    """The prices as they were kept with a CDR."""
    return [
        MarketPrice(
            dt.datetime.fromisoformat(each["start"]),
            dt.datetime.fromisoformat(each["end"]),
            Decimal(each["price"]),
            each.get("source", ""),
        )
        for each in kept
    ]
