"""Data that comes after the bill: a credit and a new record, once, and never a bill in doubt."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Sum

from billing import cdrs, tasks
from billing.events import CdrRated
from billing.models import Cdr, CdrLine, JournalEntry, JournalLine
from chargeportal.common import events
from sessions import holds
from sessions.events import SessionCorrected
from sessions.models import ChargingSession
from stations.ocpp.messages import MeterReading, TransactionUpdated
from tests.billing.conftest import MakeTariff
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(days=1)
MUCH_LATER = NOON + dt.timedelta(days=2)


def the_session() -> ChargingSession:
    return ChargingSession.objects.get()


def late_reading(says: Says, *, minute: float, wh: float, seq_no: int = 5) -> None:
    """A reading from the station's queue, a day after the session's end."""
    at = says.later(minutes=minute)
    says(
        TransactionUpdated(
            transaction_ref="tx-1",
            evse_number=1,
            connector_number=1,
            id_token=None,
            occurred_at=at,
            seq_no=seq_no,
            readings=(MeterReading(sampled_at=at, energy_wh=wh),),
        ),
        at=LATER,
    )


def billed_to_the_last_reading(says: Says) -> Cdr:
    """An hour whose end told no register: 6 kWh as far as the readings go, billed."""
    says.start()
    says.stop("tx-1", meter_stop_wh=None, readings=(MeterReading(says.later(minutes=30), energy_wh=7000),))
    session = the_session()
    session.meter_stop_wh = None
    session.save()
    cdr = cdrs.rate_session(session.pk, now=LATER)
    assert cdr is not None
    return cdr


def records() -> list[tuple[int, Decimal, Decimal, str]]:
    rows = Cdr.objects.order_by("sequence")
    return [(cdr.sequence, cdr.energy_wh, cdr.total_incl_vat, cdr.remark) for cdr in rows]


def test_late_readings_give_a_credit_and_a_new_record(says_201: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="5.00")
    first = billed_to_the_last_reading(says_201)
    assert first.total_incl_vat == Decimal("30.00")
    late_reading(says_201, minute=50, wh=9000)
    second = cdrs.correct_session(first.session_id, now=MUCH_LATER)
    assert records() == [
        (1, Decimal(6000), Decimal("30.00"), ""),
        (2, Decimal(-6000), Decimal("-30.00"), "corrected"),
        (3, Decimal(8000), Decimal("40.00"), "corrected"),
    ]
    credit = Cdr.objects.get(sequence=2)
    assert credit.credits == first
    assert (credit.charging_s, credit.parking_s) == (-first.charging_s, -first.parking_s)
    assert [(line.quantity, line.amount_incl_vat) for line in credit.lines.all()] == [
        (Decimal(-6), Decimal("-30.00"))
    ]
    assert list(Cdr.objects.current()) == [second]


def test_the_books_hold_only_the_new_amount(says_201: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="5.00")
    first = billed_to_the_last_reading(says_201)
    late_reading(says_201, minute=50, wh=9000)
    cdrs.correct_session(first.session_id, now=MUCH_LATER)
    assert JournalEntry.objects.filter(kind="cdr").count() == 3
    sums = JournalLine.objects.values_list("account__kind").annotate(sum=Sum("amount"))
    # 40.00 with VAT inside are 32.00 without: unbilled, and earned
    assert sorted(amount for _, amount in sums) == [Decimal("-32.00"), Decimal("32.00")]


def test_correcting_twice_corrects_once(says_201: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="5.00")
    first = billed_to_the_last_reading(says_201)
    late_reading(says_201, minute=50, wh=9000)
    assert cdrs.correct_session(first.session_id, now=MUCH_LATER) is not None
    assert cdrs.correct_session(first.session_id, now=MUCH_LATER) is None
    late_reading(says_201, minute=50, wh=9000)
    assert cdrs.correct_session(first.session_id, now=MUCH_LATER) is None
    assert Cdr.objects.count() == 3


def test_a_second_correction_credits_the_first(says_201: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="5.00")
    first = billed_to_the_last_reading(says_201)
    for seq_no, (minute, wh) in enumerate([(50, 9000), (55, 10_000)], start=5):
        late_reading(says_201, minute=minute, wh=wh, seq_no=seq_no)
        cdrs.correct_session(first.session_id, now=MUCH_LATER)
    assert [total for _, _, total, _ in records()] == [30, -30, 40, -40, 45]
    assert Cdr.objects.aggregate(sum=Sum("total_incl_vat"))["sum"] == Decimal("45.00")


def test_data_that_changes_nothing_makes_no_record(says_201: Says, make_tariff: MakeTariff) -> None:
    make_tariff(ENERGY="5.00")
    first = billed_to_the_last_reading(says_201)
    late_reading(says_201, minute=20, wh=5000)
    assert cdrs.uncorrected_session_ids(most=10) == [first.session_id]
    assert cdrs.correct_session(first.session_id, now=MUCH_LATER) is None
    assert cdrs.uncorrected_session_ids(most=10) == []
    assert Cdr.objects.count() == CdrLine.objects.count() == 1


def test_the_late_end_of_a_session_billed_without_one_corrects_the_bill(
    says: Says, make_tariff: MakeTariff, driver
) -> None:
    make_tariff(ENERGY="5.00")
    first = says.start()
    says.meter(first.transaction_ref, (10, 2000))
    says.start(occurred_at=says.later(minutes=30), meter_start_wh=4000)
    session = ChargingSession.objects.get(transaction_ref=first.transaction_ref)
    holds.approve(session.reviews.get(), by=driver, now=LATER)
    assert cdrs.rate_session(session.pk, now=LATER).total_incl_vat == Decimal("5.00")
    says.stop(first.transaction_ref, occurred_at=says.later(minutes=20), meter_stop_wh=4000)
    corrected = cdrs.correct_session(session.pk, now=MUCH_LATER)
    assert (corrected.energy_wh, corrected.total_incl_vat) == (Decimal(3000), Decimal("15.00"))
    assert corrected.ended_at == says.later(minutes=20)


def test_meter_values_after_the_bill_correct_it(
    says: Says, make_tariff: MakeTariff, django_capture_on_commit_callbacks
) -> None:
    """The station told no registers at its ends; the last reading comes a day late."""
    make_tariff(ENERGY="5.00")
    reply = says.start(meter_start_wh=None)
    says.meter(reply.transaction_ref, (5, 1000), (30, 7000))
    says.stop(reply.transaction_ref, meter_stop_wh=None)
    first = cdrs.rate_session(the_session().pk, now=LATER)
    assert first is not None
    assert first.total_incl_vat == Decimal("30.00")
    with django_capture_on_commit_callbacks(execute=True):
        says.meter(reply.transaction_ref, (50, 9000))
    assert [total for _, _, total, _ in records()] == [30, -30, 40]
    assert "late_data" in the_session().flags
    with django_capture_on_commit_callbacks(execute=True):
        says.meter(reply.transaction_ref, (50, 9000))
    assert Cdr.objects.count() == 3


def test_a_correction_in_doubt_is_held_and_the_bill_stands(
    says_201: Says, make_tariff: MakeTariff, driver
) -> None:
    make_tariff(ENERGY="5.00")
    first = billed_to_the_last_reading(says_201)
    late_reading(says_201, minute=50, wh=600_000)
    session = the_session()
    assert session.held_reason == "impossible_energy"
    assert cdrs.correct_session(session.pk, now=MUCH_LATER) is None
    assert cdrs.uncorrected_session_ids(most=10) == []
    assert list(Cdr.objects.all()) == [first]
    review = session.reviews.get()
    assert review.evidence["billed"] == {"amount": "30.00", "currency": "SEK"}
    holds.adjust(review, energy_wh=Decimal(7500), by=driver, now=MUCH_LATER)
    corrected = cdrs.correct_session(session.pk, now=MUCH_LATER)
    assert (corrected.energy_wh, corrected.total_incl_vat) == (Decimal(7500), Decimal("37.50"))


def test_a_lost_fact_is_found_by_the_sweep(says_201: Says, make_tariff: MakeTariff, settings) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    make_tariff(ENERGY="5.00")
    first = billed_to_the_last_reading(says_201)
    late_reading(says_201, minute=50, wh=9000)
    assert cdrs.uncorrected_session_ids(most=10) == [first.session_id]
    assert "billing.correct_sessions" in tasks.BEAT_SCHEDULE


def test_a_session_without_a_record_is_not_corrected(says_201: Says) -> None:
    says_201.start()
    says_201.stop("tx-1")
    assert cdrs.correct_session(the_session().pk, now=LATER) is None
    assert Cdr.objects.count() == 0


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the records that subscribers heard of."""
    heard: list[int] = []
    monkeypatch.setitem(events._subscribers, CdrRated, [lambda fact: heard.append(fact.cdr_id)])
    return heard


def test_charge_and_credit_are_announced_after_the_commit(
    says_201: Says, make_tariff: MakeTariff, told: list[int], django_capture_on_commit_callbacks
) -> None:
    make_tariff(ENERGY="5.00")
    with django_capture_on_commit_callbacks(execute=True):
        first = billed_to_the_last_reading(says_201)
    late_reading(says_201, minute=50, wh=9000)
    with django_capture_on_commit_callbacks(execute=True):
        cdrs.correct_session(first.session_id, now=MUCH_LATER)
        assert told == [first.pk]
    assert told == list(Cdr.objects.order_by("sequence").values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_several_workers_at_once_correct_once(
    says_201: Says, make_tariff: MakeTariff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(events._subscribers, SessionCorrected, [])  # nobody else corrects it meanwhile
    make_tariff(ENERGY="5.00")
    first = billed_to_the_last_reading(says_201)
    late_reading(says_201, minute=50, wh=9000)
    made: list[Cdr | None] = []

    def work() -> None:
        try:
            made.append(cdrs.correct_session(first.session_id, now=MUCH_LATER))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == 4
    assert len([cdr for cdr in made if cdr is not None]) == 1
    assert [total for _, _, total, _ in records()] == [30, -30, 40]
