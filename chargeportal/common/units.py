"""Conversions between the units meters, tariffs and people use, in Decimal.

Stored and computed values are Wh, W and s; tariffs and people speak of kWh, kW and hours. A float is
refused with TypeError: it enters as text or as a Decimal, or not at all.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

SECONDS_PER_HOUR = 3600
_THOUSAND = Decimal(1000)


def wh_from_kwh(energy_kwh: Decimal | int) -> Decimal:
    """Return the energy in Wh."""
    return _exact(energy_kwh) * _THOUSAND


def kwh_from_wh(energy_wh: Decimal | int) -> Decimal:
    """Return the energy in kWh."""
    return _exact(energy_wh) / _THOUSAND


def w_from_kw(power_kw: Decimal | int) -> Decimal:
    """Return the power in W."""
    return _exact(power_kw) * _THOUSAND


def kw_from_w(power_w: Decimal | int) -> Decimal:
    """Return the power in kW."""
    return _exact(power_w) / _THOUSAND


def hours_from_s(duration_s: Decimal | int) -> Fraction:
    """Return the duration in hours as an exact fraction: 100 s has no finite decimal in hours."""
    return Fraction(_exact(duration_s)) / SECONDS_PER_HOUR


def s_from_hours(duration_h: Decimal | int) -> Decimal:
    """Return the duration in seconds."""
    return _exact(duration_h) * SECONDS_PER_HOUR


def seconds(duration: timedelta) -> Decimal:
    """Return a duration as exact seconds; `timedelta.total_seconds()` would make it a float."""
    return Decimal(duration // timedelta(microseconds=1)).scaleb(-6).normalize() + 0


def average_power_w(*, energy_wh: Decimal, duration_s: Decimal | int) -> Decimal | None:
    """Return the mean power over the time, None when no time passed."""
    if not duration_s:
        return None
    return _exact(energy_wh) * SECONDS_PER_HOUR / _exact(duration_s)


def _exact(value: Decimal | int) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise TypeError(f"a measured value is a Decimal or an int, not {type(value).__name__}")
    return Decimal(value)
