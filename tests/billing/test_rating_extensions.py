"""What our tariffs have beyond OCPI: free idle minutes, day-ahead prices, off-peak discounts, a day's cap."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import pytest

from billing.rating import Charge, InvalidTariff, RatedSession, describe, parse_tariff, trace
from tests.billing.rating_builders import (
    STOCKHOLM,
    charging,
    component,
    element,
    parking,
    price,
    session,
    tariff,
)

TEN = "2026-11-20T10:00"  # 09:00 in UTC


def lines(rated: RatedSession) -> list[tuple[str, Fraction, Fraction | None]]:
    return [(line.charge.value, line.quantity, line.incl) for line in rated.lines]


class TestIdleGrace:
    ocpi = tariff(
        element(component("ENERGY", "4", "25"), component("PARKING_TIME", "60", "25")), x_idle_grace_s=900
    )

    def test_the_first_minutes_of_parking_are_free(self):
        rated = price(session(TEN, charging(60, 10), parking(40)), self.ocpi)
        assert lines(rated)[1:] == [("PARKING_TIME", Fraction(25, 60), Fraction(125, 4))]
        assert rated.measured.parking_s == 2400
        assert {"code": "free_idle_time", "s": "900"} in trace(rated.lines[1])

    def test_less_parking_than_that_is_not_on_the_bill(self):
        rated = price(session(TEN, charging(60, 10), parking(15)), self.ocpi)
        assert [line.charge for line in rated.lines] == [Charge.ENERGY]

    def test_they_are_free_once_in_a_session_and_not_after_every_pause(self):
        rated = price(session(TEN, parking(10), charging(60, 10), parking(10)), self.ocpi)
        assert lines(rated)[1:] == [("PARKING_TIME", Fraction(5, 60), Fraction(25, 4))]

    def test_free_parking_does_not_decide_the_step_of_charging_time(self):
        stepped = tariff(
            element(component("TIME", "6", step=600), component("PARKING_TIME", "6", step=3600)),
            x_idle_grace_s=900,
        )
        rated = price(session(TEN, charging(61), parking(10)), stepped)
        assert lines(rated) == [("TIME", Fraction(70, 60), Fraction(7))]

    def test_energy_that_flows_while_parked_is_paid_from_the_first_minute(self):
        rated = price(session(TEN, charging(60, 10), parking(30, 1)), self.ocpi)
        assert rated.billed.energy_wh == 11_000

    @pytest.mark.parametrize("bad", [-1, "soon", "NaN"])
    def test_nonsense_is_refused(self, bad):
        with pytest.raises(InvalidTariff, match="x_idle_grace_s"):
            parse_tariff(self.ocpi | {"x_idle_grace_s": bad})


def spot(start: str, end: str, per_kwh: str) -> dict[str, str]:
    return {"start": f"2026-11-20T{start}:00+00:00", "end": f"2026-11-20T{end}:00+00:00", "price": per_kwh}


QUARTERS = [spot("09:00", "09:15", "0.50"), spot("09:15", "09:30", "1.20"), spot("09:30", "09:45", "-0.90")]


def dynamic(*prices: dict, vat: str = "25", step: int = 1, **fields: object) -> dict:
    own = {
        "x_dynamic": {"area": "SE3", "fallback_per_kwh": "2.00", "prices": list(prices or QUARTERS)} | fields
    }
    return tariff(element(component("ENERGY", "9.99", vat, step)), currency="SEK", **own)


class TestDayAheadPrices:
    def test_every_quarter_costs_its_own_price_with_additions_on_top(self):
        rated = price(
            session(TEN, charging(30, 10), zone=STOCKHOLM), dynamic(add_percent="10", add_per_kwh="0.30")
        )
        # 5 kWh x (0.50 x 1.1 + 0.30) + 5 kWh x (1.20 x 1.1 + 0.30) = 4.25 + 8.10
        (line,) = rated.lines
        assert (line.quantity, line.excl, line.incl) == (10, Fraction("12.35"), Fraction("15.4375"))
        assert line.unit_price == Decimal("1.2350")
        assert [(share.quote.price, share.counted) for share in line.shares] == [
            (Fraction("0.85"), 5_000_000_000_000),
            (Fraction("1.62"), 5_000_000_000_000),
        ]

    def test_the_price_is_never_below_the_floor_nor_above_the_cap(self):
        rated = price(
            session(TEN, charging(45, 9), zone=STOCKHOLM), dynamic(floor="0.10", cap="1.00", add_per_kwh="0")
        )
        (line,) = rated.lines
        assert [(share.quote.price, share.quote.bound) for share in line.shares] == [
            (Fraction("0.5"), ""),
            (Fraction(1), "cap"),
            (Fraction("0.1"), "floor"),
        ]
        assert line.excl == 3 * Fraction("1.6")

    def test_without_a_floor_a_negative_price_gives_the_energy_away_and_no_more(self):
        rated = price(session("2026-11-20T10:30", charging(15, 3), zone=STOCKHOLM), dynamic())
        assert (rated.excl, rated.lines[0].shares[0].quote.spot) == (0, Fraction("-0.9"))

    def test_where_the_price_is_missing_the_fallback_holds_and_the_trace_says_so(self):
        rated = price(session("2026-11-20T10:30", charging(30, 10), zone=STOCKHOLM), dynamic())
        market = [item for item in trace(rated.lines[0]) if item["code"] == "market_price"]
        assert rated.excl == 10
        assert [(item["price"], item["spot"], item["bound"], item["quantity"]) for item in market] == [
            ("0", "-0.9", "floor", "5"),
            ("2", None, "", "5"),
        ]
        assert market[1]["start"] == "2026-11-20T09:45:00+00:00"

    def test_a_price_with_vat_inside_is_the_net_price_and_its_vat(self):
        rated = price(session(TEN, charging(15, 4), zone=STOCKHOLM), dynamic() | {"tax_included": "YES"})
        assert (rated.excl, rated.incl) == (2, Fraction("2.5"))

    def test_the_step_is_billed_at_the_last_price(self):
        rated = price(session(TEN, charging(30, "9.8"), zone=STOCKHOLM), dynamic(step=500))
        assert rated.excl == Fraction("4.9") * Fraction("0.5") + Fraction("5.1") * Fraction("1.2")

    def test_the_line_says_which_prices_it_follows(self):
        rated = price(session(TEN, charging(15, 4), zone=STOCKHOLM), dynamic(add_per_kwh="0.3", cap="5"))
        assert describe(rated.lines[0]) | {"element": 0} == {
            "code": "market_energy_price",
            "price": "0.8",
            "currency": "SEK",
            "tax_included": "NO",
            "quantity": "4",
            "unit": "kWh",
            "vat_percent": "25",
            "element": 0,
            "component": 0,
            "area": "SE3",
            "add_percent": "0",
            "add_per_kwh": "0.3",
            "floor": "0",
            "cap": "5",
            "fallback_per_kwh": "2",
        }
        assert json.loads(json.dumps(trace(rated.lines[0]))) == trace(rated.lines[0])

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"fallback_per_kwh": None}, "x_dynamic.fallback_per_kwh: a number"),
            ({"floor": "2", "cap": "1"}, "x_dynamic.cap: must not be below the floor"),
            ({"prices": [spot("09:00", "09:20", "1"), spot("09:15", "09:30", "1")]}, "x_dynamic.prices"),
            ({"prices": [spot("09:15", "09:15", "1")]}, "x_dynamic.prices[0].end: must be after"),
            ({"prices": [{"start": "2026-11-20T09:00", "end": 0}]}, "x_dynamic.prices[0].start: an instant"),
        ],
    )
    def test_a_price_that_cannot_be_followed_is_refused(self, wrong, said):
        ocpi = dynamic()
        ocpi["x_dynamic"] |= wrong
        with pytest.raises(InvalidTariff) as refusal:
            parse_tariff(ocpi)
        assert str(refusal.value).startswith(said)


def off_peak(**discount: object) -> dict:
    return {
        "name": "Night",
        "restrictions": {"start_time": "22:00", "end_time": "06:00"},
    } | discount


class TestOffPeakDiscounts:
    def test_a_share_of_the_price_comes_off_in_the_hours_as_a_line_of_its_own(self):
        ocpi = tariff(element(component("ENERGY", "4", "25")), x_incentives=[off_peak(percent=20)])
        rated = price(session("2026-11-20T21:00", charging(120, 20)), ocpi)
        energy, discount = rated.lines
        assert (energy.quantity, energy.excl) == (20, 80)
        assert (discount.charge, discount.quantity, discount.unit_price) == (
            Charge.OFF_PEAK_DISCOUNT,
            10,
            Decimal("-0.8000"),
        )
        assert (discount.excl, discount.incl, rated.rounded.incl.amount) == (-8, -10, Decimal("90.00"))
        assert trace(discount)[:2] == [
            {
                "code": "off_peak_discount",
                "price": "-0.8",
                "currency": "EUR",
                "tax_included": "NO",
                "quantity": "10",
                "unit": "kWh",
                "vat_percent": "25",
                "name": "Night",
                "percent": "20",
            },
            {"code": "between_hours", "start": "22:00", "end": "06:00"},
        ]

    def test_so_much_a_kwh_never_comes_to_more_than_the_energy(self):
        ocpi = tariff(element(component("ENERGY", "0.30", "25")), x_incentives=[off_peak(per_kwh="0.50")])
        rated = price(session("2026-11-20T22:00", charging(60, "0.017")), ocpi)
        assert (rated.excl, rated.incl, rated.rounded.incl.amount) == (0, 0, Decimal(0))

    def test_rounding_makes_no_money_of_many_small_lines(self):
        """Two lines of 0.4 cents are nothing on paper, their discount of 0.8 cents must not be one cent."""
        ocpi = tariff(
            element(component("ENERGY", "0.004"), end_time="23:00", start_time="22:00"),
            element(component("ENERGY", "0.0040")),
            x_incentives=[off_peak(percent=100)],
        )
        rated = price(session("2026-11-20T22:00", charging(120, 2)), ocpi)
        assert rated.rounded.incl.amount == Decimal(0)
        assert [line.rounded.incl.amount for line in rated.lines] == [Decimal(0), Decimal(0), Decimal(0)]

    def test_of_two_that_hold_the_first_counts(self):
        ocpi = tariff(
            element(component("ENERGY", "1")),
            x_incentives=[off_peak(percent=10), {"name": "Always", "percent": 50}],
        )
        rated = price(session("2026-11-20T21:00", charging(120, 20)), ocpi)
        assert {line.incentive.name: line.excl for line in rated.lines_of(Charge.OFF_PEAK_DISCOUNT)} == {
            "Night": -1,
            "Always": -5,
        }

    def test_it_comes_off_the_price_of_the_market_too(self):
        ocpi = dynamic() | {"x_incentives": [{"name": "Any", "percent": 10}]}
        rated = price(session(TEN, charging(30, 10), zone=STOCKHOLM), ocpi)
        assert [line.excl for line in rated.lines] == [Fraction("8.5"), Fraction("-0.85")]

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({}, "x_incentives[0]: either percent or per_kwh"),
            ({"percent": 10, "per_kwh": 1}, "x_incentives[0]: either percent or per_kwh"),
            ({"percent": 101}, "x_incentives[0].percent: at most 100"),
            ({"percent": 1, "restrictions": {"min_kwh": 1}}, "x_incentives[0].restrictions.min_kwh: only"),
        ],
    )
    def test_one_that_cannot_be_given_is_refused(self, wrong, said):
        with pytest.raises(InvalidTariff) as refusal:
            parse_tariff(tariff(element(component("ENERGY", "1")), x_incentives=[off_peak() | wrong]))
        assert str(refusal.value).startswith(said)


class TestTheDaysCap:
    ocpi = tariff(
        element(component("FLAT", "5", "25"), component("ENERGY", "4", "12")),
        x_day_cap={"incl": "100", "paid": "0"},
    )

    def test_what_was_paid_that_day_and_the_session_come_to_the_cap_at_most(self):
        ocpi = self.ocpi | {"x_day_cap": {"incl": "100", "paid": "60.00"}}
        rated = price(session(TEN, charging(60, 20)), ocpi)
        # 6.25 + 89.60 = 95.85 after tax, of which 40.00 are left; 85.00 before tax fall in proportion
        assert (rated.incl, rated.rounded.incl.amount) == (40, Decimal("40.00"))
        assert rated.rounded.excl.amount == Decimal("35.47")
        line = rated.lines[-1]
        assert (line.charge, line.limit, line.paid) == (Charge.DAY_CAP, Decimal(100), Decimal("60.00"))
        assert (line.rounded.incl.amount, line.rounded.excl.amount) == (Decimal("-55.85"), Decimal("-49.53"))
        assert trace(line) == [
            {
                "code": "day_cap",
                "price": "-49.5279",
                "currency": "EUR",
                "tax_included": "NO",
                "limit": "100",
                "paid": "60",
            }
        ]

    def test_below_the_cap_nothing_changes(self):
        rated = price(session(TEN, charging(60, 20)), self.ocpi)
        assert [line.charge for line in rated.lines] == [Charge.FLAT, Charge.ENERGY]

    def test_a_day_that_is_paid_up_costs_nothing_more_and_gives_nothing_back(self):
        ocpi = self.ocpi | {"x_day_cap": {"incl": "100", "paid": "130"}}
        rated = price(session(TEN, charging(60, 20)), ocpi)
        assert (rated.excl, rated.incl, rated.rounded.excl.amount) == (0, 0, Decimal(0))

    def test_it_is_stronger_than_a_minimum_price(self):
        ocpi = self.ocpi | {"min_price": {"before_taxes": "200", "after_taxes": "250"}}
        assert price(session(TEN, charging(60, 20)), ocpi).rounded.incl.amount == Decimal("100.00")

    def test_one_rate_of_vat_stays_on_the_line(self):
        ocpi = tariff(element(component("ENERGY", "4", "25")), x_day_cap={"incl": "50"}, tax_included="YES")
        line = price(session(TEN, charging(60, 20)), ocpi).lines[-1]
        assert (line.vat_rate, line.incl, line.excl) == (Decimal("0.25"), -30, -24)
