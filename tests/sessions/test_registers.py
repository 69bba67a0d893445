"""How much energy registers prove, and when a person must look."""

import datetime as dt
from decimal import Decimal

import pytest

from sessions.registers import Register, Settled, settle_registers

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)
POWER_W = Decimal(22_000)

CASES = [
    # registers as (minute, Wh)                                    energy, flags, doubt
    ([], 0, ("no_registers",), "no_registers"),
    ([(0, 1000)], 0, ("no_registers",), "no_registers"),
    ([(0, 1000), (60, 12_000)], 11_000, (), ""),
    ([(0, 1000), (30, 1000), (60, 1000)], 0, (), ""),
    ([(0, 0), (1, 910_000), (60, 921_000)], 11_000, ("implausible_start_register",), ""),
    ([(0, 0), (60, 910_000)], 0, ("impossible_energy",), "impossible_energy"),
    ([(0, 5000), (60, 1000)], 0, ("register_fell",), "register_fell"),
    ([(0, 5000), (30, 9000), (31, 0), (60, 4000)], 8000, ("register_fell",), "register_fell"),
    ([(0, 1000), (30, 5000), (60, 500_000)], 4000, ("impossible_energy",), "impossible_energy"),
    # one reading that fits neither neighbour is a slip of the meter
    ([(0, 10_000), (15, 0), (30, 14_000), (60, 16_000)], 6000, ("implausible_register",), ""),
    ([(0, 1000), (20, 910_000), (40, 5000), (60, 8000)], 7000, ("implausible_register",), ""),
    # a tenth more than the EVSE can give is a tolerance of its meter and its clock
    ([(0, 0), (60, 24_200)], 24_200, (), ""),
    ([(0, 0), (60, 24_201)], 0, ("impossible_energy",), "impossible_energy"),
    # a small step is believed whatever the clock says
    ([(0, 1000), (0, 1500)], 500, (), ""),
]


@pytest.mark.parametrize(("readings", "energy_wh", "flags", "doubt"), CASES)
def test_energy_is_what_the_registers_prove(
    readings: list[tuple[int, int]], energy_wh: int, flags: tuple[str, ...], doubt: str
) -> None:
    registers = [Register(NOON + dt.timedelta(minutes=minute), Decimal(wh)) for minute, wh in readings]
    assert settle_registers(registers, max_power_w=POWER_W) == Settled(Decimal(energy_wh), flags, doubt)
