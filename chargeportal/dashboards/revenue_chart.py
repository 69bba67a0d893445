"""Draws revenue over time and by a dimension: the geometry here, the markup in the template."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils import formats as django_formats
from django.utils.translation import get_language

from billing.revenue import periods
from billing.revenue.figures import Figures, Revenue, Row
from chargeportal.common.formats import format_quantity

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 72, 10, 14, 36
_MOST_LINES = 5
_MOST_LABELS = 8
_NARROWEST = 0.5


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on an axis: where, and what stands beside it."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """One hour, day or month: the bars of the net amount and of the known costs, from the ground."""

    begin: dt.datetime
    label: str
    figures: Figures
    x: float
    width: float
    net_y: float
    net_height: float
    cost_y: float
    cost_height: float


@dataclass(frozen=True, slots=True)
class RevenueChart:
    """Everything the template needs, in the drawing's own coordinates."""

    columns: tuple[Column, ...]
    ticks: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    ground: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Bar:
    """One value of a dimension as a bar: percentages of the longest one."""

    row: Row
    net_percent: float
    cost_percent: float


def draw(revenue: Revenue) -> RevenueChart | None:
    """The chart over time; None when nothing was earned and nothing spent."""
    begins = periods.buckets(revenue.period)
    figures = [revenue.over_time.get(begin, Figures()) for begin in begins]
    amounts = [amount for each in figures for amount in (each.net, each.costs)]
    if not any(amounts):
        return None
    step, low, high = _scale(float(min(*amounts, Decimal(0))), float(max(*amounts, Decimal(0))))
    slot = (WIDTH - LEFT - RIGHT) / len(begins)
    columns = tuple(
        _column(begin, each, place=place, slot=slot, bounds=(low, high), bucket=revenue.period.bucket)
        for place, (begin, each) in enumerate(zip(begins, figures, strict=True))
    )
    lines = [low + n * step for n in range(round((high - low) / step) + 1)]
    every = math.ceil(len(columns) / _MOST_LABELS)
    return RevenueChart(
        columns=columns,
        ticks=tuple(Mark(_y(line, low, high), _number(line)) for line in lines),
        labels=tuple(Mark(round(each.x + each.width, 1), each.label) for each in columns[::every]),
        ground=_y(0, low, high),
    )


def bars(rows: Sequence[Row], *, most: int = 8) -> list[Bar]:
    """The rows that earn most, to one scale."""
    shown = list(rows)[:most]
    longest = max((max(row.figures.net, row.figures.costs) for row in shown), default=Decimal(0))
    if longest <= 0:
        return []
    return [
        Bar(row, _percent(row.figures.net, longest), _percent(row.figures.costs, longest)) for row in shown
    ]


def _column(
    begin: dt.datetime,
    figures: Figures,
    *,
    place: int,
    slot: float,
    bounds: tuple[float, float],
    bucket: str,
) -> Column:
    ground = _y(0, *bounds)
    net, cost = _y(float(figures.net), *bounds), _y(float(figures.costs), *bounds)
    return Column(
        begin=begin,
        label=_label(begin, bucket),
        figures=figures,
        x=round(LEFT + slot * (place + 0.14), 2),
        width=round(slot * 0.36, 2),
        net_y=min(net, ground),
        net_height=_height(net, ground, figures.net),
        cost_y=min(cost, ground),
        cost_height=_height(cost, ground, figures.costs),
    )


def _height(y: float, ground: float, amount: Decimal) -> float:
    return max(round(abs(ground - y), 1), _NARROWEST) if amount else 0


def _scale(lowest: float, highest: float) -> tuple[float, float, float]:
    """A round step, and round bounds around nought that hold both ends."""
    rough = (highest - lowest) / _MOST_LINES
    magnitude = 10 ** math.floor(math.log10(rough))
    step = next(each * magnitude for each in (1, 2, 2.5, 5, 10) if each * magnitude >= rough)
    return step, math.floor(lowest / step) * step, math.ceil(highest / step) * step


def _y(amount: float, low: float, high: float) -> float:
    return round(HEIGHT - BOTTOM - (amount - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)


def _label(begin: dt.datetime, bucket: str) -> str:
    if bucket == "hour":
        return f"{begin:%H}"
    if bucket == "day":
        return f"{begin.day}/{begin.month}"
    return django_formats.date_format(begin, "M")


def _percent(amount: Decimal, longest: Decimal) -> float:
    return round(max(float(amount / longest * 100), 0), 1)


def _number(value: float) -> str:
    return format_quantity(Decimal(str(round(value, 2))), get_language() or "en", most_digits=2)
