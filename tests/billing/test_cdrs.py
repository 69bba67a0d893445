"""What an ended session costs, to the öre, once and for good."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from accounts.models import Organisation
from billing import cdrs, tasks
from billing.models import Cdr, CdrLine
from billing.pricing import SessionPricing
from billing.tariff_selection import tariff_for
from sessions import ports
from sessions.models import ChargingSession
from stations.models import Evse
from stations.ocpp.messages import IdTokenRef, StatusNotification
from tests.billing.conftest import MakeTariff
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(days=1)


def ended(says: Says, *, start_wh: int = 1000, stop_wh: int = 12_000) -> ChargingSession:
    """An hour of charging: 11 kWh unless told otherwise."""
    reply = says.start(meter_start_wh=start_wh)
    says.stop(reply.transaction_ref, meter_stop_wh=stop_wh)
    return ChargingSession.objects.get()


def ended_after_parking(says: Says) -> ChargingSession:
    """Forty minutes of charging and twenty of parking."""
    reply = says.start()
    at = says.later(minutes=40)
    says.meter(reply.transaction_ref, (40, 12_000))
    says(StatusNotification(evse_number=1, connector_number=1, status="suspended_ev", occurred_at=at), at=at)
    says.stop(reply.transaction_ref)
    return ChargingSession.objects.get()


def lines(cdr: Cdr) -> list[tuple[str, Decimal, Decimal, Decimal, Decimal]]:
    return [
        (line.dimension, line.quantity, line.amount_excl_vat, line.amount_vat, line.amount_incl_vat)
        for line in cdr.lines.all()
    ]


def test_energy_at_a_price_with_vat_inside(says: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="4.95")
    cdr = cdrs.rate_session(ended(says, stop_wh=13_345).pk, now=LATER)
    assert cdr is not None
    # 12.345 kWh x 4.95 = 61.10775, of which a fifth is VAT
    assert lines(cdr) == [
        ("ENERGY", Decimal("12.345"), Decimal("48.89"), Decimal("12.22"), Decimal("61.11")),
    ]
    assert (cdr.total_excl_vat, cdr.total_vat, cdr.total_incl_vat) == (
        Decimal("48.89"), Decimal("12.22"), Decimal("61.11"),
    )  # fmt: skip


def test_every_component_is_a_line_and_parking_is_not_charging(says: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="4.95", TIME="6.00", PARKING_TIME="60.00", FLAT="5.00")
    cdr = cdrs.rate_session(ended_after_parking(says).pk, now=LATER)
    assert cdr is not None
    amounts = {dimension: (quantity, incl) for dimension, quantity, _, _, incl in lines(cdr)}
    assert amounts == {
        "ENERGY": (Decimal(11), Decimal("54.45")),
        "TIME": (Decimal("0.666667"), Decimal("4.00")),
        "PARKING_TIME": (Decimal("0.333333"), Decimal("20.00")),
        "FLAT": (Decimal(1), Decimal("5.00")),
    }
    assert cdr.total_incl_vat == Decimal("83.45")
    assert (cdr.charging_s, cdr.parking_s) == (2400, 1200)


def test_prices_without_vat_get_it_added(says: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="4.00", tax_included="NO")
    cdr = cdrs.rate_session(ended(says).pk, now=LATER)
    assert cdr is not None
    assert lines(cdr) == [("ENERGY", Decimal(11), Decimal("44.00"), Decimal("11.00"), Decimal("55.00"))]


def test_without_a_tariff_the_session_is_free(says: Says) -> None:
    cdr = cdrs.rate_session(ended(says).pk, now=LATER)
    assert cdr is not None
    assert (cdr.total_incl_vat, cdr.tariff, lines(cdr)) == (Decimal(0), None, [])


def test_rating_twice_makes_one_cdr(says: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="4.95")
    session = ended(says)
    first, second = (cdrs.rate_session(session.pk, now=LATER) for _ in range(2))
    assert first == second
    assert (Cdr.objects.count(), CdrLine.objects.count()) == (1, 1)


def test_a_running_session_gets_none(says: Says) -> None:
    says.start()
    assert cdrs.rate_session(ChargingSession.objects.get().pk, now=LATER) is None
    assert Cdr.objects.count() == 0


def test_a_held_session_gets_none_and_is_not_swept_up(says: Says) -> None:
    reply = says.start(id_token=IdTokenRef("STRANGER"))
    says.stop(reply.transaction_ref)
    assert cdrs.rate_session(ChargingSession.objects.get().pk, now=LATER) is None
    assert cdrs.unrated_session_ids(most=10) == []


def test_the_sweep_finds_a_session_whose_fact_was_lost(says: Says, make_tariff: MakeTariff, settings) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    session = ended(says)
    assert cdrs.unrated_session_ids(most=10) == [session.pk]
    cdrs.rate_session(session.pk, now=LATER)
    assert cdrs.unrated_session_ids(most=10) == []
    assert "billing.rate_ended_sessions" in tasks.BEAT_SCHEDULE


def test_the_cdr_keeps_what_it_was_rated_with(says: Says, make_tariff: MakeTariff) -> None:
    tariff = make_tariff(ENERGY="4.95")
    cdr = cdrs.rate_session(ended_after_parking(says).pk, now=LATER)
    assert cdr is not None
    assert cdr.time_zone == "Europe/Stockholm"
    assert cdr.tariff_snapshot["elements"][0]["price_components"][0]["price"] == "4.9500"
    assert [(p["kind"], p["energy_wh"]) for p in cdr.periods_snapshot] == [
        ("CHARGING", "11000.000"), ("PARKING", "0.000"),
    ]  # fmt: skip
    tariff.elements.get().price_components.update(price=Decimal(9))
    price = SessionPricing().price(cdr.session, now=LATER)
    assert price is not None
    assert (price.total_incl_vat, price.is_final) == (Decimal("54.45"), True)


def test_the_live_price_of_a_running_session_is_the_same_engines(says: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="4.95")
    reply = says.start()
    says.meter(reply.transaction_ref, (20, 3_000))
    price = ports.pricing().price(ChargingSession.objects.get(), now=says.later(minutes=30))
    assert price is not None
    assert (price.total_incl_vat, price.is_final, price.charging_s) == (Decimal("9.90"), False, 1800)


class TestTariffSelection:
    def test_the_evses_own_comes_first_then_the_locations_then_the_rest(
        self, make_tariff: MakeTariff
    ) -> None:
        evse = Evse.objects.select_related("station").get()
        assert tariff_for(evse.pk, at=NOON) is None
        everywhere = make_tariff("Everywhere", ENERGY="1")
        assert tariff_for(evse.pk, at=NOON) == everywhere
        here = make_tariff("Here", place={"location": evse.station.location}, ENERGY="2")
        assert tariff_for(evse.pk, at=NOON) == here
        own = make_tariff("Own", place={"evse": evse}, ENERGY="3")
        assert tariff_for(evse.pk, at=NOON) == own

    def test_the_tariff_of_the_sessions_start_holds_to_its_end(
        self, says: Says, make_tariff: MakeTariff
    ) -> None:
        old = make_tariff("Old", ENERGY="4.00")
        old.assignments.update(valid_until=NOON + dt.timedelta(minutes=30))
        new = make_tariff("New", ENERGY="9.00")
        new.assignments.update(valid_from=NOON + dt.timedelta(minutes=30))
        cdr = cdrs.rate_session(ended(says).pk, now=LATER)
        assert cdr is not None
        assert (cdr.tariff, cdr.total_incl_vat) == (old, Decimal("44.00"))

    def test_another_operators_tariff_does_not_hold_here(self, make_tariff: MakeTariff) -> None:
        tariff = make_tariff(ENERGY="4.95")
        tariff.operator = Organisation.objects.create(kind="operator", name="Elsewhere")
        tariff.save()
        assert tariff_for(Evse.objects.get().pk, at=NOON) is None


class TestTheDatabase:
    @pytest.fixture
    def cdr(self, says: Says, make_tariff: MakeTariff) -> Cdr:
        make_tariff(ENERGY="4.95")
        cdr = cdrs.rate_session(ended(says).pk, now=LATER)
        assert cdr is not None
        return cdr

    def test_refuses_to_change_a_cdr(self, cdr: Cdr) -> None:
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            Cdr.objects.update(total_incl_vat=0, total_excl_vat=0, total_vat=0)
        assert Cdr.objects.get().total_incl_vat == cdr.total_incl_vat

    @pytest.mark.usefixtures("cdr")
    def test_refuses_to_delete_a_line(self) -> None:
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            run("DELETE FROM billing_cdrline")
        assert CdrLine.objects.count() == 1

    def test_refuses_a_total_that_is_not_the_sum_of_the_lines(self, says: Says) -> None:
        session = ended(says)
        savepoint = transaction.savepoint()
        Cdr.objects.create(
            session=session, currency="SEK", total_excl_vat=8, total_vat=2, total_incl_vat=10, energy_wh=0,
            charging_s=0, parking_s=0, started_at=NOON, ended_at=LATER, time_zone="UTC", periods_snapshot=[],
            rated_at=LATER,
        )  # fmt: skip
        with pytest.raises(IntegrityError, match="not the sums"):
            run("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.savepoint_rollback(savepoint)
        assert Cdr.objects.count() == 0


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_cdr(says: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="4.95")
    session = ended(says)
    made: list[Cdr | None] = []

    def work() -> None:
        try:
            made.append(cdrs.rate_session(session.pk, now=LATER))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({cdr.pk for cdr in made if cdr}) == 1
    assert (len(made), Cdr.objects.count(), CdrLine.objects.count()) == (4, 1, 1)
