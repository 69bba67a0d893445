"""The worked examples of OCPI line by line: what is billed, at which price, before and after tax.

The tariffs and sessions stand in `test_rating_examples`. Energy is in kWh, time in seconds; amounts are
exact, and fractions where they have no end. None stands for a tax that is not known.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from billing.rating import RatedLine
from tests.billing.rating_builders import price
from tests.billing.test_rating_examples import EXAMPLES

LINES = {
    "T01 energy": [
        ("ENERGY", "20", "0.25", "5", "5.5"),
    ],
    "T02 energy and start fee": [
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "20", "0.25", "5", "5.5"),
    ],
    "T03a minimum not reached": [
        ("ENERGY", "20", "0.25", "5", "5.5"),
    ],
    "T03b minimum": [
        ("ENERGY", "1", "0.25", "0.25", "0.275"),
        ("MIN_PRICE", "1", "0.25", "0.25", "0.275"),
    ],
    "T04 parking in steps of 15 minutes": [
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "20", "0.25", "5", "5.5"),
        ("PARKING_TIME", "2700", "2", "1.5", "1.8"),
    ],
    "T05a maximum": [
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "50", "0.25", "12.5", "13.75"),
        ("MAX_PRICE", "1", "-3", "-3", "-3.35"),
    ],
    "T05b maximum not reached": [
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "30", "0.25", "7.5", "8.25"),
    ],
    "T06 time": [
        ("TIME", "9000", "2", "5", "5.5"),
    ],
    "T07 sales tax added later": [
        ("TIME", "9000", "2", "5", None),
    ],
    "T08 sales tax inside": [
        ("TIME", "9000", "2.1", None, "5.25"),
    ],
    "T09 time and parking": [
        ("TIME", "9000", "3", "7.5", "8.25"),
        ("PARKING_TIME", "2700", "5", "3.75", "4.5"),
    ],
    "T10 odd VAT": [
        ("TIME", "9000", "1.9", "4.75", "4.997"),
    ],
    "T11 energy in steps of 100 Wh": [
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "20.5", "0.25", "5.125", "5.6375"),
    ],
    "T11b the same, cheaper": [
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "20.5", "0.22", "4.51", "4.961"),
    ],
    "T12 complex, Monday": [
        ("FLAT", "1", "2.5", "2.5", "2.875"),
        ("TIME", "9900", "1", "2.75", "3.3"),
        ("PARKING_TIME", "2700", "5", "3.75", "4.125"),
    ],
    "T13 complex, Saturday": [
        ("FLAT", "1", "2.5", "2.5", "2.875"),
        ("TIME", "6840", "1.25", "2.375", "2.85"),
        ("PARKING_TIME", "4500", "6", "7.5", "8.25"),
    ],
    "T14 free, step size 0": [
        ("FLAT", "1", "0", "0", "0"),
    ],
    "T15 reservation": [
        ("RESERVATION_TIME", "900", "5", "1.25", "1.5"),
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "20", "0.25", "5", "5.5"),
    ],
    "T16 reservation with fee": [
        ("RESERVATION_FLAT", "1", "2", "2", "2.4"),
        ("RESERVATION_TIME", "900", "5", "1.25", "1.5"),
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "20", "0.25", "5", "5.5"),
    ],
    "T17a reservation used": [
        ("RESERVATION_TIME", "1800", "2", "1", "1.2"),
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "20", "0.25", "5", "5.5"),
    ],
    "T17b reservation expired, fee": [
        ("RESERVATION_FLAT", "1", "4", "4", "4.8"),
        ("RESERVATION_TIME", "3600", "2", "2", "2.4"),
    ],
    "T18a reservation used": [
        ("RESERVATION_TIME", "1800", "3", "1.5", "1.8"),
        ("FLAT", "1", "0.5", "0.5", "0.6"),
        ("ENERGY", "20", "0.25", "5", "5.5"),
    ],
    "T18b reservation expired, time": [
        ("RESERVATION_TIME", "5400", "6", "9", "10.8"),
    ],
    "T19 step of the last element, parking": [
        ("TIME", "300", "1.2", "0.1", "0.1"),
        ("TIME", "300", "2.4", "0.2", "0.2"),
        ("PARKING_TIME", "900", "1", "0.25", "0.25"),
    ],
    "T20 step of the last element, charging": [
        ("TIME", "1500", "1.2", "0.5", "0.5"),
        ("TIME", "1200", "2.4", "0.8", "0.8"),
    ],
    "T21 parking becomes free": [
        ("TIME", "720", "2.4", "0.48", "0.48"),
        ("PARKING_TIME", "900", "1", "0.25", "0.25"),
    ],
    "T22 power": [
        ("ENERGY", "1.5", "0.2", "0.3", "0.36"),
        ("ENERGY", "40", "0.5", "20", "24"),
    ],
    "T23 duration": [
        ("ENERGY", "5", "0", "0", "0"),
        ("ENERGY", "1.2", "0.25", "0.3", "0.36"),
    ],
    "C01 charging is not stepped when parking follows": [
        ("TIME", "1260", "1", "0.35", "0.35"),
        ("PARKING_TIME", "600", "1", "1/6", "1/6"),
    ],
    "C02 energy step over a price change": [
        ("ENERGY", "4.3", "0.2", "0.86", "0.86"),
        ("ENERGY", "1.2", "0.27", "0.324", "0.324"),
    ],
    "C03 time step over a price change": [
        ("TIME", "360", "5", "0.5", "0.5"),
        ("TIME", "1440", "7", "2.8", "2.8"),
    ],
    "C04 parking stepped, charging not": [
        ("TIME", "1260", "1", "0.35", "0.35"),
        ("PARKING_TIME", "1200", "2", "2/3", "2/3"),
    ],
    "N01 115.2 Wh in steps of 1": [
        ("ENERGY", "0.116", "0.25", "0.029", "0.029"),
    ],
    "N02 115.2 Wh in steps of 25": [
        ("ENERGY", "0.125", "0.25", "0.03125", "0.03125"),
    ],
    "N03 115.2 Wh in steps of 500": [
        ("ENERGY", "0.5", "0.25", "0.125", "0.125"),
    ],
    "D01 cdr_example.json": [
        ("TIME", "7200", "2", "4", "4.4"),
    ],
}


def test_every_example_has_its_lines_written_out():
    assert list(LINES) == list(EXAMPLES)
    assert len(EXAMPLES) == 36


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_billed_line_by_line_as_the_standard_has_it(name):
    ocpi, measured, excl, incl = EXAMPLES[name]
    expected = [
        (charge, Fraction(quantity), Fraction(unit_price), _exact(net), _exact(gross))
        for charge, quantity, unit_price, net, gross in LINES[name]
    ]
    assert [_told(line) for line in price(measured, ocpi).lines] == expected
    if excl is not None:
        assert sum(line[3] for line in expected) == Fraction(excl)
    if incl is not None:
        assert sum(line[4] for line in expected) == Fraction(incl)


def _told(line: RatedLine) -> tuple:
    per_unit = 3600 if line.unit == "h" else 1
    return line.charge.value, line.quantity * per_unit, Fraction(line.unit_price), line.excl, line.incl


def _exact(amount: str | None) -> Fraction | None:
    return None if amount is None else Fraction(amount)
