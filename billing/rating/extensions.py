"""What our tariffs have beyond OCPI, as keys of the tariff object that begin with `x_`.

| key | meaning |
|---|---|
| `x_idle_grace_s` | the first so many seconds of parking in a session are free |
| `x_dynamic` | the price of energy follows the day-ahead market, see `DynamicPrice` |
| `x_incentives` | a discount on energy in certain local hours, see `Incentive` |
| `x_day_cap` | `incl`: the most a driver pays in one local day after tax; `paid`: what was paid already |

Prices of `x_dynamic` are before tax; what is taken off by `per_kwh` is in the tax form of the tariff.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from billing.rating import reading
from billing.rating.reading import InvalidTariff, at
from billing.rating.restrictions import Restrictions, read_restrictions

_ON_THE_CLOCK = {"start_time", "end_time", "start_date", "end_date", "day_of_week"}


@dataclass(frozen=True, slots=True)
class SpotPeriod:
    """The day-ahead price of one market period, before tax and for a kWh; it may be negative."""

    start: datetime
    end: datetime
    price: Decimal


@dataclass(frozen=True, slots=True)
class DynamicPrice:
    """Energy costs (spot x (1 + add_rate) + add_per_kwh), never below `floor`, never above `cap`.

    Where `prices` has nothing for an instant it costs `fallback`. All prices are before tax, for a kWh.
    `prices` are in order and do not overlap.
    """

    area: str
    add_rate: Decimal
    add_per_kwh: Decimal
    floor: Decimal
    cap: Decimal | None
    fallback: Decimal
    prices: tuple[SpotPeriod, ...]


@dataclass(frozen=True, slots=True)
class Incentive:
    """A discount on energy while the wall clock is within `hours`: a share of the price, or so much a kWh."""

    name: str
    hours: Restrictions
    rate: Decimal | None
    per_kwh: Decimal | None


@dataclass(frozen=True, slots=True)
class DayCap:
    """The most a driver pays in a day after tax, and what other sessions of the day have cost already."""

    incl: Decimal
    paid: Decimal


def read_dynamic(source: Any, path: str) -> DynamicPrice | None:
    """Return the dynamic price; raise InvalidTariff where a price is missing or periods overlap."""
    if source is None:
        return None
    given = reading.mapping(source, path)
    floor = reading.non_negative(given.get("floor") or 0, f"{path}.floor")
    cap = given.get("cap")
    dynamic = DynamicPrice(
        area=str(given.get("area") or ""),
        add_rate=reading.number(given.get("add_percent") or 0, f"{path}.add_percent") / 100,
        add_per_kwh=reading.number(given.get("add_per_kwh") or 0, f"{path}.add_per_kwh"),
        floor=floor,
        cap=None if cap is None else reading.non_negative(cap, f"{path}.cap"),
        fallback=reading.non_negative(given.get("fallback_per_kwh"), f"{path}.fallback_per_kwh"),
        prices=_spot_periods(given.get("prices") or [], f"{path}.prices"),
    )
    if dynamic.cap is not None and dynamic.cap < floor:
        raise InvalidTariff(f"{path}.cap: must not be below the floor")
    return dynamic


def read_incentives(source: Any, path: str) -> tuple[Incentive, ...]:
    """Return the incentives in order; each has a percentage or an amount, and restrictions on time only."""
    if not source:
        return ()
    return tuple(
        _incentive(reading.mapping(item, at(path, index)), at(path, index))
        for index, item in enumerate(reading.sequence(source, path))
    )


def read_day_cap(source: Any, path: str) -> DayCap | None:
    """Return the cap of the day."""
    if source is None:
        return None
    given = reading.mapping(source, path)
    return DayCap(
        incl=reading.non_negative(given.get("incl"), f"{path}.incl"),
        paid=reading.non_negative(given.get("paid") or 0, f"{path}.paid"),
    )


def _spot_periods(source: Any, path: str) -> tuple[SpotPeriod, ...]:
    if not isinstance(source, list | tuple):
        raise InvalidTariff(f"{path}: a list is needed")
    periods = [_spot_period(item, at(path, index)) for index, item in enumerate(source)]
    for index, (earlier, later) in enumerate(pairwise(periods), start=1):
        if later.start < earlier.end:
            raise InvalidTariff(f"{at(path, index)}: begins before the one before it ends")
    return tuple(periods)


def _spot_period(source: Any, path: str) -> SpotPeriod:
    given = reading.mapping(source, path)
    period = SpotPeriod(
        start=_instant(given.get("start"), f"{path}.start"),
        end=_instant(given.get("end"), f"{path}.end"),
        price=reading.number(given.get("price"), f"{path}.price"),
    )
    if period.end <= period.start:
        raise InvalidTariff(f"{path}.end: must be after the start")
    return period


def _instant(value: Any, path: str) -> datetime:
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidTariff(f"{path}: an instant with its offset from UTC is needed")
    return instant.astimezone(UTC)


def _incentive(source: Mapping[str, Any], path: str) -> Incentive:
    percent, per_kwh = source.get("percent"), source.get("per_kwh")
    if (percent is None) == (per_kwh is None):
        raise InvalidTariff(f"{path}: either percent or per_kwh is needed")
    restrictions = reading.mapping(source.get("restrictions") or {}, f"{path}.restrictions")
    for name in restrictions:
        if name not in _ON_THE_CLOCK:
            raise InvalidTariff(f"{path}.restrictions.{name}: only times and dates restrict a discount")
    rate = None if percent is None else reading.percent(percent, f"{path}.percent")
    if rate is not None and rate > 1:
        raise InvalidTariff(f"{path}.percent: at most 100")
    return Incentive(
        name=str(source.get("name") or ""),
        hours=read_restrictions(restrictions, f"{path}.restrictions"),
        rate=rate,
        per_kwh=None if per_kwh is None else reading.non_negative(per_kwh, f"{path}.per_kwh"),
    )
