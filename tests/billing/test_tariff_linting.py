"""What a tariff is refused for, with its line and the reason."""

import datetime as dt
from decimal import Decimal

import pytest

from billing.tariffs.afir import afir_findings, legal_order
from billing.tariffs.findings import errors_of
from billing.tariffs.linting import Facts, Place, lint

TODAY = dt.date(2026, 3, 10)
FACTS = Facts(today=TODAY)


def price(kind: str = "ENERGY", amount: str = "4.95", **fields) -> dict:
    return {"type": kind, "price": amount, "vat": "25", "step_size": 1, **fields}


def element(*prices: dict, **restrictions) -> dict:
    return {"price_components": list(prices or [price()]), "restrictions": restrictions}


def tariff(*elements: dict, **fields) -> dict:
    return {"currency": "SEK", "tax_included": "YES", "elements": list(elements), **fields}


def found(ocpi: dict, facts: Facts = FACTS) -> list[tuple]:
    """All that is found, but that energy is free at other hours."""
    findings = [f for f in lint(ocpi, facts=facts) if f.code != "free_at_times"]
    return [(f.level.value, f.code, f.element, f.component) for f in findings]


def test_a_sound_tariff_has_nothing_to_say() -> None:
    sound = tariff(
        element(price(amount="2.95"), start_time="22:00", end_time="06:00"),
        element(price(), price("PARKING_TIME", "60"), price("FLAT", "5")),
    )
    assert found(sound) == []


@pytest.mark.parametrize(
    ("restrictions", "code"),
    [
        ({"start_time": "08:00", "end_time": "08:00"}, "empty_hours"),
        ({"start_date": "2026-05-01", "end_date": "2026-05-01"}, "empty_dates"),
        ({"start_date": "2026-05-02", "end_date": "2026-05-01"}, "empty_dates"),
        # 2026-05-04 is a Monday
        ({"start_date": "2026-05-04", "end_date": "2026-05-06", "day_of_week": ["SUNDAY"]}, "empty_dates"),
        ({"end_date": "2026-03-10"}, "past_dates"),
        ({"min_kwh": 10, "max_kwh": 10}, "empty_bounds"),
        ({"max_kwh": 0}, "empty_bounds"),
        ({"min_power": 50, "max_power": 11}, "empty_bounds"),
        ({"min_current": 32, "max_current": 16}, "empty_bounds"),
        ({"min_duration": 3600, "max_duration": 600}, "empty_bounds"),
        ({"start_time": "25:00"}, "bad_restriction"),
        ({"day_of_week": ["FUNDAY"]}, "bad_restriction"),
        ({"min_kwh": -1}, "bad_restriction"),
        ({"phase_of_moon": "full"}, "bad_restriction"),
    ],
)
def test_a_price_that_can_never_hold_is_refused_with_its_line(restrictions: dict, code: str) -> None:
    ocpi = tariff(element(price("FLAT", "1")), element(price(), **restrictions))
    assert found(ocpi) == [("error", code, 1, None)]


def test_hours_past_midnight_and_dates_to_come_do_hold() -> None:
    ocpi = tariff(element(price(), start_time="22:00", end_time="06:00", end_date="2026-03-11"))
    assert found(ocpi) == []


