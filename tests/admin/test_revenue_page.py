"""The page of revenue: who sees it, what it shows, and that it moves when a session is billed."""

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from billing import cdrs
from billing.models import EnergyCost
from billing.revenue import costs
from billing.revenue.figures import Figures
from chargeportal.dashboards.revenue_chart import bars, draw
from chargeportal.live.pages import Changes, topic_named
from tests.factories import EvseFactory, LocationFactory, SessionFactory, StationFactory, priced_tariff

PAGE = "dashboards:revenue"


@pytest.fixture
def location(operator):
    location = LocationFactory(operator=operator, name="Stortorget")
    EnergyCost.objects.create(location=location, valid_from=dt.date(2020, 1, 1), per_kwh=Decimal("1.20"))
    priced_tariff(operator=operator, ENERGY="5.00")
    return location


@pytest.fixture
def bill(location):
    """A session of an hour and 11 kWh that ended just now, billed, with its costs."""

    def make():
        now = timezone.now()
        session = SessionFactory(
            evse=EvseFactory(station=StationFactory(location=location)), ended=True,
            started_at=now - dt.timedelta(minutes=61),
        )  # fmt: skip
        cdr = cdrs.rate_session(session.pk, now=now)
        assert cdr is not None
        costs.work_out([cdr.pk], now=now)
        return cdr

    return make


def test_finance_and_operators_see_the_figures(bill, colleague, browser):
    """11 kWh at 5.00 are 55.00, of which 11.00 is VAT; the energy cost 13.20, which leaves 30.80."""
    cdr = bill()
    day = timezone.localdate(cdr.ended_at).isoformat()
    for role in ("finance", "operator"):
        page = browser(colleague(role)).get(reverse(PAGE), {"from": day, "to": day})
        assert page.context["revenue"].total == Figures(
            sessions=1, energy_wh=Decimal(11_000), gross=Decimal("55.00"), vat=Decimal("11.00"),
            net=Decimal("44.00"), energy_cost=Decimal("13.2000"), card_fees=Decimal(0),
        )  # fmt: skip
        words = page.content.decode()
        assert "SEK\u00a030.80" in words
        assert "Stortorget" in words


@pytest.mark.parametrize("role", ["technician", "support"])
def test_others_of_the_operator_do_not(bill, colleague, browser, role):
    bill()
    client = browser(colleague(role))
    assert client.get(reverse(PAGE)).status_code == 403
    assert client.get(reverse("dashboards:revenue-csv", args=["site"])).status_code == 403


def test_a_stranger_sees_only_the_own_empty_page(bill, stranger, browser):
    bill()
    page = browser(stranger).get(reverse(PAGE))
    assert page.context["revenue"].total == Figures()
    assert "No session was billed in this period" in page.content.decode()


@pytest.mark.parametrize(
    "asked", [{"from": "x", "to": "y"}, {"from": "2026-02-30", "to": "2026-03-01"}, {"from": "2026-03-01"}]
)
def test_a_period_that_cannot_be_is_said_to_be_so(colleague, browser, asked):
    page = browser(colleague("finance")).get(reverse(PAGE), asked)
    assert "Choose a first and a last day" in page.content.decode()
    assert (
        browser(colleague("finance")).get(reverse("dashboards:revenue-csv", args=["site"]), asked).status_code
        == 404
    )


@pytest.mark.parametrize("by", ["time", "site", "station", "tariff", "price_group", "payment_kind"])
def test_each_table_comes_as_csv(bill, colleague, browser, by):
    bill()
    answer = browser(colleague("finance")).get(reverse("dashboards:revenue-csv", args=[by]))
    lines = answer.content.decode("utf-8-sig").split("\r\n")
    assert lines[0].startswith(f"{by},currency,sessions")
    assert ",SEK,1,11.000,55.00,11.00,44.00,13.20,0.00,30.80," in lines[1]


def test_the_page_costs_the_same_queries_at_one_row_and_at_three(bill, colleague, browser):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, counts = browser(colleague("finance")), []
    client.get(reverse(PAGE))
    for _ in range(3):
        bill()
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse(PAGE))
        counts.append(len(captured))
    assert counts[0] == counts[2]


class TestPushed:
    def test_a_billed_session_is_pushed_to_those_who_deal_with_its_money(self, bill, colleague, stranger):
        cdr = bill()
        topic = topic_named("revenue")
        changes = Changes(session_ids=frozenset({cdr.session_id}))
        sent = "".join(topic.fragments(colleague("finance"), "", changes))
        assert 'id="revenue-now"' in sent
        assert 'id="revenue-period"' in sent
        assert "SEK\u00a055.00" in sent
        assert list(topic.fragments(stranger, "", changes)) == []

    def test_meter_values_of_a_running_session_are_no_news(self, location, colleague):
        session = SessionFactory(evse=EvseFactory(station=StationFactory(location=location)))
        changes = Changes(session_ids=frozenset({session.pk}))
        assert list(topic_named("revenue").fragments(colleague("finance"), "", changes)) == []

    def test_only_those_who_deal_with_money_may_listen(self, colleague, stranger):
        topic = topic_named("revenue")
        assert topic.allows(colleague("operator"), "20260301-20260331") is True
        assert topic.allows(colleague("technician"), "") is False
        assert topic.allows(SessionFactory().user, "") is False


class TestCharts:
    def test_columns_stand_to_scale_on_the_ground(self, bill, operator):
        from billing.revenue import periods
        from billing.revenue.figures import revenue

        cdr = bill()
        day = timezone.localdate(cdr.ended_at)
        chart = draw(revenue([operator.pk], periods.chosen(day, day)))
        assert chart is not None
        assert len(chart.columns) == 24
        (column,) = [each for each in chart.columns if each.figures.sessions]
        assert column.net_height / column.cost_height == pytest.approx(44 / 13.2, abs=0.02)
        assert column.net_y + column.net_height == pytest.approx(chart.ground, abs=0.1)
        assert [tick.label for tick in chart.ticks] == ["0", "10", "20", "30", "40", "50"]

    def test_nothing_earned_draws_nothing(self, operator):
        from billing.revenue import periods
        from billing.revenue.figures import revenue

        assert draw(revenue([operator.pk], periods.today(now=timezone.now()))) is None
        assert bars([]) == []
