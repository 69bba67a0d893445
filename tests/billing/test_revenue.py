"""What was earned and what it cost, by calculation with pencil and paper."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organisation
from billing import cdrs
from billing.models import (
    BalanceTransaction,
    Cdr,
    CdrCost,
    EnergyCost,
    Payment,
    SpotPrice,
)
from billing.revenue import costs, periods, tables
from billing.revenue.figures import Dimension, Figures, revenue, totals
from sessions.models import ChargingSession
from stations.models import Location
from stations.ocpp.messages import TransactionEnded
from tests.billing.conftest import MakeTariff
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(days=1)
MARCH = periods.chosen(dt.date(2026, 3, 1), dt.date(2026, 3, 31))


def operator_ids() -> list[int]:
    return [Organisation.objects.get(name="Operator").pk]


def charged(says: Says, *, hour: int = 0, stop_wh: int = 12_000) -> Cdr:
    """An hour from noon and that many hours: 11 kWh unless told otherwise, billed, with its costs."""
    at = says.later(hours=hour)
    says.now = at
    reply = says.start(occurred_at=at)
    says(
        _stop(reply.transaction_ref, at=at + dt.timedelta(hours=1), stop_wh=stop_wh),
        at=at + dt.timedelta(hours=1),
    )
    session = ChargingSession.objects.get(transaction_ref=reply.transaction_ref)
    cdr = cdrs.rate_session(session.pk, now=LATER)
    assert cdr is not None
    costs.work_out([cdr.pk], now=LATER)
    return cdr


def _stop(ref: str, *, at: dt.datetime, stop_wh: int) -> TransactionEnded:
    return TransactionEnded(transaction_ref=ref, occurred_at=at, meter_stop_wh=stop_wh)


def buys(*, per_kwh: str, area: str = "", since: dt.date = dt.date(2026, 1, 1)) -> EnergyCost:
    return EnergyCost.objects.create(
        location=Location.objects.get(), valid_from=since, area=area, per_kwh=Decimal(per_kwh)
    )


def market(*prices: str) -> None:
    """The day-ahead prices of the quarters from noon on."""
    for n, price in enumerate(prices):
        at = NOON + dt.timedelta(minutes=15 * n)
        SpotPrice.objects.create(
            area="SE3", starts_at=at, ends_at=at + dt.timedelta(minutes=15), price_per_kwh=Decimal(price),
            source="test", imported_at=NOON,
        )  # fmt: skip


class TestEnergyCosts:
    def test_a_fixed_price(self, says: Says) -> None:
        buys(per_kwh="1.20")
        charged(says)
        assert CdrCost.objects.get().energy_cost == Decimal("13.2000")

    def test_the_price_of_the_day_the_session_began_holds(self, says: Says) -> None:
        buys(per_kwh="1.20")
        buys(per_kwh="2.00", since=dt.date(2026, 3, 10))
        buys(per_kwh="9.00", since=dt.date(2026, 3, 11))
        charged(says)
        assert CdrCost.objects.get().energy_cost == Decimal("22.0000")

    def test_the_market_price_of_each_quarter_with_the_addition(self, says: Says) -> None:
        """2.75 kWh in each quarter at 1, 2, 3 and -1, and 0.50 on every kWh: 13.75 + 5.50."""
        buys(per_kwh="0.50", area="SE3")
        market("1", "2", "3", "-1")
        charged(says)
        assert CdrCost.objects.get().energy_cost == Decimal("19.2500")

    def test_a_missing_market_price_leaves_it_unknown_until_it_comes(self, says: Says) -> None:
        buys(per_kwh="0.50", area="SE3")
        market("1", "2", "3")
        cdr = charged(says)
        assert CdrCost.objects.get().energy_cost is None
        assert costs.unknown(most=10, now=LATER) == []
        much_later = LATER + dt.timedelta(hours=2)
        assert costs.unknown(most=10, now=much_later) == [cdr.pk]
        market_of_the_last_quarter = NOON + dt.timedelta(minutes=45)
        SpotPrice.objects.create(
            area="SE3", starts_at=market_of_the_last_quarter, price_per_kwh=Decimal(-1), source="test",
            ends_at=market_of_the_last_quarter + dt.timedelta(minutes=15), imported_at=NOON,
        )  # fmt: skip
        costs.work_out([cdr.pk], now=much_later)
        assert CdrCost.objects.get().energy_cost == Decimal("19.2500")

    def test_without_a_purchase_price_it_is_unknown(self, says: Says) -> None:
        charged(says)
        assert CdrCost.objects.get().energy_cost is None
        assert totals(operator_ids(), MARCH)["SEK"].energy_cost_unknown_wh == Decimal(11_000)

    def test_a_correction_costs_what_the_corrected_session_costs(
        self, says: Says, make_tariff: MakeTariff
    ) -> None:
        make_tariff(ENERGY="5.00")
        buys(per_kwh="1.20")
        cdr = charged(says)
        session = cdr.session
        ChargingSession.objects.filter(pk=session.pk).update(energy_wh=Decimal(10_000))
        cdrs.correct_session(session.pk, now=LATER)
        costs.work_out(costs.unknown(most=10, now=LATER), now=LATER)
        figures = totals(operator_ids(), MARCH)["SEK"]
        assert (figures.sessions, figures.energy_wh, figures.gross) == (1, Decimal(10_000), Decimal("50.00"))
        assert figures.energy_cost == Decimal("12.0000")

    def test_records_of_a_location_are_found_for_a_new_price(self, says: Says) -> None:
        cdr = charged(says)
        place = Location.objects.get()
        assert costs.of_location(place.pk, since=dt.date(2026, 3, 10)) == [cdr.pk]
        assert costs.of_location(place.pk, since=dt.date(2026, 3, 12)) == []


class TestCardFees:
    def paid_by_card(self, cdr: Cdr, *, fee: str) -> None:
        payment = Payment.objects.create(
            operator=cdr.operator, purpose="session", session=cdr.session, currency="SEK",
            requested=cdr.total_incl_vat, authorised=cdr.total_incl_vat, captured=cdr.total_incl_vat,
            state="succeeded", stripe_payment_intent="pi_1", idempotency_key="k1",
        )  # fmt: skip
        BalanceTransaction.objects.create(
            stripe_id="txn_1", operator=cdr.operator, type="charge", payment_intent="pi_1",
            amount=payment.captured, fee=Decimal(fee), net=payment.captured - Decimal(fee), currency="SEK",
            created_at=LATER, available_at=LATER,
        )  # fmt: skip

    def test_the_fee_of_the_sessions_payment(self, says: Says, make_tariff: MakeTariff) -> None:
        make_tariff(ENERGY="5.00")
        cdr = charged(says)
        self.paid_by_card(cdr, fee="2.63")
        costs.work_out([cdr.pk], now=LATER)
        assert CdrCost.objects.get().card_fee == Decimal("2.6300")

    def test_an_invoice_has_none(self, says: Says, make_tariff: MakeTariff) -> None:
        make_tariff(ENERGY="5.00")
        cdr = charged(says)
        assert cdr.payment_kind == "invoice"
        assert CdrCost.objects.get().card_fee == Decimal(0)


class TestFigures:
    def test_gross_vat_net_costs_and_margin(self, says: Says, make_tariff: MakeTariff) -> None:
        """Two sessions of 11 kWh at 5.00 with VAT inside, bought at 1.20: 110 - 22 - 26.40."""
        make_tariff(ENERGY="5.00")
        buys(per_kwh="1.20")
        charged(says)
        charged(says, hour=2)
        assert totals(operator_ids(), MARCH) == {
            "SEK": Figures(
                sessions=2, energy_wh=Decimal(22_000), gross=Decimal("110.00"), vat=Decimal("22.00"),
                net=Decimal("88.00"), energy_cost=Decimal("26.4000"), card_fees=Decimal(0),
            )
        }  # fmt: skip
        figures = totals(operator_ids(), MARCH)["SEK"]
        assert (figures.margin, figures.margin_percent, figures.is_complete) == (
            Decimal("61.6000"), Decimal(70), True,
        )  # fmt: skip

    def test_each_dimension_adds_up_to_the_total(self, says: Says, make_tariff: MakeTariff) -> None:
        tariff = make_tariff(ENERGY="5.00")
        charged(says)
        charged(says, hour=2)
        found = revenue(operator_ids(), MARCH)
        for dimension in Dimension:
            assert sum(row.figures.gross for row in found.rows[dimension]) == found.total.gross
        names = {dimension: [row.name for row in rows] for dimension, rows in found.rows.items()}
        assert names == {
            Dimension.SITE: ["Square"], Dimension.STATION: ["STATION-1"], Dimension.TARIFF: [tariff.name],
            Dimension.PRICE_GROUP: [""], Dimension.PAYMENT_KIND: ["invoice"],
        }  # fmt: skip
        assert list(found.over_time) == [dt.datetime.fromisoformat("2026-03-10T00:00")]

    def test_a_day_begins_at_midnight_of_the_installation(self, says: Says, make_tariff: MakeTariff) -> None:
        """23:30 UTC on 10 March is 00:30 on the 11th in Stockholm."""
        make_tariff(ENERGY="5.00")
        charged(says, hour=10)
        tenth, eleventh = (periods.chosen(dt.date(2026, 3, day), dt.date(2026, 3, day)) for day in (10, 11))
        assert totals(operator_ids(), tenth) == {}
        assert totals(operator_ids(), eleventh)["SEK"].sessions == 1
        hours = list(revenue(operator_ids(), eleventh).over_time)
        assert hours == [dt.datetime.fromisoformat("2026-03-11T00:00")]

    def test_another_operator_sees_nothing(self, says: Says, make_tariff: MakeTariff) -> None:
        make_tariff(ENERGY="5.00")
        charged(says)
        other = Organisation.objects.create(kind="operator", name="Elsewhere")
        assert totals([other.pk], MARCH) == {}
        assert revenue([other.pk], MARCH).total == Figures()
        assert totals([], MARCH) == {}

    def test_it_takes_the_same_queries_however_much_was_earned(
        self, says: Says, make_tariff: MakeTariff
    ) -> None:
        make_tariff(ENERGY="5.00")
        ids, counts = operator_ids(), []
        for hour in (0, 2):
            charged(says, hour=hour)
            with CaptureQueriesContext(connection) as captured:
                revenue(ids, MARCH)
            counts.append(len(captured))
        assert counts == [5, 5]


class TestPeriods:
    def test_today_and_the_month_in_stockholm(self) -> None:
        now = dt.datetime(2026, 2, 28, 23, 30, tzinfo=dt.UTC)
        assert periods.today(now=now).key == "20260301-20260301"
        assert periods.this_month(now=now).key == "20260301-20260331"
        assert periods.last_month(now=now).key == "20260201-20260228"

    def test_the_day_of_the_clock_change_has_23_hours(self) -> None:
        day = periods.chosen(dt.date(2026, 3, 29), dt.date(2026, 3, 29))
        assert day.end - day.start == dt.timedelta(hours=23)

    @pytest.mark.parametrize("key", ["", "2026", "20260301-20260201", "20200101-20990101", "x-y", "1-2-3"])
    def test_what_is_no_period_is_refused(self, key: str) -> None:
        with pytest.raises(periods.BadPeriod):
            periods.from_key(key)

    def test_longer_periods_are_cut_more_coarsely(self) -> None:
        assert len(periods.buckets(periods.chosen(dt.date(2026, 3, 10), dt.date(2026, 3, 10)))) == 24
        assert len(periods.buckets(MARCH)) == 31
        year = periods.chosen(dt.date(2026, 1, 15), dt.date(2026, 12, 15))
        assert [begin.month for begin in periods.buckets(year)] == list(range(1, 13))


def test_the_csv_is_harmless_and_exact(says: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="5.00")
    buys(per_kwh="1.20")
    Location.objects.update(name="=HYPERLINK(1)")
    charged(says)
    text = tables.as_csv(revenue(operator_ids(), MARCH), by="site").decode("utf-8-sig")
    header, row = text.split("\r\n")[:2]
    assert header.startswith("site,currency,sessions,energy_kwh,gross,vat,net,energy_cost,card_fees,margin")
    assert row.startswith("'=HYPERLINK(1),SEK,1,11.000,55.00,11.00,44.00,13.20,0.00,30.80")