@pytest.mark.parametrize(
    ("ocpi", "expected"),
    [
        (tariff(element(price(amount="-1"))), ("error", "negative_price", 0, 0)),
        (tariff(element(price(amount="a lot"))), ("error", "bad_price", 0, 0)),
        (tariff(element(price(), price(amount="3"))), ("error", "type_twice", 0, 1)),
        (tariff(element(price("GAS"))), ("error", "unknown_type", 0, 0)),
        (tariff(), ("error", "no_prices", None, None)),
        (tariff({"price_components": []}), ("error", "no_prices", 0, None)),
        (tariff(element(), currency="KRO"), ("error", "unknown_currency", None, None)),
        (tariff(element(price(step_size=0))), ("warning", "step_zero", 0, 0)),
        (tariff(element(price(vat=None))), ("warning", "vat_missing", 0, 0)),
        (tariff(element(), x_idle_grace_s=600), ("warning", "grace_without_parking_fee", None, None)),
        (
            tariff(element(price("TIME", "6")), x_dynamic={"area": "SE3", "fallback_per_kwh": "1"}),
            ("error", "dynamic_without_energy", None, None),
        ),
        (
            tariff(element(price(), reservation="RESERVATION")),
            ("error", "never_while_reserved", 0, 0),
        ),
        (tariff(element(), min_price={"before_taxes": 8}), ("error", "bound_one_sided", None, None)),
        (
            tariff(element(price(), price("FLAT", "5", vat="12")), x_day_cap={"incl": "100"}),
            ("error", "bounds_over_several_rates", None, None),
        ),
        (
            tariff(element(), max_price={"before_taxes": 80, "after_taxes": 90}),
            ("error", "bound_off_rate", None, None),
        ),
        (tariff(element(), min_price={}), ("error", "bad_bound", None, None)),
        (tariff(element(), max_price={"before_taxes": -1}), ("error", "bad_bound", None, None)),
        (
            tariff(element(), max_price={"before_taxes": 10, "after_taxes": 8}),
            ("error", "bad_bound", None, None),
        ),
        (
            tariff(
                element(),
                min_price={"before_taxes": 20, "after_taxes": 25},
                max_price={"before_taxes": 30, "after_taxes": 20},
            ),
            ("error", "bad_bound", None, None),
        ),
    ],
)
def test_what_is_wrong_is_named(ocpi: dict, expected: tuple) -> None:
    assert expected in found(ocpi)


def test_a_lowest_price_above_the_highest_is_refused() -> None:
    low, high = {"before_taxes": 20, "after_taxes": 25}, {"before_taxes": 16, "after_taxes": 20}
    assert found(tariff(element(), min_price=low, max_price=high)) == [
        ("error", "bounds_crossed", None, None),
        ("error", "bounds_crossed", None, None),
    ]


class TestReach:
    def test_behind_an_unrestricted_price_nothing_of_its_kind_is_reached(self) -> None:
        ocpi = tariff(element(), element(price(amount="2"), start_time="22:00", end_time="06:00"))
        assert found(ocpi) == [("error", "unreachable", 1, 0)]
        assert "group 1" in lint(ocpi, facts=FACTS)[0].message
        assert lint(ocpi, facts=FACTS)[0].where == "Group of prices 2, line 1"

    def test_another_kind_of_price_behind_it_is(self) -> None:
        assert found(tariff(element(), element(price("FLAT", "5")))) == []

    def test_a_wider_window_hides_a_narrower_one_behind_it(self) -> None:
        wide = element(price(), start_time="20:00", end_time="08:00")
        narrow = element(price(amount="2"), start_time="22:00", end_time="06:00")
        assert found(tariff(wide, narrow)) == [("error", "unreachable", 1, 0)]
        assert found(tariff(narrow, wide)) == []

    def test_two_windows_of_one_kind_that_overlap_are_refused(self) -> None:
        morning = element(price(), start_time="06:00", end_time="12:00")
        noon = element(price(amount="2"), start_time="10:00", end_time="14:00")
        assert found(tariff(morning, noon)) == [("error", "overlap", 1, 0)]

    def test_windows_that_meet_do_not_overlap(self) -> None:
        first = element(price(), max_kwh=20)
        second = element(price(amount="2"), min_kwh=20)
        assert found(tariff(first, second)) == []

    def test_windows_of_different_kinds_may_cross_and_the_first_counts(self) -> None:
        weekend = element(price(), day_of_week=["SATURDAY", "SUNDAY"])
        night = element(price(amount="2"), start_time="22:00", end_time="06:00")
        assert found(tariff(weekend, night, element(price(amount="6")))) == [
            ("warning", "overlap_in_part", 1, 0)
        ]

    def test_a_limit_on_power_hides_nothing_without_one_for_power_may_be_unknown(self) -> None:
        measured = element(price(), min_power=0)
        assert found(tariff(measured, element(price(amount="2")))) == []

    def test_prices_of_reservations_and_of_sessions_do_not_meet(self) -> None:
        reserved = element(price("TIME", "6"), reservation="RESERVATION")
        expired = element(price("TIME", "9"), reservation="RESERVATION_EXPIRES")
        assert found(tariff(element(price("TIME", "1")), reserved, expired)) == []


