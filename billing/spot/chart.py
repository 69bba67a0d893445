"""Draws the day-ahead prices of today and tomorrow: the geometry here, the markup in the template."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import get_language

from billing.models import BiddingArea, SpotPrice
from billing.spot.fetching import areas, market_day
from billing.spot.market import MarketPrice, prices_between
from chargeportal.common.formats import format_quantity

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 28
_STEPS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
_MOST_LINES = 5
_HOURS_A_TICK = 6


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what stands beside it."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A price that the pointer can find on the drawing."""

    x: float
    y: float
    price: MarketPrice


@dataclass(frozen=True, slots=True)
class PriceChart:
    """Everything the template needs, in the drawing's own coordinates; no line while there is no price."""

    area: str
    name: str
    currency: str
    line: str
    zero: float
    price_ticks: tuple[Tick, ...]
    time_ticks: tuple[Tick, ...]
    spots: tuple[Spot, ...]
    now_x: float | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    ground: int = HEIGHT - BOTTOM

    @property
    def lowest(self) -> Decimal:
        """The lowest price drawn."""
        return min(spot.price.price for spot in self.spots)

    @property
    def highest(self) -> Decimal:
        """The highest price drawn."""
        return max(spot.price.price for spot in self.spots)


def charts(*, now: dt.datetime) -> list[PriceChart]:
    """A chart for each area that is followed or has prices of these two days."""
    zone = ZoneInfo(settings.SPOT_PRICE_TIME_ZONE)
    today = now.astimezone(zone).date()
    start, end = market_day(today)[0], market_day(today + dt.timedelta(days=1))[1]
    currency = settings.SPOT_PRICE_CURRENCY
    there = SpotPrice.objects.filter(currency=currency, starts_at__lt=end, ends_at__gt=start)
    shown = sorted({*areas(), *there.order_by().values_list("area", flat=True).distinct()})
    return [
        _draw(area, prices_between(start, end, area=area, currency=currency), span=(start, end), now=now)
        for area in shown
    ]


def _draw(
    area: str, prices: list[MarketPrice], *, span: tuple[dt.datetime, dt.datetime], now: dt.datetime
) -> PriceChart:
    values = [float(price.price) for price in prices]
    low, high, step = _scale(min([0.0, *values]), max([0.0, *values]))

    def y(value: float) -> float:
        share = (value - low) / (high - low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    count = round((high - low) / step) + 1
    levels = (low + n * step for n in range(count))
    return PriceChart(
        area=area,
        name=str(dict(BiddingArea.choices).get(area, area)),
        currency=settings.SPOT_PRICE_CURRENCY,
        line=" ".join(
            f"{'L' if n and prices[n - 1].end == price.start else 'M'}{_x(price.start, span)} "
            f"{y(float(price.price))} H{_x(price.end, span)}"
            for n, price in enumerate(prices)
        ),
        zero=y(0.0),
        price_ticks=tuple(Tick(y(level), _number(level)) for level in levels),
        time_ticks=tuple(_time_ticks(span)),
        spots=tuple(
            Spot(_x(price.start + (price.end - price.start) / 2, span), y(float(price.price)), price)
            for price in prices
        ),
        now_x=_x(now, span) if span[0] <= now < span[1] else None,
    )


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Round bounds around the prices, and the step between the lines."""
    step = next((step for step in _STEPS if (high - low) / step <= _MOST_LINES), _STEPS[-1])
    bottom, top = step * math.floor(round(low / step, 6)), step * math.ceil(round(high / step, 6))
    return bottom, max(top, bottom + step), step


def _x(at: dt.datetime, span: tuple[dt.datetime, dt.datetime]) -> float:
    return round(LEFT + (at - span[0]) / (span[1] - span[0]) * (WIDTH - LEFT - RIGHT), 1)


def _time_ticks(span: tuple[dt.datetime, dt.datetime]) -> Iterator[Tick]:
    """Every six hours of the market's wall clock; midnights carry the day."""
    zone = ZoneInfo(settings.SPOT_PRICE_TIME_ZONE)
    at = span[0]
    while at < span[1]:
        wall = at.astimezone(zone)
        if wall.hour % _HOURS_A_TICK == 0:
            yield Tick(_x(at, span), f"{wall:%m-%d}" if wall.hour == 0 else f"{wall:%H}")
        at += dt.timedelta(hours=1)


def _number(value: float) -> str:
    return format_quantity(Decimal(str(round(value, 3))), get_language() or "en", most_digits=2)
