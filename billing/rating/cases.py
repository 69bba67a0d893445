"""Priced examples as text: a tariff and a session as JSON in, their price as JSON out.

The session form is the one the worked examples of the OCPI text are kept in: local wall-clock times in
`time_zone`, periods with `start`, `seconds`, `kind`, `kwh`, `power_kw`, `current_a`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from billing.rating import reading
from billing.rating.counting import Charge
from billing.rating.engine import rate
from billing.rating.quantities import NWH_PER_KWH, US_PER_S
from billing.rating.reading import InvalidTariff
from billing.rating.result import RatedLine, RatedSession
from billing.rating.session import (
    LONGEST_SESSION_S,
    InvalidSession,
    MeasuredPeriod,
    MeasuredSession,
    PeriodKind,
    ReservationOutcome,
)
from billing.rating.tariff import parse_tariff
from chargeportal.common.money import round_half_up

_NO_ENERGY = Decimal(0)
_kind = reading.choice(PeriodKind)


class InvalidCase(ValueError):
    """The case is not one that can be priced; the text names the field."""


def price_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"id", "excl", "incl", "billed", "lines"}` for a case `{"id", "tariff", "session"}`.

    Raises InvalidCase, whose text is for the person who wrote the case.
    """
    try:
        source = reading.mapping(case, "case")
        tariff = parse_tariff(reading.mapping(source.get("tariff"), "tariff"))
        session = parse_session(reading.mapping(source.get("session"), "session"))
        rated = rate(session, tariff=tariff)
    except (InvalidTariff, InvalidSession) as error:
        raise InvalidCase(str(error)) from error
    return {
        "id": source.get("id"),
        "excl": _amount(rated.excl),
        "incl": _amount(rated.incl),
        "billed": _billed(rated),
        "lines": [item for line in rated.lines for item in _items(line)],
    }


def parse_session(source: Mapping[str, Any]) -> MeasuredSession:
    """Return the session; raise InvalidSession or InvalidTariff naming the field that is wrong."""
    zone = _zone(source.get("time_zone"))
    listed = source.get("periods")
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        raise InvalidSession("periods: a list of at least one period is needed")
    periods: list[MeasuredPeriod] = []
    earliest = _start(source, zone)
    for index, item in enumerate(listed):
        try:
            period = _period(reading.mapping(item, "period"), earliest=earliest, zone=zone)
        except (InvalidTariff, InvalidSession) as error:
            raise InvalidSession(f"periods[{index}].{error}") from None
        periods.append(period)
        earliest = period.end
    reservation = source.get("reservation") or {}
    return MeasuredSession(
        periods=tuple(periods),
        time_zone=zone,
        reservation=reading.choice(ReservationOutcome)(
            reading.mapping(reservation, "reservation").get("state") or "NONE", "reservation.state"
        ),
    )


def _period(source: Mapping[str, Any], *, earliest: datetime | None, zone: ZoneInfo) -> MeasuredPeriod:
    start = _instant(source.get("start"), "start", earliest=earliest, zone=zone)
    seconds = reading.non_negative(source.get("seconds"), "seconds")
    if seconds > LONGEST_SESSION_S:
        raise InvalidSession("seconds: at most ten years")
    energy_kwh, power_kw, current_a = source.get("kwh"), source.get("power_kw"), source.get("current_a")
    return MeasuredPeriod(
        start,
        start + timedelta(microseconds=int(seconds * US_PER_S)),
        _kind(source.get("kind") or "CHARGING", "kind"),
        _NO_ENERGY if energy_kwh is None else reading.thousands(energy_kwh, "kwh"),
        None if power_kw is None else reading.thousands(power_kw, "power_kw"),
        None if current_a is None else reading.non_negative(current_a, "current_a"),
    )


def _start(source: Mapping[str, Any], zone: ZoneInfo) -> datetime | None:
    """Return the instant of the session's start; `start_date_time_utc` decides inside a repeated hour."""
    stated = source.get("start_date_time_utc")
    if stated is not None:
        instant = _parsed(stated, "start_date_time_utc")
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    local = source.get("start_date_time")
    return None if local is None else _instant(local, "start_date_time", earliest=None, zone=zone)


def _instant(value: Any, path: str, *, earliest: datetime | None, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC of a wall-clock time.

    A reading that the clock shows twice is the first pass, unless that lies before `earliest`, where the
    session had got to.
    """
    stated = _parsed(value, path)
    if stated.tzinfo is not None:
        return stated.astimezone(UTC)
    first = stated.replace(tzinfo=zone)
    second = first.replace(fold=1)
    if earliest is not None and first.utcoffset() != second.utcoffset():
        passes = first.astimezone(UTC), second.astimezone(UTC)
        return passes[1] if passes[0] < earliest <= passes[1] else passes[0]
    return first.astimezone(UTC)


def _parsed(value: Any, path: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidSession(f"{path}: a date and time such as 2026-11-20T14:05:00 is needed") from None


def _zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (TypeError, ValueError, OSError, KeyError):
        raise InvalidSession(f"time_zone: {name!r} is not a time zone") from None


def _amount(amount: Fraction | None, digits: int = 4) -> float | None:
    """Return the amount for JSON, half up; four decimals survive the float unharmed."""
    return None if amount is None else float(round_half_up(amount, digits=digits))


def _billed(rated: RatedSession) -> dict[str, int | float]:
    billed = rated.billed
    return {
        "ENERGY_Wh": _number(billed.energy_wh),
        "TIME_s": _number(billed.charging_s),
        "PARKING_TIME_s": _number(billed.parking_s),
        "RESERVATION_TIME_s": _number(billed.reservation_s),
    }


def _number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(round_half_up(value, digits=6))


def _items(line: RatedLine) -> list[dict[str, Any]]:
    """Return one item for each uninterrupted run of the line's price; the last one bears the step."""
    if not line.runs:
        return [_item(line, quantity=line.quantity)]
    shares = [_share(line, run.counted) for run in line.runs]
    shares[-1] += line.quantity - line.measured
    return [_item(line, quantity=share) for share in shares]


def _share(line: RatedLine, counted: int | Fraction) -> Fraction:
    if line.unit == "kWh":
        return Fraction(counted, NWH_PER_KWH)
    return Fraction(counted, 3600 * US_PER_S) if line.unit == "h" else Fraction(counted)


def _item(line: RatedLine, *, quantity: Fraction) -> dict[str, Any]:
    share = quantity / line.quantity
    seconds = line.unit == "h"
    item = {
        "dimension": "FLAT" if line.charge is Charge.RESERVATION_FLAT else str(line.charge),
        "quantity": _number(quantity * 3600 if seconds else quantity),
        "unit": "s" if seconds else line.unit,
        "price": float(line.unit_price),
        "cost_excl": _amount(None if line.excl is None else line.excl * share, 8),
        "vat": None if line.vat_rate is None else float(line.vat_rate * 100),
        "cost_incl": _amount(None if line.incl is None else line.incl * share, 8),
    }
    if line.candidate is not None:
        item["element"] = line.candidate.element_index
    return item
