"""The worked examples of OCPI 2.2.1 and 2.3.0 (mod_tariffs, mod_cdrs) and what they come to.

Where the text of the standard miscalculates, the figure here is the right one: the complex tariff on Saturday
(it prints 12.28 / 13.861 for 114 minutes at 1.25 per hour) and the tariff with alternative URL in 2.3.0.
"""

from __future__ import annotations

import pytest

from tests.billing.rating_builders import (
    charging,
    component,
    element,
    exact,
    parking,
    price,
    reserved,
    session,
    tariff,
)

ENERGY = component("ENERGY", "0.25", "10")
START_FEE = component("FLAT", "0.50", "20")
MONDAY_TEN = "2019-01-14T10:00"
ONE_HOUR_20_KWH = session(MONDAY_TEN, charging(60, 20))
LONG_10_KWH = session(MONDAY_TEN, charging(150, 10))

WORKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
COMPLEX = tariff(
    element(component("FLAT", "2.50", "15")),
    element(component("TIME", "1.00", "20", 900), max_current=32),
    element(component("TIME", "2.00", "20", 600), min_current=32, day_of_week=WORKDAYS),
    element(component("TIME", "1.25", "20", 600), min_current=32, day_of_week=["SATURDAY", "SUNDAY"]),
    element(
        component("PARKING_TIME", "5.00", "10", 300),
        start_time="09:00",
        end_time="18:00",
        day_of_week=WORKDAYS,
    ),
    element(
        component("PARKING_TIME", "6.00", "10", 300),
        start_time="10:00",
        end_time="17:00",
        day_of_week=["SATURDAY"],
    ),
)

RESERVATION_TIME = tariff(
    element(component("TIME", "5", "20", 60), reservation="RESERVATION"), element(START_FEE, ENERGY)
)
RESERVATION_FEE = tariff(
    element(component("FLAT", "2", "20"), component("TIME", "5", "20", 300), reservation="RESERVATION"),
    element(START_FEE, ENERGY),
)
EXPIRE_FEE = tariff(
    element(component("FLAT", "4", "20"), reservation="RESERVATION_EXPIRES"),
    element(component("TIME", "2", "20", 600), reservation="RESERVATION"),
    element(START_FEE, ENERGY),
)
EXPIRE_TIME = tariff(
    element(component("TIME", "6", "20", 600), reservation="RESERVATION_EXPIRES"),
    element(component("TIME", "3", "20", 600), reservation="RESERVATION"),
    element(START_FEE, ENERGY),
)

STEPS = tariff(
    element(
        component("TIME", "1.20", step=1800),
        component("PARKING_TIME", "1", step=900),
        start_time="00:00",
        end_time="17:00",
    ),
    element(
        component("TIME", "2.40", step=900),
        component("PARKING_TIME", "1", step=900),
        start_time="17:00",
        end_time="20:00",
    ),
    element(component("TIME", "2.40", step=900), start_time="20:00", end_time="00:00"),
)
POWER = tariff(
    element(component("ENERGY", "0.20", "20"), max_power=16),
    element(component("ENERGY", "0.35", "20"), max_power=32),
    element(component("ENERGY", "0.50", "20")),
)
DURATION = tariff(
    element(component("ENERGY", "0", "20"), max_duration=1800),
    element(component("ENERGY", "0.25", "20"), max_duration=3600),
    element(component("ENERGY", "0.40", "20")),
)
MINIMUM = tariff(element(ENERGY), min_price={"before_taxes": "0.50", "after_taxes": "0.55"})
MAXIMUM = tariff(element(START_FEE, ENERGY), max_price={"before_taxes": "10", "after_taxes": "11"})
ALTERNATIVE = element(START_FEE, component("ENERGY", "0.25", "10", 100))
CHEAPER = element(START_FEE, component("ENERGY", "0.22", "10", 100))
NORTH_AMERICA = {"country_code": "CA", "currency": "CAD"}


def small(step: int) -> dict:
    return tariff(element(component("ENERGY", "0.25", step=step)))