@pytest.mark.parametrize(
    ("elements", "is_free"),
    [
        ([element(price(), start_time="06:00", end_time="22:00")], True),
        ([element(price(), day_of_week=["MONDAY"]), element(price("FLAT", "5"))], True),
        ([element(price(), start_time="06:00", end_time="22:00"), element(price())], False),
        (
            [
                element(price(), start_time="06:00", end_time="22:00"),
                element(price(amount="2"), start_time="22:00", end_time="06:00"),
            ],
            False,
        ),
        ([element(price(), max_kwh=20)], False),  # whoever says so means it
        ([element(price("TIME", "6"))], False),
    ],
)
def test_hours_without_an_energy_price_are_pointed_out(elements: list, is_free: bool) -> None:
    codes = [f.code for f in lint(tariff(*elements), facts=FACTS)]
    assert codes == (["free_at_times"] if is_free else [])


def test_a_time_zone_that_does_not_exist_is_refused() -> None:
    facts = Facts(today=TODAY, places=(Place("Torget", "Europe/Umea"),))
    (finding,) = lint(tariff(element()), facts=facts)
    assert (finding.code, "Torget" in finding.message) == ("unknown_time_zone", True)


class TestAfir:
    FAST = Place("Highway 1", "Europe/Stockholm", max_power_kw=Decimal(50))
    SLOW = Place("Street 1", "Europe/Stockholm", max_power_kw=Decimal("49.9"))

    def codes(self, ocpi: dict, *places: Place, ad_hoc: bool = True) -> list[tuple]:
        facts = Facts(today=TODAY, is_ad_hoc=ad_hoc, places=places or (self.FAST,))
        return [(f.level.value, f.code) for f in afir_findings(ocpi, facts=facts)]

    @pytest.mark.parametrize(
        "allowed",
        [
            tariff(element(price(), price("PARKING_TIME", "60"))),
            tariff(element(price("TIME", "60"), min_duration=3600), element(price())),
            tariff(element(price(), price("FLAT", "0"))),
            tariff(element(price("FLAT", "0"))),
        ],
    )
    def test_per_kwh_and_a_fee_for_occupying_the_place_are_allowed(self, allowed: dict) -> None:
        assert self.codes(allowed) == []

    @pytest.mark.parametrize(
        ("ocpi", "code"),
        [
            (tariff(element(price(), price("FLAT", "5"))), "afir_flat"),
            (tariff(element(price(), price("TIME", "6"))), "afir_time"),
            (tariff(element(price()), min_price={"after_taxes": 10}), "afir_min_price"),
            (tariff(element(price("PARKING_TIME", "60"))), "afir_no_energy"),
        ],
    )
    def test_anything_else_is_refused_at_50_kw(self, ocpi: dict, code: str) -> None:
        assert self.codes(ocpi) == [("error", code)]
        assert self.codes(ocpi, self.SLOW) == []

    def test_the_article_the_line_and_the_place_are_named(self) -> None:
        facts = Facts(today=TODAY, is_ad_hoc=True, places=(self.SLOW, self.FAST))
        (finding,) = afir_findings(tariff(element(price(), price("FLAT", "5"))), facts=facts)
        assert (finding.element, finding.component) == (0, 1)
        assert "A start fee is not allowed" in finding.message
        assert "Article 5(4)" in finding.message
        assert "Highway 1" in finding.message
        assert "Street 1" not in finding.message

    def test_a_price_for_a_group_is_free_of_it(self) -> None:
        staff = Place("Highway 1", "Europe/Stockholm", max_power_kw=Decimal(150), is_public=False)
        assert self.codes(tariff(element(price("FLAT", "5"))), staff) == []

    def test_a_public_tariff_that_guests_would_pay_is_warned_about(self) -> None:
        ocpi = tariff(element(price(), price("FLAT", "5")))
        assert self.codes(ocpi, ad_hoc=False) == [("warning", "afir_flat")]
        covered = Place("Highway 1", "Europe/Stockholm", max_power_kw=Decimal(150), has_other_ad_hoc=True)
        assert self.codes(ocpi, covered, ad_hoc=False) == []

    def test_prices_are_listed_per_kwh_per_minute_per_session(self) -> None:
        kinds = ["FLAT", "PARKING_TIME", "OTHER", "ENERGY"]
        assert sorted(kinds, key=legal_order) == ["ENERGY", "PARKING_TIME", "FLAT", "OTHER"]


def test_errors_are_told_from_warnings() -> None:
    findings = lint(tariff(element(price(amount="-1", vat=None))), facts=FACTS)
    assert [f.code for f in findings] == ["negative_price", "vat_missing"]
    assert [f.code for f in errors_of(findings)] == ["negative_price"]
