"""What stations tell, priced as finely as the tariff asks for; and kept so that it can be priced again."""

import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing import cdrs
from billing.models import (
    Cdr,
    DynamicPrice,
    OffPeakIncentive,
    PriceComponent,
    SpotPrice,
    Tariff,
    TariffElement,
)
from billing.pricing import SessionPricing, lines_again
from sessions.models import ChargingSession
from stations.ocpp import messages
from tests.billing.conftest import MakeTariff
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(days=1)


def ended(says: Says, *, stop_wh: int = 12_000, begin: dt.timedelta = dt.timedelta()) -> ChargingSession:
    """An hour of charging; 11 kWh unless told otherwise."""
    says.now = NOON + begin
    reply = says.start(occurred_at=says.now)
    stopped(says, reply.transaction_ref, at=says.now + dt.timedelta(hours=1), stop_wh=stop_wh)
    return ChargingSession.objects.latest("pk")


def stopped(says: Says, ref: str, *, at: dt.datetime, stop_wh: int) -> None:
    says(messages.TransactionEnded(transaction_ref=ref, occurred_at=at, meter_stop_wh=stop_wh), at=at)


def rated(session: ChargingSession, *, now: dt.datetime = LATER) -> Cdr:
    cdr = cdrs.rate_session(session.pk, now=now)
    assert cdr is not None
    return cdr


def told(cdr: Cdr) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    return [
        (line.dimension, line.quantity, line.unit_price, line.amount_incl_vat) for line in cdr.lines.all()
    ]


def restricted(tariff: Tariff, price: str, kind: str = "ENERGY", **restrictions: Any) -> None:
    """A dearer price that comes before the tariff's own while the restrictions hold."""
    tariff.elements.update(position=9)
    element = TariffElement.objects.create(tariff=tariff, position=1, restrictions=restrictions)
    PriceComponent.objects.create(element=element, type=kind, price=Decimal(price), vat_percent=25)


def readings(says: Says, ref: str, *values: tuple[int, int, int, tuple[float, ...]]) -> None:
    """Minute, register in Wh, power in W, currents of the phases."""
    says(
        messages.MeterValues(
            evse_number=1,
            transaction_ref=ref,
            readings=tuple(
                messages.MeterReading(
                    sampled_at=says.later(minutes=minute),
                    energy_wh=wh,
                    power_w=power_w,
                    **{f"current_l{n}_a": a for n, a in enumerate(currents, start=1)},
                )
                for minute, wh, power_w, currents in values
            ),
        )
    )


def swinging(says: Says) -> ChargingSession:
    """2 kWh at 6 kW in 20 minutes, 7 kWh at 21 kW in 20 minutes, then 2 kWh at 6 kW until the end."""
    reply = says.start()
    readings(
        says,
        reply.transaction_ref,
        (10, 2_000, 6_000, (9.0, 9.0, 9.0)),
        (20, 3_000, 6_000, (9.0, 9.0, 9.0)),
        (30, 6_500, 21_000, (31.0, 31.0, 31.0)),
        (40, 10_000, 21_000, (31.0, 31.0, 31.0)),
        (50, 11_000, 6_000, (9.0, 9.0, 9.0)),
    )
    says.stop(reply.transaction_ref, meter_stop_wh=12_000)
    return ChargingSession.objects.get()


