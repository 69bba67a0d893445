"""Draws power and energy over the time of a session: the geometry here, the markup in the template."""

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import get_language

from chargeportal.common.formats import format_quantity
from sessions.curves import CurvePoint, LoadCurve

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 44, 14, 30
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25, 50, 100, 200, 500)
_MINUTE_S = 60
_TIME_STEPS_S = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
FEWEST_POINTS = 2
_MOST_LINES = 5
_MOST_TIME_LABELS = 6


Span = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what stands beside it."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A reading that the pointer can find on the drawing."""

    x: float
    power_y: float | None
    energy_y: float | None
    point: CurvePoint


@dataclass(frozen=True, slots=True)
class LoadChart:
    """Everything the template needs, in the drawing's own coordinates."""

    power_line: str
    power_area: str
    energy_line: str
    power_ticks: tuple[Tick, ...]
    energy_ticks: tuple[Tick, ...]
    time_ticks: tuple[Tick, ...]
    spots: tuple[Spot, ...]
    start: dt.datetime
    end: dt.datetime
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    ground: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class _Axis:
    """A scale of round steps from zero."""

    step: float
    top: float

    def y(self, value: float) -> float:
        share = min(max(value / self.top, 0), 1)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def ticks(self) -> tuple[Tick, ...]:
        return tuple(
            Tick(self.y(n * self.step), _number(n * self.step))
            for n in range(round(self.top / self.step) + 1)
        )


def draw(curve: LoadCurve, *, zone: str, ended_at: dt.datetime | None = None) -> LoadChart | None:
    """The chart over the wall clock of that zone; None while there are fewer than two readings.

    It goes on to the end of a session that outlasted its readings, so that parking is seen.
    """
    points = curve.points
    if len(points) < FEWEST_POINTS or points[0].at == points[-1].at:
        return None
    span = (points[0].at, max(points[-1].at, ended_at or points[-1].at))
    power = _axis(max(((p.power_w or 0) / 1000 for p in points), default=0))
    energy = _axis(max(((p.energy_wh or 0) / 1000 for p in points), default=0))
    spots = tuple(
        Spot(
            x=_x(point.at, span),
            power_y=None if point.power_w is None else power.y(point.power_w / 1000),
            energy_y=None if point.energy_wh is None else energy.y(point.energy_wh / 1000),
            point=point,
        )
        for point in points
    )
    power_line = _path(spots, lambda spot: spot.power_y)
    return LoadChart(
        power_line=power_line,
        power_area=_area(spots, power_line),
        energy_line=_path(spots, lambda spot: spot.energy_y),
        power_ticks=power.ticks(),
        energy_ticks=energy.ticks(),
        time_ticks=tuple(_time_ticks(span, ZoneInfo(zone) if zone else timezone.get_current_timezone())),
        spots=spots,
        start=span[0],
        end=span[1],
    )


def _axis(peak: float) -> _Axis:
    """The finest scale with at most five lines that holds the peak."""
    step = next((step for step in _STEPS if peak / step <= _MOST_LINES), _STEPS[-1])
    return _Axis(step=step, top=step * max(1, math.ceil(round(peak / step, 6))))


def _x(at: dt.datetime, span: Span) -> float:
    share = (at - span[0]) / (span[1] - span[0])
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _path(spots: Sequence[Spot], y: Callable[[Spot], float | None]) -> str:
    marks = [(spot.x, y(spot)) for spot in spots if y(spot) is not None]
    return " ".join(f"{'L' if n else 'M'}{x} {height}" for n, (x, height) in enumerate(marks))


def _area(spots: Sequence[Spot], line: str) -> str:
    told = [spot for spot in spots if spot.power_y is not None]
    if not told:
        return ""
    ground = HEIGHT - BOTTOM
    return f"{line} L{told[-1].x} {ground} L{told[0].x} {ground} Z"


def _time_ticks(span: Span, zone: dt.tzinfo) -> list[Tick]:
    """Round times of day on the wall clock; steps are taken in UTC, so clock changes shift no mark."""
    span_s = (span[1] - span[0]).total_seconds()
    step_s = next((step for step in _TIME_STEPS_S if span_s / step <= _MOST_TIME_LABELS), _TIME_STEPS_S[-1])
    first = span[0].astimezone(zone)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    steps = math.ceil((first - midnight).total_seconds() / step_s)
    at = (midnight + dt.timedelta(seconds=steps * step_s)).astimezone(dt.UTC)
    ticks = []
    while at <= span[1]:
        x = _x(at, span)
        if LEFT + 16 <= x <= WIDTH - RIGHT - 16:
            wall = at.astimezone(zone)
            ticks.append(Tick(x, f"{wall:%H:%M}" if step_s >= _MINUTE_S else f"{wall:%H:%M:%S}"))
        at += dt.timedelta(seconds=step_s)
    return ticks


def _number(value: float) -> str:
    return format_quantity(Decimal(str(round(value, 3))), get_language() or "en", most_digits=1)
