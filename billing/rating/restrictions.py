"""When a price holds: the restrictions of an OCPI tariff element, read and asked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

from billing.rating import reading
from billing.rating.reading import InvalidTariff

MIDNIGHT = time(0)


class ReservationRestriction(StrEnum):
    """The kind of reservation cost an element is for."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element is active. All given fields must match; minima include, maxima exclude their value.

    Times and dates are the wall clock of the location. `weekdays` holds Monday as 0; empty means all.
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    weekdays: frozenset[int] = frozenset()
    min_energy_wh: Decimal | None = None
    max_energy_wh: Decimal | None = None
    min_current_a: Decimal | None = None
    max_current_a: Decimal | None = None
    min_power_w: Decimal | None = None
    max_power_w: Decimal | None = None
    min_duration_s: Decimal | None = None
    max_duration_s: Decimal | None = None
    reservation: ReservationRestriction | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) not in (None, frozenset()) for field in fields(self))


_RESTRICTION_READERS = {
    "start_time": ("start_time", reading.time_of_day),
    "end_time": ("end_time", reading.time_of_day),
    "start_date": ("start_date", reading.date_value),
    "end_date": ("end_date", reading.date_value),
    "day_of_week": ("weekdays", reading.weekdays),
    "min_kwh": ("min_energy_wh", reading.thousands),
    "max_kwh": ("max_energy_wh", reading.thousands),
    "min_current": ("min_current_a", reading.non_negative),
    "max_current": ("max_current_a", reading.non_negative),
    "min_power": ("min_power_w", reading.thousands),
    "max_power": ("max_power_w", reading.thousands),
    "min_duration": ("min_duration_s", reading.non_negative),
    "max_duration": ("max_duration_s", reading.non_negative),
    "reservation": ("reservation", reading.choice(ReservationRestriction)),
}


def read_restrictions(source: Any, path: str) -> Restrictions:
    """Return the restrictions; raise InvalidTariff for one that is not known."""
    values: dict[str, Any] = {}
    for name, value in reading.mapping(source or {}, path).items():
        if value is None:
            continue
        if name not in _RESTRICTION_READERS:
            raise InvalidTariff(f"{path}.{name}: an unknown restriction cannot be priced")
        field, read = _RESTRICTION_READERS[name]
        values[field] = read(value, f"{path}.{name}")
    return Restrictions(**values)


def within_hours(restrictions: Restrictions, clock: time) -> bool:
    """Hold from start to end; past midnight when the end is earlier; all day when both are the same."""
    start, end = restrictions.start_time, restrictions.end_time
    if start is None and end is None:
        return True
    start, end = start or MIDNIGHT, end or MIDNIGHT
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end


def on_date(restrictions: Restrictions, day: date) -> bool:
    """Hold on the weekdays, from the first date and before the last."""
    if restrictions.weekdays and day.weekday() not in restrictions.weekdays:
        return False
    if restrictions.start_date is not None and day < restrictions.start_date:
        return False
    return restrictions.end_date is None or day < restrictions.end_date