class TestPowerAndCurrent:
    def test_energy_at_a_power_has_the_price_of_that_power(self, says: Says, make_tariff: MakeTariff) -> None:
        tariff = make_tariff(ENERGY="4")
        restricted(tariff, "6", min_power=11)
        cdr = rated(swinging(says))
        assert sorted(told(cdr)) == [
            ("ENERGY", Decimal(4), Decimal(4), Decimal("16.00")),
            ("ENERGY", Decimal(7), Decimal(6), Decimal("42.00")),
        ]

    def test_the_current_is_the_sum_of_the_phases(self, says: Says, make_tariff: MakeTariff) -> None:
        tariff = make_tariff(ENERGY="4")
        restricted(tariff, "6", min_current=90)
        assert rated(swinging(says)).total_incl_vat == Decimal("58.00")

    def test_readings_between_which_the_price_stays_are_kept_as_one(
        self, says: Says, make_tariff: MakeTariff
    ) -> None:
        restricted(make_tariff(ENERGY="4"), "6", min_power=11)
        cdr = rated(swinging(says))
        assert [(p["energy_wh"], p["power_w"]) for p in cdr.periods_snapshot] == [
            ("2000.000", "6000.0"),
            ("7000.000", "21000.0"),
            ("2000.000", "6000.0"),
        ]
        assert "warnings" not in cdr.evidence

    def test_a_station_that_tells_no_power_pays_the_other_price_with_a_warning(
        self, says: Says, make_tariff: MakeTariff
    ) -> None:
        restricted(make_tariff(ENERGY="4"), "6", min_power=11)
        cdr = rated(ended(says))
        assert cdr.total_incl_vat == Decimal("44.00")
        assert cdr.evidence["warnings"] == ["power_not_measured"]

    def test_without_such_prices_a_session_stays_one_period(
        self, says: Says, make_tariff: MakeTariff
    ) -> None:
        make_tariff(ENERGY="4")
        assert len(rated(swinging(says)).periods_snapshot) == 1

    def test_energy_at_an_hour_lies_between_the_nearest_readings(
        self, says: Says, make_tariff: MakeTariff
    ) -> None:
        """By 13:25 on the wall clock 2 + 1.75 kWh had flowed; evenly over the hour it would be 4.58."""
        tariff = make_tariff(ENERGY="4")
        restricted(tariff, "6", start_time="13:25", end_time="14:00")
        cdr = rated(swinging(says))
        assert {price: quantity for _, quantity, price, _ in told(cdr)} == {
            Decimal(4): Decimal("3.75"),
            Decimal(6): Decimal("7.25"),
        }


def follows_the_market(tariff: Tariff, **fields: str) -> DynamicPrice:
    return DynamicPrice.objects.create(
        tariff=tariff,
        area="SE3",
        fallback_per_kwh=Decimal("2.00"),
        **{n: Decimal(v) for n, v in fields.items()},
    )


def spot(minute: int, price: str, *, area: str = "SE3", minutes: int = 15) -> SpotPrice:
    start = NOON + dt.timedelta(minutes=minute)
    return SpotPrice.objects.create(
        area=area,
        starts_at=start,
        ends_at=start + dt.timedelta(minutes=minutes),
        price_per_kwh=Decimal(price),
        source="test",
        imported_at=NOON,
    )


class TestDayAheadPrices:
    @pytest.fixture
    def tariff(self, make_tariff: MakeTariff) -> Tariff:
        """Net: 0.40, then 0.80, then nothing known, then -0.10 per kWh, and 0.30 on top."""
        tariff = make_tariff(ENERGY="9")
        follows_the_market(tariff, add_per_kwh="0.30")
        for minute, price in ((0, "0.40"), (15, "0.80"), (45, "-0.10")):
            spot(minute, price)
        spot(30, "5.00", area="SE4")
        return tariff

    @pytest.mark.usefixtures("tariff")
    def test_each_quarter_has_its_price_and_a_missing_one_the_fallback(self, says: Says) -> None:
        cdr = rated(ended(says, stop_wh=13_000))
        # 3 kWh each: (0.70 + 1.10 + 2.00 + 0.20) x 3 = 12.00, with VAT 15.00
        assert (cdr.total_excl_vat, cdr.total_incl_vat) == (Decimal("12.00"), Decimal("15.00"))
        (line,) = cdr.lines.all()
        assert (line.quantity, line.unit_price) == (Decimal(12), Decimal("1.2500"))
        assert [item["spot"] for item in line.trace if item["code"] == "market_price"] == [
            "0.4", "0.8", None, "-0.1",
        ]  # fmt: skip

    @pytest.mark.usefixtures("tariff")
    def test_the_prices_used_are_kept_and_the_cdr_alone_gives_the_same_again(self, says: Says) -> None:
        cdr = rated(ended(says, stop_wh=13_000))
        SpotPrice.objects.all().delete()
        kept = Cdr.objects.get(pk=cdr.pk)
        assert kept.evidence["day_ahead"] == {
            "area": "SE3",
            "currency": "SEK",
            "prices": [
                {"start": f"2026-03-10T{start}:00+00:00", "end": f"2026-03-10T{end}:00+00:00",
                 "price": price, "source": "test"}
                for start, end, price in (
                    ("12:00", "12:15", "0.400000"),
                    ("12:15", "12:30", "0.800000"),
                    ("12:45", "13:00", "-0.100000"),
                )
            ],
        }  # fmt: skip
        assert [line.amount_incl_vat for line in lines_again(kept)] == [kept.total_incl_vat]

    @pytest.mark.usefixtures("tariff")
    def test_a_correction_keeps_the_prices_it_was_charged_by(self, says: Says) -> None:
        cdr = rated(ended(says, stop_wh=13_000))
        spot(30, "9.00")
        SpotPrice.objects.filter(starts_at=NOON, area="SE3").update(price_per_kwh=Decimal("7.00"))
        ChargingSession.objects.update(energy_wh=Decimal(12_000))
        assert cdrs.correct_session(cdr.session_id, now=LATER) is None
        assert Cdr.objects.count() == 1

    def test_an_hour_that_was_told_before_its_quarters_ends_where_they_begin(
        self, says: Says, make_tariff: MakeTariff
    ) -> None:
        follows_the_market(make_tariff(ENERGY="9"))
        spot(0, "0.40", minutes=60)
        spot(30, "0.80", minutes=15)
        # half an hour at 0.40, a quarter at 0.80, a quarter without a price at 2.00
        assert rated(ended(says, stop_wh=13_000)).total_excl_vat == Decimal("10.80")

    @pytest.mark.usefixtures("tariff")
    def test_the_running_price_of_a_session_is_the_cdrs_in_the_end(self, says: Says) -> None:
        reply = says.start()
        says.meter(reply.transaction_ref, (10, 4_000), (40, 10_000))
        running = SessionPricing().price(ChargingSession.objects.get(), now=says.later(minutes=60))
        says.stop(reply.transaction_ref, meter_stop_wh=10_000)
        cdr = rated(ChargingSession.objects.get())
        assert running is not None
        assert running.total_incl_vat == cdr.total_incl_vat


