"""The load curve of a session."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sessions.models import ChargingSession, MeterSample

_READ = (
    "sampled_at", "power_w", "energy_wh", "soc_percent", "current_l1_a", "current_l2_a", "current_l3_a",
    "voltage_l1_v", "voltage_l2_v", "voltage_l3_v", "offered_a",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One instant of the curve; ``energy_wh`` is delivered since the start, None is not measured."""

    at: dt.datetime
    power_w: float | None
    energy_wh: float | None
    soc_percent: float | None
    current_l1_a: float | None
    current_l2_a: float | None
    current_l3_a: float | None
    voltage_l1_v: float | None
    voltage_l2_v: float | None
    voltage_l3_v: float | None
    offered_a: float | None


@dataclass(frozen=True, slots=True)
class LoadCurve:
    """Power and energy over the time of a session, thinned to be drawn; peak and mean of all samples."""

    points: tuple[CurvePoint, ...]
    peak_w: float | None
    mean_w: float | None


def load_curve(session: ChargingSession, *, most_points: int = 600) -> LoadCurve:
    """The session's curve; where stations send no power it is the slope of the register."""
    samples = list(
        MeterSample.objects.filter(session=session)
        .order_by("sampled_at")
        .only(*_READ, "station_id", "evse_number")
    )
    points = _points(samples, start_wh=_start_wh(session, samples))
    powers = [point.power_w for point in points if point.power_w is not None]
    return LoadCurve(
        points=tuple(_thinned(points, most_points)),
        peak_w=max(powers, default=None),
        mean_w=_mean_w(points, powers),
    )


def _start_wh(session: ChargingSession, samples: Sequence[MeterSample]) -> Decimal:
    first = next((sample.energy_wh for sample in samples if sample.energy_wh is not None), Decimal(0))
    start = session.meter_start_wh
    return first if start is None or "implausible_start_register" in session.flags else start


def _points(samples: Sequence[MeterSample], *, start_wh: Decimal) -> list[CurvePoint]:
    points: list[CurvePoint] = []
    for sample in samples:
        energy = None if sample.energy_wh is None else float(max(sample.energy_wh - start_wh, Decimal(0)))
        values = {name: getattr(sample, name) for name in _READ[3:]}
        power = sample.power_w if sample.power_w is not None else _slope_w(points, sample.sampled_at, energy)
        points.append(CurvePoint(at=sample.sampled_at, power_w=power, energy_wh=energy, **values))
    return points


def _slope_w(points: Sequence[CurvePoint], at: dt.datetime, energy_wh: float | None) -> float | None:
    if not points or energy_wh is None or points[-1].energy_wh is None:
        return None
    hours = (at - points[-1].at).total_seconds() / 3600
    return (energy_wh - points[-1].energy_wh) / hours if hours > 0 else None


def _mean_w(points: Sequence[CurvePoint], powers: Sequence[float]) -> float | None:
    """Energy over time where the register tells, else the mean of the power readings."""
    told = [point for point in points if point.energy_wh is not None]
    if len(told) > 1 and told[-1].at > told[0].at:
        hours = (told[-1].at - told[0].at).total_seconds() / 3600
        return (told[-1].energy_wh - told[0].energy_wh) / hours  # type: ignore[operator]  # filtered above
    return sum(powers) / len(powers) if powers else None


def _thinned(points: Sequence[CurvePoint], most: int) -> Sequence[CurvePoint]:
    """Evenly fewer points; the last is always kept."""
    if len(points) <= most:
        return points
    step = -(-len(points) // most)
    return [*points[:-1:step], points[-1]]
