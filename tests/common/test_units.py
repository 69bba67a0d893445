from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from chargeportal.common import units


def test_conversions_are_exact_both_ways():
    assert units.wh_from_kwh(Decimal("20.45")) == Decimal(20450)
    assert units.kwh_from_wh(Decimal("115.2")) == Decimal("0.1152")
    assert units.w_from_kw(Decimal("11.04")) == Decimal(11040)
    assert units.kw_from_w(7400) == Decimal("7.4")
    assert units.s_from_hours(Decimal("2.5")) == Decimal(9000)
    assert units.hours_from_s(100) == Fraction(1, 36)


def test_a_duration_is_counted_in_exact_seconds():
    assert units.seconds(timedelta(hours=1, microseconds=1)) == Decimal("3600.000001")
    assert str(units.seconds(timedelta(minutes=10))) == "600"


def test_average_power_needs_time_to_pass():
    assert units.average_power_w(energy_wh=Decimal(11000), duration_s=3600) == Decimal(11000)
    assert units.average_power_w(energy_wh=Decimal(11000), duration_s=0) is None


@pytest.mark.parametrize("value", [1.5, True, "1"])
def test_only_exact_numbers_are_converted(value):
    with pytest.raises(TypeError):
        units.wh_from_kwh(value)
