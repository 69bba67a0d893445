"""Draws a load curve as SVG: the geometry here, the markup in templates/sessions/curve.html."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.translation import get_language

from chargeportal.common.formats import format_quantity
from sessions.curves import CurvePoint, LoadCurve

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 12, 34
_KW_STEPS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_MINUTE_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
_MOST_TIME_LABELS, _MOST_POWER_LINES = 6, 4
_FEWEST_POINTS = 2


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what stands beside it."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything the template needs; paths in the drawing's own coordinates."""

    line: str
    area: str
    power_ticks: tuple[Tick, ...]
    time_ticks: tuple[Tick, ...]
    start: dt.datetime
    end: dt.datetime
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def draw(curve: LoadCurve, *, zone: str) -> Drawing | None:
    """The curve of power over the wall clock of that zone; None while there are fewer than two readings."""
    points = [point for point in curve.points if point.power_w is not None]
    if len(points) < _FEWEST_POINTS or points[0].at == points[-1].at:
        return None
    step_kw = _power_step(max(point.power_w or 0 for point in points) / 1000)
    top_kw = step_kw * max(1, math.ceil(max(point.power_w or 0 for point in points) / 1000 / step_kw))
    marks = [(_x(point.at, points), _y((point.power_w or 0) / 1000, top_kw)) for point in points]
    line = " ".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(marks))
    ground = HEIGHT - BOTTOM
    return Drawing(
        line=line,
        area=f"{line} L{marks[-1][0]:.1f} {ground} L{marks[0][0]:.1f} {ground} Z",
        power_ticks=tuple(
            Tick(round(_y(n * step_kw, top_kw), 1), _number(n * step_kw))
            for n in range(round(top_kw / step_kw) + 1)
        ),
        time_ticks=tuple(_time_ticks(points, ZoneInfo(zone))),
        start=points[0].at,
        end=points[-1].at,
    )


def _number(power_kw: float) -> str:
    return format_quantity(Decimal(str(power_kw)), get_language() or "en", most_digits=1)


def _power_step(peak_kw: float) -> float:
    """The smallest step that needs at most four lines."""
    return next((step for step in _KW_STEPS if peak_kw / step <= _MOST_POWER_LINES), _KW_STEPS[-1])


def _x(at: dt.datetime, points: Sequence[CurvePoint]) -> float:
    share = (at - points[0].at) / (points[-1].at - points[0].at)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(power_kw: float, top_kw: float) -> float:
    return HEIGHT - BOTTOM - max(power_kw, 0) / top_kw * (HEIGHT - TOP - BOTTOM)


def _time_ticks(points: Sequence[CurvePoint], zone: ZoneInfo) -> list[Tick]:
    """Round times of day on the wall clock, at most six, none at the very edge."""
    span_min = (points[-1].at - points[0].at).total_seconds() / 60
    step_min = next(
        (step for step in _MINUTE_STEPS if span_min / step <= _MOST_TIME_LABELS), _MINUTE_STEPS[-1]
    )
    first = points[0].at.astimezone(zone)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    minute = math.ceil((first - midnight).total_seconds() / 60 / step_min) * step_min
    ticks = []
    while (at := (midnight + dt.timedelta(minutes=minute))).timestamp() <= points[-1].at.timestamp():
        x = _x(at, points)
        if LEFT + 14 <= x <= WIDTH - RIGHT - 14:
            ticks.append(Tick(round(x, 1), f"{at:%H:%M}"))
        minute += step_min
    return ticks
