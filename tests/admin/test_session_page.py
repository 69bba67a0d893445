"""The page of one session: the curve, the story, and the price line by line."""

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from chargeportal.dashboards.load_chart import draw
from chargeportal.dashboards.price_words import explain
from chargeportal.live.pages import Changes, topic_named
from sessions.curves import load_curve
from sessions.ports import PricedLine
from tests.factories import (
    EvseFactory,
    LocationFactory,
    SessionFactory,
    StationFactory,
    meter_samples,
    priced_tariff,
)

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def session(operator):
    station = StationFactory(location=LocationFactory(operator=operator))
    session = SessionFactory(
        evse=EvseFactory(station=station), ended=True, started_at=NOON, meter_start_wh=Decimal(1000),
        meter_stop_wh=Decimal(12_000), energy_wh=Decimal(11_000),
    )  # fmt: skip
    meter_samples(
        session,
        *((NOON + dt.timedelta(minutes=n), 11_000.0, 1000 + 11_000 * n / 60) for n in range(0, 61, 10)),
    )
    return session


def line(*trace) -> PricedLine:
    return PricedLine(
        dimension="ENERGY", quantity=Decimal(1), unit="kWh", unit_price=Decimal(1), price_includes_vat=True,
        vat_rate=None, amount_excl_vat=Decimal(1), amount_vat=Decimal(0), amount_incl_vat=Decimal(1),
        trace=list(trace),
    )  # fmt: skip


def test_the_price_is_explained_line_by_line_and_adds_up(session, operator, colleague, browser):
    """11 kWh at 4.95 is 54.45, with 10.00 to start 64.45 in all, of which a fifth is VAT."""
    priced_tariff(operator=operator, ENERGY="4.95", FLAT="10")
    page = browser(colleague("finance")).get(reverse("dashboards:session", args=[session.pk]))
    price = page.context["price"]
    words = page.content.decode()
    assert sum(each["line"].amount_incl_vat for each in page.context["lines"]) == price.total_incl_vat
    assert price.total_incl_vat == Decimal("64.45")
    assert "Energy costs SEK\u00a04.95 per kWh (25% VAT included)" in words
    assert "Each start costs SEK\u00a010.00 (25% VAT included)" in words


def test_the_curve_has_power_energy_and_the_clock_of_the_place(session):
    chart = draw(load_curve(session), zone="Europe/Stockholm")
    assert [tick.label for tick in chart.power_ticks] == ["0", "5", "10", "15"]
    assert [tick.label for tick in chart.energy_ticks] == ["0", "5", "10", "15"]
    assert [tick.label for tick in chart.time_ticks] == ["13:10", "13:20", "13:30", "13:40", "13:50"]
    assert chart.power_line.count("L") == 6
    # 11 of 15 kW stands at 11/15 of the height between ground and top
    assert chart.spots[0].power_y == pytest.approx(
        chart.ground - 11 / 15 * (chart.ground - chart.top), abs=0.1
    )
    assert chart.spots[0].energy_y == chart.ground


def test_a_curve_over_the_night_of_the_clock_change_keeps_the_wall_clock(session):
    """On 29 March 2026 Stockholm goes from 02:00 to 03:00."""
    from sessions.curves import CurvePoint, LoadCurve

    begin = dt.datetime(2026, 3, 29, 0, 0, tzinfo=dt.UTC)
    points = tuple(
        CurvePoint(begin + dt.timedelta(hours=n), 1000.0, 1000.0 * n, *[None] * 8) for n in range(4)
    )
    chart = draw(LoadCurve(points, 1000, 1000), zone="Europe/Stockholm")
    assert "02:00" not in [tick.label for tick in chart.time_ticks]
    assert "03:00" in [tick.label for tick in chart.time_ticks]


def test_the_curve_goes_on_to_the_end_of_the_session(session):
    chart = draw(load_curve(session), zone="Europe/Stockholm", ended_at=NOON + dt.timedelta(hours=2))
    assert chart.end == NOON + dt.timedelta(hours=2)
    assert chart.spots[-1].x == pytest.approx((chart.left + chart.right) / 2, abs=0.1)


def test_too_few_readings_are_said_to_be_so(operator, colleague, browser):
    session = SessionFactory(
        evse=EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)))
    )
    page = (
        browser(colleague("technician"))
        .get(reverse("dashboards:session", args=[session.pk]))
        .content.decode()
    )
    assert "as soon as the charger has sent two readings" in page


def test_every_code_of_the_rating_engine_has_words():
    import re

    from billing.rating import explanation

    table = explanation.__doc__.split("|---|---|")[1]
    codes = {
        code
        for row in re.findall(r"^\| ([a-z_, \\\n]+?) \|", table, re.MULTILINE)
        for code in re.findall(r"[a-z_]+", row)
    }
    price = {"price": "1", "currency": "SEK", "tax_included": "YES", "vat_percent": "25"}
    values = {"start": "08:00", "end": "17:00", "weekdays": [0], "date": "2026-03-10", "kwh": "1", "kw": "1",
              "a": "1", "s": "60", "step": 60, "unit": "s", "measured": "61", "billed": "120"}  # fmt: skip
    silent = {code for code in codes if not explain(line({"code": code, **price, **values}))}
    assert len(codes) > 20
    assert silent == {"period", "market_price"}  # shown as tables of the stretches


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"code": "on_weekdays", "weekdays": [5, 6]}, "Holds on Saturday, Sunday"),
        (
            {"code": "rounded_up_to_step", "step": 900, "unit": "s", "measured": "1000", "billed": "1800"},
            "Billed by 15\u00a0min: 17\u00a0min measured, 30\u00a0min billed",
        ),
        (
            {
                "code": "energy_at_price",
                "price": "4",
                "currency": "SEK",
                "tax_included": "NO",
                "vat_percent": "25",
            },
            "Energy costs SEK\u00a04.00 per kWh (25% VAT is added)",
        ),
    ],
)
def test_the_words_of_a_reason(step, words):
    assert explain(line(step)) == [words]


class TestPushed:
    def test_a_running_session_is_pushed_in_parts(self, operator, colleague):
        session = SessionFactory(
            evse=EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)))
        )
        topic, user = topic_named("operator-session"), colleague("support")
        sent = "".join(topic.fragments(user, str(session.pk), Changes(session_ids=frozenset({session.pk}))))
        for name in ("session-summary", "session-curve", "session-story", "session-price"):
            assert f'id="{name}"' in sent
        assert (
            list(topic.fragments(user, str(session.pk), Changes(session_ids=frozenset({session.pk + 1}))))
            == []
        )

    def test_a_stranger_and_the_driver_may_not_listen_here(self, session, colleague, stranger):
        topic = topic_named("operator-session")
        assert topic.allows(colleague("technician"), str(session.pk)) is True
        assert topic.allows(stranger, str(session.pk)) is False
        assert topic.allows(session.user, str(session.pk)) is False