def two_clocks(time_price: str, parking_price: str, step: int) -> dict:
    return tariff(
        element(component("TIME", time_price, step=step), component("PARKING_TIME", parking_price, step=step))
    )


def before_and_after_five(kind: str, before: str, after: str, step: int) -> dict:
    return tariff(
        element(component(kind, before, step=step), start_time="00:00", end_time="17:00"),
        element(component(kind, after, step=step), start_time="17:00", end_time="00:00"),
    )


EXAMPLES = {
    "T01 energy": (tariff(element(ENERGY)), ONE_HOUR_20_KWH, "5", "5.5"),
    "T02 energy and start fee": (tariff(element(START_FEE, ENERGY)), ONE_HOUR_20_KWH, "5.5", "6.1"),
    "T03a minimum not reached": (MINIMUM, ONE_HOUR_20_KWH, "5", "5.5"),
    "T03b minimum": (MINIMUM, session(MONDAY_TEN, charging(10, 1)), "0.5", "0.55"),
    "T04 parking in steps of 15 minutes": (
        tariff(element(START_FEE, ENERGY, component("PARKING_TIME", "2", "20", 900))),
        session(MONDAY_TEN, charging(60, 20), parking(40)),
        "7",
        "7.9",
    ),
    "T05a maximum": (MAXIMUM, session(MONDAY_TEN, charging(120, 50)), "10", "11"),
    "T05b maximum not reached": (MAXIMUM, session(MONDAY_TEN, charging(120, 30)), "8", "8.85"),
    "T06 time": (tariff(element(component("TIME", "2", "10", 60))), LONG_10_KWH, "5", "5.5"),
    "T07 sales tax added later": (
        tariff(element(component("TIME", "2")), **NORTH_AMERICA),
        LONG_10_KWH,
        "5",
        None,
    ),
    "T08 sales tax inside": (
        tariff(element(component("TIME", "2.10")), tax_included="YES", **NORTH_AMERICA),
        LONG_10_KWH,
        None,
        "5.25",
    ),
    "T09 time and parking": (
        tariff(element(component("TIME", "3", "10", 60), component("PARKING_TIME", "5", "20", 300))),
        session(MONDAY_TEN, charging(150, 10), parking(42)),
        "11.25",
        "12.75",
    ),
    "T10 odd VAT": (tariff(element(component("TIME", "1.90", "5.2", 300))), LONG_10_KWH, "4.75", "4.997"),
    "T11 energy in steps of 100 Wh": (
        tariff(ALTERNATIVE),
        session(MONDAY_TEN, charging(90, "20.45")),
        "5.625",
        "6.2375",
    ),
    "T11b the same, cheaper": (tariff(CHEAPER), session(MONDAY_TEN, charging(90, "20.45")), "5.01", "5.561"),
    "T12 complex, Monday": (
        COMPLEX,
        session("2019-01-14T09:30", charging(165, 10, current_a=16), parking(42)),
        "9",
        "10.3",
    ),
    "T13 complex, Saturday": (
        COMPLEX,
        session("2019-01-19T13:30", charging(114, 50, current_a=43), parking(71)),
        "12.375",
        "13.975",
    ),
    "T14 free, step size 0": (tariff(element(component("FLAT", "0", step=0))), ONE_HOUR_20_KWH, "0", "0"),
    "T15 reservation": (
        RESERVATION_TIME,
        session("2019-01-14T09:45", reserved(15), charging(60, 20)),
        "6.75",
        "7.6",
    ),
    "T16 reservation with fee": (
        RESERVATION_FEE,
        session("2019-01-14T09:45", reserved(13), charging(60, 20)),
        "8.75",
        "10",
    ),
    "T17a reservation used": (
        EXPIRE_FEE,
        session("2019-01-14T09:45", reserved(22), charging(60, 20)),
        "6.5",
        "7.3",
    ),
    "T17b reservation expired, fee": (
        EXPIRE_FEE,
        session("2019-01-14T09:45", reserved(60), expired=True),
        "6",
        "7.2",
    ),
    "T18a reservation used": (
        EXPIRE_TIME,
        session("2019-01-14T09:45", reserved(22), charging(60, 20)),
        "7",
        "7.9",
    ),
    "T18b reservation expired, time": (
        EXPIRE_TIME,
        session("2019-01-14T09:45", reserved(90), expired=True),
        "9",
        "10.8",
    ),
    "T19 step of the last element, parking": (
        STEPS,
        session("2019-01-14T16:55", charging(10, 2), parking(2)),
        "0.55",
        "0.55",
    ),
    "T20 step of the last element, charging": (
        STEPS,
        session("2019-01-14T16:35", charging(35, 5)),
        "1.3",
        "1.3",
    ),
    "T21 parking becomes free": (
        STEPS,
        session("2019-01-14T19:40", charging(12, 2), parking(20)),
        "0.73",
        "0.73",
    ),
    "T22 power": (
        POWER,
        session(
            MONDAY_TEN,
            charging(10, 1, power_w=6000),
            charging(50, 40, power_w=48000),
            charging("7.5", "0.5", power_w=4000),
        ),
        "20.3",
        "24.36",
    ),
    "T23 duration": (DURATION, session(MONDAY_TEN, charging(30, 5), charging(10, "1.2")), "0.3", "0.36"),
    "C01 charging is not stepped when parking follows": (
        two_clocks("1", "1", 300),
        session(MONDAY_TEN, charging(21, 3), parking(7)),
        "31/60",
        "31/60",
    ),
    "C02 energy step over a price change": (
        before_and_after_five("ENERGY", "0.20", "0.27", 500),
        session("2019-01-14T16:00", charging(60, "4.3"), charging(30, "1.1")),
        "1.184",
        "1.184",
    ),
    "C03 time step over a price change": (
        before_and_after_five("TIME", "5", "7", 600),
        session("2019-01-14T16:54", charging(6, 1), charging(22, 4)),
        "3.3",
        "3.3",
    ),
    "C04 parking stepped, charging not": (
        two_clocks("1", "2", 600),
        session(MONDAY_TEN, charging(21, 3), parking(16)),
        "61/60",
        "61/60",
    ),
    "N01 115.2 Wh in steps of 1": (small(1), session(MONDAY_TEN, charging(10, "0.1152")), "0.029", "0.029"),
    "N02 115.2 Wh in steps of 25": (
        small(25),
        session(MONDAY_TEN, charging(10, "0.1152")),
        "0.03125",
        "0.03125",
    ),
    "N03 115.2 Wh in steps of 500": (
        small(500),
        session(MONDAY_TEN, charging(10, "0.1152")),
        "0.125",
        "0.125",
    ),
    "D01 cdr_example.json": (
        tariff(element(component("TIME", "2", "10", 300))),
        session("2024-12-05T18:39:09", charging("118.38333333333333", "15.342")),
        "4",
        "4.4",
    ),
}


@pytest.mark.parametrize(("ocpi", "measured", "excl", "incl"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_examples_of_the_standard_come_out_to_the_last_digit(ocpi, measured, excl, incl):
    rated = price(measured, ocpi)
    assert rated.excl == (None if excl is None else exact(excl))
    assert rated.incl == (None if incl is None else exact(incl))


@pytest.mark.parametrize(("ocpi", "measured", "excl", "incl"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_every_total_is_the_sum_of_its_lines_exactly_and_on_paper(ocpi, measured, excl, incl):
    rated = price(measured, ocpi)
    if excl is not None:
        assert sum(line.excl for line in rated.lines) == rated.excl
        assert sum(line.rounded.excl.amount for line in rated.lines) == rated.rounded.excl.amount
    if incl is not None:
        assert sum(line.incl for line in rated.lines) == rated.incl
        assert sum(line.rounded.incl.amount for line in rated.lines) == rated.rounded.incl.amount
    for line in rated.lines:
        if None not in (line.excl, line.incl):
            assert line.rounded.excl + line.rounded.vat == line.rounded.incl
