"""The whole-number units the engine counts in, so that no sum or cut ever loses a fraction.

Time is counted in microseconds since 1970 and energy in nano-watt-hours, both as ints; a cut inside a meter
interval may fall on a fraction of them, and then it is a Fraction. `Count` is either.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

Count = int | Fraction

US_PER_S = 1_000_000
US_PER_HOUR = 3600 * US_PER_S
NWH_PER_WH = 1_000_000_000
NWH_PER_KWH = 1000 * NWH_PER_WH

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def us_from_datetime(instant: datetime) -> int:
    """Return the microseconds since 1970 of an aware instant."""
    return (instant - EPOCH) // MICROSECOND


def datetime_from_us(instant_us: Count) -> datetime:
    """Return the instant in UTC; a fraction of a microsecond is dropped."""
    return EPOCH + timedelta(microseconds=int(instant_us))


def us_from_s(duration_s: Decimal) -> Count:
    """Return the duration in microseconds."""
    return _scaled(duration_s, US_PER_S)


def nwh_from_wh(energy_wh: Decimal) -> Count:
    """Return the energy in nano-watt-hours."""
    return _scaled(energy_wh, NWH_PER_WH)


def _scaled(value: Decimal, factor: int) -> Count:
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(factor, denominator)
    return Fraction(numerator * factor, denominator) if rest else numerator * whole
