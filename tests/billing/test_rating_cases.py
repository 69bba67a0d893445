"""Cases in, prices out, as support staff and other systems use them."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from billing.rating.cases import InvalidCase, price_case
from tests.billing.rating_builders import component, element, tariff

PLAIN = tariff(element(component("ENERGY", "0.25", "10"), component("TIME", "6", step=0)))


def case(*periods: dict, ocpi: dict | None = None, **fields: object) -> dict:
    session = {
        "time_zone": "Europe/Stockholm",
        "start_date_time": periods[0]["start"],
        "periods": list(periods),
    }
    return {"id": "A", "tariff": ocpi or PLAIN, "session": session | fields}


def period(start: str, seconds: object = 3600, **fields: object) -> dict:
    return {"start": start, "seconds": seconds, "kind": "CHARGING", "kwh": 20} | fields


def test_a_case_comes_back_with_its_price_what_is_billed_and_the_lines():
    assert price_case(case(period("2026-11-20T10:00:00"))) == {
        "id": "A",
        "excl": 11.0,
        "incl": 11.5,
        "billed": {"ENERGY_Wh": 20000, "TIME_s": 3600, "PARKING_TIME_s": 0, "RESERVATION_TIME_s": 0},
        "lines": [
            {
                "dimension": "ENERGY",
                "quantity": 20,
                "unit": "kWh",
                "price": 0.25,
                "cost_excl": 5.0,
                "vat": 10.0,
                "cost_incl": 5.5,
                "element": 0,
            },
            {
                "dimension": "TIME",
                "quantity": 3600,
                "unit": "s",
                "price": 6.0,
                "cost_excl": 6.0,
                "vat": None,
                "cost_incl": 6.0,
                "element": 0,
            },
        ],
    }


def test_amounts_have_four_decimals_half_up_and_null_where_a_tax_is_unknown():
    ocpi = tariff(element(component("ENERGY", "0.00025")), country_code="US")
    priced = price_case(case(period("2026-11-20T10:00:00", kwh=1), ocpi=ocpi))
    assert (priced["excl"], priced["incl"]) == (0.0003, None)


def test_runs_of_one_price_are_listed_apart_and_the_last_bears_the_step():
    ocpi = tariff(
        element(component("TIME", "6", step=900), max_power=10), element(component("TIME", "12", step=900))
    )
    steps = [
        period("2026-11-20T10:00:00", 600, power_kw=5),
        period("2026-11-20T10:10:00", 600, power_kw=20),
        period("2026-11-20T10:20:00", 60, power_kw=5),
    ]
    lines = price_case(case(*steps, ocpi=ocpi))["lines"]
    assert [(line["price"], line["quantity"]) for line in lines] == [(6.0, 600), (6.0, 600), (12.0, 600)]


@pytest.mark.parametrize(
    ("fields", "billed_s"),
    [
        ({}, 4500),
        ({"start_date_time_utc": "2026-10-25T00:15:00Z"}, 4500),
        ({"start_date_time_utc": "2026-10-25T01:15:00Z"}, 1800),
        ({"start_date_time_utc": "2026-10-25T01:15:00"}, 1800),
    ],
)
def test_a_start_in_the_repeated_hour_is_told_apart_by_utc(fields, billed_s):
    """Ninety minutes from the first 02:15 see the hour until 02:45 twice, from the second only once."""
    ocpi = tariff(element(component("TIME", "6"), start_time="02:00", end_time="02:45"))
    priced = price_case(case(period("2026-10-25T02:15:00", 5400), ocpi=ocpi, **fields))
    assert priced["billed"]["TIME_s"] == billed_s


def test_a_period_that_begins_on_the_second_pass_follows_the_one_before():
    periods = [
        period("2026-10-25T02:00:00", 3600),
        period("2026-10-25T02:00:00", 3600, kind="PARKING", kwh=0),
    ]
    priced = price_case(case(*periods, ocpi=tariff(element(component("PARKING_TIME", "6")))))
    assert priced["billed"]["PARKING_TIME_s"] == 3600


BAD = {
    "no tariff": ({"id": 1, "session": {}}, "tariff: an object"),
    "no session": ({"id": 1, "tariff": PLAIN}, "session: an object"),
    "no periods": (
        {"tariff": PLAIN, "session": {"time_zone": "Europe/Oslo", "periods": []}},
        "periods: a list",
    ),
    "no zone": (
        {"tariff": PLAIN, "session": {"time_zone": "Mars/Crater"}},
        "time_zone: 'Mars/Crater' is not",
    ),
    "escaping zone": ({"tariff": PLAIN, "session": {"time_zone": "../../etc/passwd"}}, "time_zone:"),
    "no time": (case(period("yesterday")), "start_date_time: a date and time"),
    "negative time": (case(period("2026-11-20T10:00:00", -1)), "periods[0].seconds: must not be negative"),
    "endless time": (case(period("2026-11-20T10:00:00", "1e19")), "periods[0].seconds: at most ten years"),
    "endless number": (
        case(period("2026-11-20T10:00:00", "1e99999999")),
        "periods[0].seconds: a number of at",
    ),
    "negative energy": (case(period("2026-11-20T10:00:00", kwh=-1)), "periods[0].kwh: must not be negative"),
    "unknown kind": (case(period("2026-11-20T10:00:00", kind="SLEEP")), "periods[0].kind: 'SLEEP'"),
    "overlap": (
        case(period("2026-11-20T10:00:00"), period("2026-11-20T10:30:00")),
        "periods[1]: ends before it starts",
    ),
    "unknown reservation": (
        case(period("2026-11-20T10:00:00"), reservation={"state": "MAYBE"}),
        "reservation.state: 'MAYBE'",
    ),
}


@pytest.mark.parametrize(("bad", "said"), BAD.values(), ids=BAD.keys())
def test_a_case_that_cannot_be_priced_says_what_is_wrong(bad, said):
    with pytest.raises(InvalidCase) as refusal:
        price_case(bad)
    assert str(refusal.value).startswith(said)


def run(text: str, tmp_path: object) -> list[dict]:
    file = tmp_path / "cases.jsonl"
    file.write_text(text, encoding="utf-8")
    out = io.StringIO()
    call_command("price_cases", str(file), stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_bad_line_is_answered_and_the_run_goes_on(tmp_path):
    good = json.dumps(case(period("2026-11-20T10:00:00")), default=float)
    lines = [good, "{", "", '{"id": "B", "tariff": 5}', '{"id": "C", "tariff": NaN}', "[]", good]
    answers = run("\n".join(lines), tmp_path)
    assert [(answer.get("id"), "error" in answer) for answer in answers] == [
        ("A", False),
        (None, True),
        ("B", True),
        (None, True),
        (None, True),
        ("A", False),
    ]
    assert answers[0]["excl"] == 11.0
    assert answers[1]["error"].startswith("not JSON")
    assert answers[2]["error"] == "tariff: an object is needed"


def test_numbers_keep_the_decimals_they_are_written_with(tmp_path):
    written = case(period("2026-11-20T10:00:00", kwh=Decimal("0.1152")))
    (answer,) = run(json.dumps(written, default=str), tmp_path)
    assert answer["billed"]["ENERGY_Wh"] == 116


def test_no_line_stops_the_run_however_odd_it_is(tmp_path):
    good = json.dumps(case(period("2026-11-20T10:00:00")), default=float)
    odd = [
        '{"id": "\\ud800", "tariff": 5}',
        "[" * 100_000,
        '{"id": ' + "9" * 5000 + "}",
        '{"id": {"a": 1e999}}',
        "\x00",
    ]
    answers = run("\ufeff" + "\n".join([good, *odd, good]), tmp_path)
    assert len(answers) == 7
    assert ["error" in answer for answer in answers] == [False, True, True, True, True, True, False]
    assert answers[1]["id"] == "\ud800"


def test_our_own_keys_are_priced_as_well(tmp_path):
    ocpi = tariff(element(component("ENERGY", "1", "25")), x_incentives=[{"name": "Always", "percent": 50}])
    (answer,) = run(json.dumps(case(period("2026-11-20T10:00:00"), ocpi=ocpi), default=str), tmp_path)
    assert (answer["excl"], answer["incl"]) == (10.0, 12.5)
    assert [(line["dimension"], line["cost_excl"]) for line in answer["lines"]] == [
        ("ENERGY", 20.0),
        ("OFF_PEAK_DISCOUNT", -10.0),
    ]


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("price_cases", str(tmp_path / "none.jsonl"))
