"""Sessions in doubt wait for a person, with the evidence; a decision is made once and audited."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import connection

from accounts.models import AuditEntry, User
from billing import cdrs
from billing.models import Cdr
from sessions import closing, holds, late_readings, unknown_stops
from sessions.models import ChargingSession, SessionReview, UnmatchedStop
from stations.ocpp.messages import IdTokenRef, TransactionUpdated
from tests.billing.conftest import MakeTariff, make_tariff
from tests.sessions.conftest import NOON, Says

__all__ = ["make_tariff"]

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(days=1)


@pytest.fixture
def clerk(db: None) -> User:
    return User.objects.create_user("clerk@example.test", "long enough")


def the_session() -> ChargingSession:
    return ChargingSession.objects.get()


def held(says: Says) -> SessionReview:
    """An offline start that reported 0 and the odometer at its end: nothing is proved."""
    reply = says.start(meter_start_wh=0)
    says.stop(reply.transaction_ref, meter_stop_wh=910_000)
    return SessionReview.objects.get()


class TestReasons:
    def test_energy_that_cannot_be(self, says: Says) -> None:
        assert held(says).reason == "impossible_energy"

    def test_a_register_that_fell(self, says: Says) -> None:
        reply = says.start()
        says.stop(reply.transaction_ref, meter_stop_wh=0)
        assert SessionReview.objects.get().reason == "register_fell"

    def test_a_missing_stop(self, says: Says) -> None:
        says.start()
        says.start(occurred_at=says.later(minutes=30), meter_start_wh=2800)
        assert SessionReview.objects.get().reason == "missing_stop"

    @pytest.mark.parametrize("minutes", [-5, -60 * 24 * 400])
    def test_a_clock_that_cannot_be(self, says: Says, minutes: int) -> None:
        reply = says.start()
        says.stop(reply.transaction_ref, occurred_at=says.later(minutes=minutes), meter_stop_wh=1000)
        assert SessionReview.objects.get().reason == "clock"

    @pytest.mark.parametrize(("longest_h", "reasons"), [(48, []), (0, []), (0.5, ["overlong"])])
    def test_a_stay_that_is_too_long(
        self, says: Says, settings, longest_h: float, reasons: list[str]
    ) -> None:
        settings.SESSION_OVERLONG_HOURS = longest_h
        reply = says.start()
        says.stop(reply.transaction_ref)
        assert list(SessionReview.objects.values_list("reason", flat=True)) == reasons

    def test_nobody_known_no_place_and_no_right(self, says: Says) -> None:
        for minute, changes in enumerate(
            [{"id_token": None}, {"evse_number": None}, {"id_token": IdTokenRef("STRANGER")}]
        ):
            reply = says.start(occurred_at=says.later(minutes=minute), **changes)
            says.stop(reply.transaction_ref)
        assert list(SessionReview.objects.order_by("pk").values_list("reason", flat=True)) == [
            "unidentified", "no_evse", "not_authorized",
        ]  # fmt: skip

    def test_a_session_that_is_right_is_not_held(self, says: Says) -> None:
        reply = says.start()
        says.stop(reply.transaction_ref)
        assert SessionReview.objects.count() == 0


class TestEvidence:
    def test_shows_the_jump_and_what_would_be_possible(self, says: Says) -> None:
        evidence = held(says).evidence
        (step,) = evidence["steps"]
        # 22 kW with a tenth of margin for one hour
        assert (step["difference_wh"], step["possible_wh"]) == ("910000.000", "24200.000")
        assert (evidence["register_start_wh"], evidence["register_stop_wh"]) == ("0.000", "910000.000")
        assert evidence["possible_wh"] == "24200.000"
        assert evidence["flags"] == ["impossible_energy"]
        assert [reading["wh"] for reading in evidence["readings"]] == ["0.000", "910000.000"]

    def test_keeps_only_the_readings_around_the_jump(self, says: Says) -> None:
        reply = says.start()
        says.meter(reply.transaction_ref, *((n, 1000 + 100 * n) for n in range(1, 55)), (55, 900_000))
        says.stop(reply.transaction_ref, meter_stop_wh=905_000)
        evidence = SessionReview.objects.get().evidence
        assert len(evidence["readings"]) == 7
        assert evidence["readings_count"] == 57

    def test_tells_the_times_as_the_station_told_them(self, says_201: Says) -> None:
        odd = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        says_201.start(occurred_at=odd, payload=b'{"timestamp": "1970-01-01T00:00:00Z"}')
        says_201.stop("tx-1")
        times = SessionReview.objects.get().evidence["times"]
        assert times["start_told"] == "1970-01-01T00:00:00Z"
        assert times["started_at"] == times["start_received_at"] == NOON.isoformat()


class TestHolding:
    def test_there_is_one_open_review_however_often_the_data_comes(self, says: Says) -> None:
        review = held(says)
        session = the_session()
        for _ in range(2):
            closing.take_late_data(session, now=LATER)
        assert list(SessionReview.objects.values_list("pk", "decision")) == [(review.pk, "")]

    def test_data_that_clears_the_doubt_closes_the_review_by_itself(self, says_201: Says) -> None:
        says_201.stop("tx-1", meter_stop_wh=21_000)
        assert SessionReview.objects.get().reason == "missing_start"
        says_201.start(meter_start_wh=11_000)
        review = SessionReview.objects.get()
        assert (review.decision, review.decided_by) == ("approve", None)
        assert the_session().held_reason == ""

    def test_events_that_never_came_release_it_and_are_not_asked_for_again(self, says_201: Says) -> None:
        says_201.start(offline=True)
        says_201.stop("tx-1", seq_no=5, offline=True)
        closing.release_incomplete(now=says_201.later(minutes=121))
        review = SessionReview.objects.get()
        assert (review.reason, review.decision, review.decided_by) == ("missing_events", "approve", None)
        says_201(
            TransactionUpdated(
                transaction_ref="tx-1",
                evse_number=1,
                connector_number=1,
                id_token=None,
                occurred_at=says_201.later(minutes=30),
                seq_no=1,
                offline=True,
            )
        )
        assert the_session().held_reason == ""

    def test_held_sessions_from_before_get_a_review(self, says: Says) -> None:
        held(says).delete()
        assert holds.open_missing(most=10, now=LATER) == 1
        assert holds.open_missing(most=10, now=LATER) == 0
        assert SessionReview.objects.get().reason == "impossible_energy"

    def test_readings_after_the_stop_can_lift_a_hold(self, says: Says) -> None:
        reply = says.start(meter_start_wh=None)
        says.stop(reply.transaction_ref, meter_stop_wh=None)
        assert the_session().held_reason == "no_registers"
        says.meter(reply.transaction_ref, (5, 1000), (55, 10_000))
        assert late_readings.take(the_session().pk, now=LATER) is True
        assert (the_session().energy_wh, the_session().held_reason) == (Decimal(9000), "")
        assert late_readings.take(the_session().pk, now=LATER) is False


class TestDecisions:
    def test_approved_it_is_billed_as_measured(
        self, says: Says, clerk: User, make_tariff: MakeTariff
    ) -> None:
        make_tariff(ENERGY="5.00")
        reply = says.start()
        says.meter(reply.transaction_ref, (10, 2800))
        says.stop(reply.transaction_ref, meter_stop_wh=0)
        review = holds.approve(SessionReview.objects.get(), by=clerk, note="The samples are right", now=LATER)
        assert (review.decision, review.decided_by, review.note) == (
            "approve",
            clerk,
            "The samples are right",
        )
        cdr = cdrs.rate_session(the_session().pk, now=LATER)
        assert cdr is not None
        assert (cdr.energy_wh, cdr.total_incl_vat) == (Decimal(1800), Decimal("9.00"))

    def test_adjusted_it_is_billed_with_the_corrected_values(
        self, says: Says, clerk: User, make_tariff: MakeTariff
    ) -> None:
        make_tariff(ENERGY="5.00")
        ended_at = says.later(minutes=45)
        holds.adjust(held(says), energy_wh=Decimal(8200), ended_at=ended_at, by=clerk, now=LATER)
        cdr = cdrs.rate_session(the_session().pk, now=LATER)
        assert cdr is not None
        assert (cdr.energy_wh, cdr.ended_at, cdr.total_incl_vat) == (Decimal(8200), ended_at, Decimal(41))
        assert SessionReview.objects.get().adjustment["energy_wh"] == {
            "before": "0.000", "after": "8200.000",
        }  # fmt: skip

    def test_waived_it_has_a_record_that_charges_for_nothing(
        self, says: Says, clerk: User, make_tariff: MakeTariff
    ) -> None:
        make_tariff(ENERGY="5.00", FLAT="10.00")
        holds.waive(held(says), by=clerk, note="Broken meter", now=LATER)
        cdr = cdrs.rate_session(the_session().pk, now=LATER)
        assert cdr is not None
        assert (cdr.total_incl_vat, cdr.remark, cdr.lines.count()) == (Decimal(0), "waived", 0)
        assert cdrs.unrated_session_ids(most=10) == []

    def test_a_waived_session_is_never_held_or_charged_again(
        self, says: Says, clerk: User, make_tariff: MakeTariff
    ) -> None:
        make_tariff(ENERGY="5.00")
        holds.waive(held(says), by=clerk, now=LATER)
        cdrs.rate_session(the_session().pk, now=LATER)
        closing.take_late_data(the_session(), now=LATER)
        cdrs.correct_session(the_session().pk, now=LATER)
        assert the_session().held_reason == ""
        assert [cdr.total_incl_vat for cdr in Cdr.objects.all()] == [Decimal(0)]

    def test_an_approved_doubt_is_not_raised_again_over_the_same_energy(
        self, says: Says, clerk: User
    ) -> None:
        holds.approve(held(says), by=clerk, now=LATER)
        closing.take_late_data(the_session(), now=LATER)
        assert the_session().held_reason == ""

    def test_what_a_person_entered_stands_until_the_meter_proves_something_else(
        self, says: Says, clerk: User
    ) -> None:
        holds.adjust(held(says), energy_wh=Decimal(8200), by=clerk, now=LATER)
        closing.take_late_data(the_session(), now=LATER)
        assert (the_session().energy_wh, the_session().held_reason) == (Decimal(8200), "")
        says.meter(the_session().transaction_ref, (1, 901_000))
        late_readings.take(the_session().pk, now=LATER)
        assert the_session().held_reason == "late_after_decision"

    def test_a_second_decision_is_refused_and_changes_nothing(self, says: Says, clerk: User) -> None:
        review = held(says)
        holds.waive(review, by=clerk, now=LATER)
        with pytest.raises(holds.AlreadyDecided):
            holds.approve(review, by=clerk, now=LATER)
        assert SessionReview.objects.get().decision == "waive"
        assert AuditEntry.objects.filter(act__startswith="hold.").count() == 1

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"energy_wh": Decimal(-1)},
            {"energy_wh": Decimal(20_000_000)},
            {"ended_at": NOON - dt.timedelta(minutes=1)},
            {"ended_at": LATER + dt.timedelta(minutes=1)},
        ],
    )
    def test_values_that_cannot_be_are_refused_and_change_nothing(
        self, says: Says, clerk: User, values: dict
    ) -> None:
        review = held(says)
        with pytest.raises(holds.InvalidAdjustment):
            holds.adjust(review, by=clerk, now=LATER, **values)
        assert (the_session().held_reason, the_session().energy_wh) == ("impossible_energy", Decimal(0))
        assert SessionReview.objects.get().decision == ""

    def test_every_decision_is_in_the_audit_trail(self, says: Says, clerk: User) -> None:
        holds.adjust(held(says), energy_wh=Decimal(8200), by=clerk, note="Car's display", now=LATER)
        entry = AuditEntry.objects.get()
        assert (entry.actor, entry.act) == (clerk, "hold.adjust")
        assert entry.details["reason"] == "impossible_energy"
        assert entry.details["energy_wh"] == {"before": "0.000", "after": "8200.000"}


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_once_one_decides(says: Says, clerk: User) -> None:
    review = held(says)
    outcomes: list[str] = []

    def decide(act) -> None:
        try:
            act(review, by=clerk, now=LATER)
            outcomes.append("decided")
        except holds.AlreadyDecided:
            outcomes.append("refused")
        finally:
            connection.close()

    people = [threading.Thread(target=decide, args=(act,)) for act in (holds.approve, holds.waive)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(outcomes) == ["decided", "refused"]
    assert AuditEntry.objects.filter(act__startswith="hold.").count() == 1


class TestUnmatchedStops:
    def test_a_person_matches_a_parked_stop_to_the_running_session(self, says: Says, clerk: User) -> None:
        says.start()
        says.stop("777", id_token=IdTokenRef("CARD1"), stop_reason="local")
        stop = UnmatchedStop.objects.get()
        (suggestion,) = unknown_stops.suggestions(stop)
        assert (suggestion.session, suggestion.is_same_token, suggestion.energy_wh) == (
            the_session(), True, Decimal(11_000),
        )  # fmt: skip
        unknown_stops.assign(stop, session_id=suggestion.session.pk, by=clerk, now=LATER)
        session = the_session()
        assert (session.energy_wh, session.held_reason, session.stop_reason) == (Decimal(11_000), "", "local")
        assert session.ended_at == says.later(hours=1)
        assert UnmatchedStop.objects.get().session == session
        assert AuditEntry.objects.get().act == "unmatched_stop.matched"

    def test_a_stop_is_matched_once(self, says: Says, clerk: User) -> None:
        says.start()
        says.stop("777")
        stop = UnmatchedStop.objects.get()
        unknown_stops.assign(stop, session_id=the_session().pk, by=clerk, now=LATER)
        with pytest.raises(unknown_stops.NotMatchable):
            unknown_stops.assign(stop, session_id=the_session().pk, by=clerk, now=LATER)
        assert AuditEntry.objects.count() == 1

    def test_it_lifts_the_hold_of_a_session_closed_without_a_stop(self, says: Says, clerk: User) -> None:
        first = says.start()
        says.start(occurred_at=says.later(minutes=30), meter_start_wh=2800)
        says.stop("777", occurred_at=says.later(minutes=20), meter_stop_wh=2800)
        stop = UnmatchedStop.objects.get()
        session = ChargingSession.objects.get(transaction_ref=first.transaction_ref)
        assert [each.session for each in unknown_stops.suggestions(stop)] == [session]
        unknown_stops.assign(stop, session_id=session.pk, by=clerk, now=LATER)
        session.refresh_from_db()
        assert (session.energy_wh, session.held_reason) == (Decimal(1800), "")
        assert session.reviews.get().decision == "approve"

    def test_a_session_that_ended_properly_is_not_offered_and_not_taken(
        self, says: Says, clerk: User
    ) -> None:
        reply = says.start()
        says.stop(reply.transaction_ref)
        says.stop("777", meter_stop_wh=99_000)
        stop = UnmatchedStop.objects.get()
        assert unknown_stops.suggestions(stop) == []
        with pytest.raises(unknown_stops.NotMatchable):
            unknown_stops.assign(stop, session_id=the_session().pk, by=clerk, now=LATER)
        assert the_session().energy_wh == Decimal(11_000)
