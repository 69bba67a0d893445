"""Sessions and tariffs in few words, for the tests of the rating engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from billing.rating import (
    Charge,
    MeasuredPeriod,
    MeasuredSession,
    PeriodKind,
    RatedSession,
    ReservationOutcome,
    parse_tariff,
    rate,
)

BERLIN = ZoneInfo("Europe/Berlin")
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def charging(minutes: str | int, kwh: str | int = 0, **measured: Decimal | int) -> tuple[Any, ...]:
    return PeriodKind.CHARGING, minutes, kwh, measured


def parking(minutes: str | int, kwh: str | int = 0) -> tuple[Any, ...]:
    return PeriodKind.PARKING, minutes, kwh, {}


def reserved(minutes: str | int) -> tuple[Any, ...]:
    return PeriodKind.RESERVATION, minutes, 0, {}


def session(
    local_start: str,
    *steps: tuple[Any, ...],
    zone: ZoneInfo = BERLIN,
    expired: bool = False,
    fold: int = 0,
) -> MeasuredSession:
    """Return the steps one after another from a wall-clock start, durations in real minutes."""
    at = datetime.fromisoformat(local_start).replace(tzinfo=zone, fold=fold).astimezone(UTC)
    periods = []
    for kind, minutes, kwh, measured in steps:
        until = at + timedelta(microseconds=int(Decimal(minutes) * 60_000_000))
        values = {name: Decimal(value) for name, value in measured.items()}
        periods.append(MeasuredPeriod(at, until, kind, Decimal(kwh) * 1000, **values))
        at = until
    has_reservation = any(kind is PeriodKind.RESERVATION for kind, *_ in steps)
    outcome = ReservationOutcome.USED if has_reservation else ReservationOutcome.NONE
    return MeasuredSession(
        tuple(periods), zone, reservation=ReservationOutcome.EXPIRED if expired else outcome
    )


def component(kind: str, price: str, vat: str | None = None, step: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind, "price": Decimal(price), "step_size": step}
    return found if vat is None else found | {"vat": Decimal(vat)}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"price_components": list(components)}
    return found | {"restrictions": restrictions} if restrictions else found


def tariff(*elements: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "test",
        "country_code": "DE",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": list(elements),
    } | fields


def price(measured: MeasuredSession, ocpi: dict[str, Any]) -> RatedSession:
    return rate(measured, tariff=parse_tariff(ocpi))


def exact(amount: str | Fraction | int) -> Fraction:
    return Fraction(amount)


def billed(rated: RatedSession, charge: Charge) -> list[tuple[Fraction, Decimal]]:
    """Return quantity (Wh, s, times) and unit price of every line of a charge."""
    per_unit = {"kWh": 1000, "h": 3600, "x": 1}
    return [(line.quantity * per_unit[line.unit], line.unit_price) for line in rated.lines_of(charge)]
