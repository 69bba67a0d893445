"""Why a line costs what it costs, as data: stable codes with parameters, which pages put into words.

Each item is a dict that goes into JSON as it is: `code` and its parameters. Numbers are texts of exact
decimals (at most twelve places), instants are ISO 8601 in UTC, hours are the location's wall clock.

| code | parameters |
|---|---|
| energy_at_price, charging_time_at_price, parking_time_at_price, start_fee, reservation_time_at_price, \
reservation_fee | quantity, unit (kWh, h, x), price, currency, tax_included, vat_percent, element, component |
| market_energy_price | the same, price being what a kWh came to; area, add_percent, add_per_kwh, floor, \
cap, fallback_per_kwh: all before tax |
| market_price | start, end, quantity, unit, price, spot (before tax, null: missing, the fallback holds), \
bound (floor, cap or empty) |
| off_peak_discount | name, quantity, unit, price (negative), percent or per_kwh, currency, tax_included, \
vat_percent |
| minimum_price, maximum_price | price (of the adjustment), limit, currency, tax_included |
| day_cap | the same; limit and paid (for other sessions of the day) are after tax |
| free_idle_time | s |
| between_hours | start, end |
| on_weekdays | weekdays (0 is Monday) |
| from_date, until_date | date |
| energy_from, energy_until | kwh |
| power_from, power_until | kw |
| current_from, current_until | a |
| after_duration, before_duration | s |
| for_reservation, for_expired_reservation | |
| period | start, end, quantity, unit, energy_from_wh, energy_to_wh, and when the register is known \
register_from_wh, register_to_wh; interpolated: which of "start", "end" lies between two readings |
| rounded_up_to_step | step, unit (Wh, s), measured, billed |
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.rating.counting import Charge, Run
from billing.rating.extensions import DynamicPrice, Incentive
from billing.rating.quantities import NWH_PER_KWH, NWH_PER_WH, Count, datetime_from_us, us_from_datetime
from billing.rating.restrictions import ReservationRestriction, Restrictions
from billing.rating.result import RatedLine
from chargeportal.common.money import round_half_up

CODES = {
    Charge.ENERGY: "energy_at_price",
    Charge.TIME: "charging_time_at_price",
    Charge.PARKING_TIME: "parking_time_at_price",
    Charge.FLAT: "start_fee",
    Charge.RESERVATION_TIME: "reservation_time_at_price",
    Charge.RESERVATION_FLAT: "reservation_fee",
    Charge.MIN_PRICE: "minimum_price",
    Charge.MAX_PRICE: "maximum_price",
    Charge.OFF_PEAK_DISCOUNT: "off_peak_discount",
    Charge.DAY_CAP: "day_cap",
}

_BOUNDS = (
    ("energy_from", "min_energy_wh", "kwh", 1000),
    ("energy_until", "max_energy_wh", "kwh", 1000),
    ("power_from", "min_power_w", "kw", 1000),
    ("power_until", "max_power_w", "kw", 1000),
    ("current_from", "min_current_a", "a", 1),
    ("current_until", "max_current_a", "a", 1),
    ("after_duration", "min_duration_s", "s", 1),
    ("before_duration", "max_duration_s", "s", 1),
)


def trace(line: RatedLine) -> list[dict[str, Any]]:
    """Return the reasons for the line: the price, why it was active, when and by which readings, the step."""
    return [
        describe(line),
        *_grace(line),
        *_restrictions(line),
        *_market(line),
        *_periods(line),
        *_step(line),
    ]


def describe(line: RatedLine) -> dict[str, Any]:
    """Return the line in one item: what is charged, how much of it and at which price."""
    price = {
        "code": CODES[line.charge],
        "price": exact_text(line.unit_price),
        "currency": line.currency,
        "tax_included": str(line.tax_included),
    }
    for name in ("limit", "paid"):
        if getattr(line, name) is not None:
            price[name] = exact_text(getattr(line, name))
    if line.candidate is None and line.incentive is None:
        return price
    counted = price | {
        "quantity": exact_text(line.quantity),
        "unit": line.unit,
        "vat_percent": None if line.vat_rate is None else exact_text(line.vat_rate * 100),
    }
    if line.candidate is None:
        return counted | _incentive(line.incentive)
    place = {"element": line.candidate.element_index, "component": line.candidate.component_index}
    return counted | place | _dynamic(line.dynamic)


def _incentive(incentive: Incentive | None) -> dict[str, Any]:
    if incentive is None:
        return {}
    if incentive.rate is not None:
        return {"name": incentive.name, "percent": exact_text(incentive.rate * 100)}
    return {"name": incentive.name, "per_kwh": exact_text(incentive.per_kwh or 0)}


def _dynamic(dynamic: DynamicPrice | None) -> dict[str, Any]:
    if dynamic is None:
        return {}
    return {
        "code": "market_energy_price",
        "area": dynamic.area,
        "add_percent": exact_text(dynamic.add_rate * 100),
        "add_per_kwh": exact_text(dynamic.add_per_kwh),
        "floor": exact_text(dynamic.floor),
        "cap": None if dynamic.cap is None else exact_text(dynamic.cap),
        "fallback_per_kwh": exact_text(dynamic.fallback),
    }


def exact_text(value: Fraction | Decimal | int) -> str:
    """Return the number as plain decimal text, to twelve places where it has no end."""
    rounded = round_half_up(value, digits=12)
    text = f"{rounded:f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def _grace(line: RatedLine) -> Iterator[dict[str, Any]]:
    if line.free_s:
        yield {"code": "free_idle_time", "s": exact_text(line.free_s)}


def _market(line: RatedLine) -> Iterator[dict[str, Any]]:
    for share in line.shares:
        yield {
            "code": "market_price",
            "start": _iso(share.start_us),
            "end": _iso(share.end_us),
            "quantity": exact_text(Fraction(share.counted) / NWH_PER_KWH),
            "unit": line.unit,
            "price": exact_text(share.quote.price),
            "spot": None if share.quote.spot is None else exact_text(share.quote.spot),
            "bound": share.quote.bound,
        }


def _iso(instant_us: Count) -> str:
    return datetime_from_us(instant_us).isoformat()


def _restrictions(line: RatedLine) -> Iterator[dict[str, Any]]:
    if line.incentive is not None:
        yield from _calendar(line.incentive.hours)
    if line.candidate is None:
        return
    restrictions = line.candidate.restrictions
    yield from _calendar(restrictions)
    for code, name, unit, per_unit in _BOUNDS:
        bound = getattr(restrictions, name)
        if bound is not None:
            yield {"code": code, unit: exact_text(Fraction(bound) / per_unit)}
    if restrictions.reservation is ReservationRestriction.RESERVATION:
        yield {"code": "for_reservation"}
    elif restrictions.reservation is ReservationRestriction.RESERVATION_EXPIRES:
        yield {"code": "for_expired_reservation"}


def _calendar(restrictions: Restrictions) -> Iterator[dict[str, Any]]:
    start, end = restrictions.start_time, restrictions.end_time
    if start is not None or end is not None:
        yield {
            "code": "between_hours",
            "start": f"{start:%H:%M}" if start else "00:00",
            "end": f"{end:%H:%M}" if end else "00:00",
        }
    if restrictions.weekdays:
        yield {"code": "on_weekdays", "weekdays": sorted(restrictions.weekdays)}
    if restrictions.start_date is not None:
        yield {"code": "from_date", "date": restrictions.start_date.isoformat()}
    if restrictions.end_date is not None:
        yield {"code": "until_date", "date": restrictions.end_date.isoformat()}


def _periods(line: RatedLine) -> Iterator[dict[str, Any]]:
    if line.charge in (Charge.FLAT, Charge.RESERVATION_FLAT):
        return
    per_unit = Fraction(line.measured) / sum(run.counted for run in line.runs) if line.runs else Fraction(0)
    readings = {us_from_datetime(at) for period in line.session.periods for at in (period.start, period.end)}
    for run in line.runs:
        yield {
            "code": "period",
            "start": _iso(run.start_us),
            "end": _iso(run.end_us),
            "quantity": exact_text(run.counted * per_unit),
            "unit": line.unit,
            **_readings(run, line.session.register_start_wh),
            "interpolated": [
                name for name, at in (("start", run.start_us), ("end", run.end_us)) if at not in readings
            ],
        }


def _readings(run: Run, register_start_wh: Decimal | None) -> dict[str, str]:
    first, last = (Fraction(nwh) / NWH_PER_WH for nwh in (run.start_nwh, run.end_nwh))
    found = {"energy_from_wh": exact_text(first), "energy_to_wh": exact_text(last)}
    if register_start_wh is not None:
        register = Fraction(register_start_wh)
        found["register_from_wh"] = exact_text(register + first)
        found["register_to_wh"] = exact_text(register + last)
    return found


def _step(line: RatedLine) -> Iterator[dict[str, Any]]:
    if line.candidate is None or line.quantity == line.measured:
        return
    unit, per_unit = ("Wh", 1000) if line.charge is Charge.ENERGY else ("s", 3600)
    yield {
        "code": "rounded_up_to_step",
        "step": line.candidate.component.step_size,
        "unit": unit,
        "measured": exact_text(line.measured * per_unit),
        "billed": exact_text(line.quantity * per_unit),
    }