class TestFreeMinutesAndDiscounts:
    def test_idle_minutes_come_from_the_tariff(self, says: Says, make_tariff: MakeTariff) -> None:
        tariff = make_tariff(PARKING_TIME="60")
        Tariff.objects.filter(pk=tariff.pk).update(idle_grace_minutes=15)
        reply = says.start()
        at = says.later(minutes=20)
        says(
            messages.StatusNotification(
                evse_number=1, connector_number=1, status="suspended_ev", occurred_at=at
            ),
            at=at,
        )
        says.stop(reply.transaction_ref)
        cdr = rated(ChargingSession.objects.get())
        assert (cdr.parking_s, cdr.total_incl_vat) == (2400, Decimal("25.00"))

    def test_a_discount_is_a_line_of_its_own(self, says: Says, make_tariff: MakeTariff) -> None:
        tariff = make_tariff(ENERGY="4")
        OffPeakIncentive.objects.create(
            tariff=tariff, name="Lunch", start_time=dt.time(13), end_time=dt.time(13, 30), percent=Decimal(10)
        )
        cdr = rated(ended(says))
        assert told(cdr) == [
            ("ENERGY", Decimal(11), Decimal(4), Decimal("44.00")),
            ("OFF_PEAK_DISCOUNT", Decimal("5.5"), Decimal("-0.4"), Decimal("-2.20")),
        ]
        assert (cdr.total_incl_vat, cdr.total_excl_vat) == (Decimal("41.80"), Decimal("33.44"))
        assert [line.amount_incl_vat for line in lines_again(cdr)] == [Decimal("44.00"), Decimal("-2.20")]


class TestTheDaysCap:
    @pytest.fixture
    def tariff(self, make_tariff: MakeTariff) -> Tariff:
        tariff = make_tariff(ENERGY="4")
        Tariff.objects.filter(pk=tariff.pk).update(day_cap=Decimal(60))
        return tariff

    @pytest.mark.usefixtures("tariff")
    def test_a_second_session_of_the_day_pays_what_is_left(self, says: Says) -> None:
        first = rated(ended(says))
        second = rated(ended(says, begin=dt.timedelta(hours=2)))
        assert (first.total_incl_vat, second.total_incl_vat) == (Decimal("44.00"), Decimal("16.00"))
        assert second.evidence["day_cap"] == {"date": "2026-03-10", "paid": "44.00"}
        assert [line.dimension for line in second.lines.all()] == ["ENERGY", "DAY_CAP"]
        assert sum(line.amount_incl_vat for line in lines_again(second)) == Decimal("16.00")

    @pytest.mark.usefixtures("tariff")
    def test_the_day_is_the_locations_and_begins_at_its_midnight(self, says: Says) -> None:
        rated(ended(says))
        # 23:30 in UTC is half past midnight in Stockholm
        second = rated(ended(says, begin=dt.timedelta(hours=11, minutes=30)), now=LATER)
        assert second.total_incl_vat == Decimal("44.00")

    @pytest.mark.usefixtures("tariff")
    def test_another_drivers_sessions_do_not_count(self, says: Says) -> None:
        rated(ended(says))
        second = ended(says, begin=dt.timedelta(hours=2))
        ChargingSession.objects.filter(pk=second.pk).update(user=None, id_token=None)
        assert rated(second).total_incl_vat == Decimal("44.00")

    def test_a_new_version_of_the_tariff_goes_on_counting(self, says: Says, tariff: Tariff) -> None:
        rated(ended(says))
        assignment = tariff.assignments.get()
        newer = Tariff.objects.create(
            operator=tariff.operator, name=tariff.name, version=2, replaces=tariff, day_cap=Decimal(50)
        )
        element = TariffElement.objects.create(tariff=newer)
        PriceComponent.objects.create(element=element, type="ENERGY", price=Decimal(4))
        assignment.tariff = newer
        assignment.save()
        second = rated(ended(says, begin=dt.timedelta(hours=2)))
        assert (second.tariff, second.total_incl_vat) == (newer, Decimal("6.00"))


@pytest.mark.django_db(transaction=True)
def test_two_sessions_rated_at_once_keep_within_the_day(says: Says, make_tariff: MakeTariff) -> None:
    tariff = make_tariff(ENERGY="4")
    Tariff.objects.filter(pk=tariff.pk).update(day_cap=Decimal(60))
    ids = [ended(says, begin=dt.timedelta(hours=2 * n)).pk for n in range(3)]

    def work(session_id: int) -> None:
        try:
            cdrs.rate_session(session_id, now=LATER)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(session_id,)) for session_id in ids]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(cdr.total_incl_vat for cdr in Cdr.objects.all()) == [Decimal(0), Decimal(16), Decimal(44)]


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    registers=st.lists(st.integers(0, 3_000), min_size=1, max_size=6),
    prices=st.lists(st.integers(0, 900), min_size=2, max_size=2),
    hour=st.integers(12, 15),
)
def test_the_live_price_at_the_end_is_the_cdr(
    says: Says, make_tariff: MakeTariff, registers: list[int], prices: list[int], hour: int
) -> None:
    """Whatever the meter told: the last live price is what is billed, through the port that pages use."""
    tariff = make_tariff(f"{registers}{prices}{hour}", ENERGY=str(Decimal(prices[0]) / 100), TIME="6")
    restricted(tariff, str(Decimal(prices[1]) / 100), start_time=f"{hour}:10", end_time=f"{hour}:40")
    begin = dt.timedelta(days=ChargingSession.objects.count())
    tariff.assignments.update(valid_from=NOON + begin - dt.timedelta(minutes=1))
    says.now = NOON + begin
    reply = says.start(occurred_at=says.now)
    register = 1_000
    for number, energy_wh in enumerate(registers, start=1):
        register += energy_wh
        at = NOON + begin + dt.timedelta(minutes=9 * number)
        reading = messages.MeterReading(sampled_at=at, energy_wh=register, power_w=11_000)
        says(
            messages.MeterValues(evse_number=1, transaction_ref=reply.transaction_ref, readings=(reading,)),
            at=at,
        )
    end = NOON + begin + dt.timedelta(hours=1)
    running = ChargingSession.objects.latest("pk")
    live = SessionPricing().price(running, now=end)
    stopped(says, reply.transaction_ref, at=end, stop_wh=register)
    cdr = rated(running, now=end + dt.timedelta(days=1))
    assert live is not None
    assert (live.total_incl_vat, live.total_vat) == (cdr.total_incl_vat, cdr.total_vat)
    assert [line.amount_incl_vat for line in live.lines] == [
        line.amount_incl_vat for line in lines_again(cdr)
    ]
