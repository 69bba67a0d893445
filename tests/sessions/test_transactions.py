"""Charging sessions from what stations say, in any order and however odd."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from accounts.models import IdToken, User
from sessions.models import ChargingSession, MeterSample, TransactionEvent, UnmatchedStop
from stations.models import Evse
from stations.ocpp.messages import (
    IdTokenRef,
    MeterReading,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db


def the_session() -> ChargingSession:
    return ChargingSession.objects.get()


def updated(seq_no: int, *, minute: float, wh: float, **changes: object) -> TransactionUpdated:
    at = NOON + dt.timedelta(minutes=minute)
    message = TransactionUpdated(
        transaction_ref="tx-1", evse_number=1, connector_number=1, id_token=None, occurred_at=at,
        seq_no=seq_no, trigger_reason="meter_value_periodic",
        readings=(MeterReading(sampled_at=at, energy_wh=wh, power_w=11_000),),
    )  # fmt: skip
    return replace(message, **changes)  # type: ignore[arg-type]


class TestOneDotSix:
    def test_a_session_is_the_drivers_with_the_energy_between_its_registers(
        self, says: Says, driver: User
    ) -> None:
        reply = says.start()
        says.meter(reply.transaction_ref, (10, 2800), (20, 4600))
        says.stop(reply.transaction_ref)
        session = the_session()
        assert reply.id_token_info is not None
        assert reply.id_token_info.status == "accepted"
        assert session.user == driver
        assert session.state == "ended"
        assert session.energy_wh == Decimal(11_000)
        assert session.held_reason == ""
        assert session.samples.count() == 2

    def test_a_repeated_start_gets_the_same_transaction_and_makes_no_second_session(self, says: Says) -> None:
        first, second = says.start(), says.start()
        assert first.transaction_ref == second.transaction_ref
        assert int(first.transaction_ref) > 0
        assert ChargingSession.objects.count() == 1
        assert TransactionEvent.objects.count() == 1

    def test_a_repeated_stop_changes_nothing(self, says: Says) -> None:
        reply = says.start()
        says.stop(reply.transaction_ref)
        says.stop(reply.transaction_ref, meter_stop_wh=99_000, occurred_at=says.later(hours=2))
        assert the_session().energy_wh == Decimal(11_000)
        assert the_session().ended_at == says.later(hours=1)

    def test_transaction_ids_are_unique_over_all_stations(self, says: Says) -> None:
        first = says.start()
        second = says.start(occurred_at=says.later(minutes=5), evse_number=2)
        assert first.transaction_ref != second.transaction_ref

    def test_an_unknown_card_is_stored_and_answered_invalid_and_the_session_is_held(self, says: Says) -> None:
        reply = says.start(id_token=IdTokenRef("STRANGER"))
        assert reply.id_token_info is not None
        assert reply.id_token_info.status == "unknown"
        says.stop(reply.transaction_ref)
        session = the_session()
        assert (session.id_token_uid, session.user) == ("STRANGER", None)
        assert session.held_reason == "not_authorized"

    def test_a_blocked_card_is_recorded_with_whose_it_is_but_not_billed_to_him(
        self, says: Says, card: IdToken
    ) -> None:
        IdToken.objects.update(blocked_at=NOON)
        reply = says.start()
        assert reply.id_token_info is not None
        assert reply.id_token_info.status == "blocked"
        assert (the_session().id_token, the_session().user) == (card, None)

    def test_cards_are_compared_without_regard_to_case(self, says: Says, driver: User) -> None:
        says.start(id_token=IdTokenRef("card1"))
        assert the_session().user == driver

    def test_an_odometer_after_a_start_that_reported_zero_is_never_billed(self, says: Says) -> None:
        reply = says.start(meter_start_wh=0)
        says.meter(reply.transaction_ref, (1, 910_000), (30, 915_000))
        says.stop(reply.transaction_ref, meter_stop_wh=920_000)
        session = the_session()
        assert session.energy_wh == Decimal(10_000)
        assert "implausible_start_register" in session.flags

    def test_an_odometer_without_samples_is_held(self, says: Says) -> None:
        reply = says.start(meter_start_wh=0)
        says.stop(reply.transaction_ref, meter_stop_wh=910_000)
        assert the_session().energy_wh == Decimal(0)
        assert the_session().held_reason == "impossible_energy"

    def test_a_stop_register_of_zero_is_held_with_the_energy_its_samples_prove(self, says: Says) -> None:
        reply = says.start()
        says.meter(reply.transaction_ref, (10, 2800))
        says.stop(reply.transaction_ref, meter_stop_wh=0)
        assert the_session().energy_wh == Decimal(1800)
        assert the_session().held_reason == "register_fell"

    def test_a_stop_of_an_unknown_transaction_is_answered_and_parked_once(self, says: Says) -> None:
        for _ in range(2):
            assert says.stop("777").transaction_ref == "777"
        stop = UnmatchedStop.objects.get()
        assert (stop.transaction_ref, stop.meter_stop_wh) == ("777", Decimal(12_000))
        assert ChargingSession.objects.count() == 0

    def test_a_stop_with_id_minus_one_is_matched_to_the_one_running_session_of_its_card(
        self, says: Says
    ) -> None:
        says.start()
        says.stop("-1", id_token=IdTokenRef("CARD1"))
        assert the_session().state == "ended"
        assert "matched_stop" in the_session().flags
        assert UnmatchedStop.objects.count() == 0

    def test_a_session_that_was_never_stopped_is_closed_by_the_next_and_held(self, says: Says) -> None:
        first = says.start()
        says.meter(first.transaction_ref, (10, 2800))
        says.start(occurred_at=says.later(minutes=30), meter_start_wh=2800)
        abandoned = ChargingSession.objects.get(transaction_ref=first.transaction_ref)
        assert abandoned.ended_at == says.later(minutes=10)
        assert (abandoned.energy_wh, abandoned.held_reason) == (Decimal(1800), "missing_stop")

    def test_the_late_stop_of_an_abandoned_session_settles_it_and_lifts_the_hold(self, says: Says) -> None:
        first = says.start()
        says.start(occurred_at=says.later(minutes=30), meter_start_wh=2800)
        says.stop(first.transaction_ref, occurred_at=says.later(minutes=20), meter_stop_wh=2800)
        late = ChargingSession.objects.get(transaction_ref=first.transaction_ref)
        assert (late.energy_wh, late.held_reason) == (Decimal(1800), "")
        assert late.ended_at == says.later(minutes=20)

    def test_a_clock_of_1970_gives_the_time_of_receipt_and_a_flag(self, says: Says) -> None:
        says.start(occurred_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
        assert the_session().started_at == NOON
        assert "impossible_clock" in the_session().flags

    def test_a_stop_before_its_start_ends_at_the_start_and_is_flagged(self, says: Says) -> None:
        reply = says.start()
        says.stop(reply.transaction_ref, occurred_at=says.later(minutes=-5))
        assert the_session().ended_at == NOON
        assert "ended_before_start" in the_session().flags

    def test_an_unknown_connector_is_created(self, says: Says) -> None:
        says.start(evse_number=3)
        assert the_session().evse == Evse.objects.get(station=says.station, number=3)


class TestMeterValues:
    def test_a_repeated_reading_is_stored_once(self, says: Says) -> None:
        reply = says.start()
        says.meter(reply.transaction_ref, (10, 2800))
        says.meter(reply.transaction_ref, (10, 2800))
        assert MeterSample.objects.count() == 1

    def test_two_messages_of_one_instant_are_merged(self, says: Says) -> None:
        from stations.ocpp.messages import MeterValues

        reply = says.start()
        for reading in (MeterReading(NOON, energy_wh=5), MeterReading(NOON, voltage_l1_v=231.5)):
            says(MeterValues(evse_number=1, transaction_ref=reply.transaction_ref, readings=(reading,)))
        sample = MeterSample.objects.get()
        assert (sample.energy_wh, sample.voltage_l1_v) == (Decimal(5), 231.5)

    def test_a_reading_without_transaction_belongs_to_the_session_that_ran_then(self, says: Says) -> None:
        says.start()
        says.meter(None, (10, 2800))
        assert MeterSample.objects.get().session == the_session()

    def test_a_reading_outside_any_session_is_kept_without_one(self, says: Says) -> None:
        says.meter(None, (10, 2800))
        says.meter(None, (10, 50), evse_number=0)
        assert [sample.session_id for sample in MeterSample.objects.all()] == [None, None]


class TestTwoDotX:
    def test_a_session_collects_its_events_and_samples(self, says_201: Says, driver: User) -> None:
        says_201.start(charging_state="ev_connected")
        says_201(updated(1, minute=1, wh=1100, charging_state="charging"))
        says_201(updated(2, minute=30, wh=6500))
        says_201.stop("tx-1", charging_state="ev_connected", stop_reason="local")
        session = the_session()
        assert (session.user, session.energy_wh) == (driver, Decimal(11_000))
        assert list(session.events.values_list("seq_no", flat=True)) == [0, 1, 2, 9]
        assert session.samples.count() == 2

    def test_a_repeated_event_is_stored_once(self, says_201: Says) -> None:
        says_201.start(charging_state="charging")
        for _ in range(2):
            says_201(updated(1, minute=1, wh=1100))
        assert TransactionEvent.objects.filter(seq_no=1).count() == 1

    def test_ended_before_started_makes_one_whole_session(self, says_201: Says, driver: User) -> None:
        says_201.stop("tx-1")
        says_201(updated(1, minute=30, wh=6500))
        says_201.start()
        session = the_session()
        assert (session.state, session.started_at, session.user) == ("ended", NOON, driver)
        assert session.events.count() == 3
        assert "late_data" in session.flags

    def test_the_cable_first_then_the_card(self, says_201: Says, driver: User) -> None:
        says_201.start(id_token=None)
        assert the_session().user is None
        reply = says_201(updated(1, minute=1, wh=1000, id_token=IdTokenRef("CARD1", "ISO14443")))
        assert reply.id_token_info.status == "accepted"
        assert the_session().user == driver

    def test_a_session_nobody_identified_is_held(self, says_201: Says) -> None:
        says_201.start(id_token=None)
        says_201.stop("tx-1")
        assert the_session().held_reason == "unidentified"

    def test_an_overtaken_event_does_not_set_the_state_back(self, says_201: Says) -> None:
        says_201.start()
        says_201(updated(3, minute=3, wh=1300, charging_state="suspended_ev"))
        says_201(updated(2, minute=2, wh=1200, charging_state="charging", offline=True))
        assert the_session().charging_state == "suspended_ev"

    def test_two_stations_may_use_one_transaction_id(self, says_201: Says) -> None:
        from stations.models import ChargingStation

        other = Says(ChargingStation.objects.create(identity="OTHER"), version="2.0.1")
        says_201.start()
        other.start()
        assert ChargingSession.objects.filter(transaction_ref="tx-1").count() == 2

    def test_start_and_stop_registers_come_from_the_readings_when_not_told(self, says_201: Says) -> None:
        begin = MeterReading(sampled_at=NOON, context="transaction_begin", energy_wh=500)
        finish = MeterReading(sampled_at=says_201.later(hours=1), context="transaction_end", energy_wh=9_500)
        says_201.start(meter_start_wh=None, readings=(begin,))
        says_201.stop("tx-1", meter_stop_wh=None, readings=(finish,))
        assert the_session().energy_wh == Decimal(9_000)


def test_messages_carry_what_the_handlers_need() -> None:
    """Every transaction message names the fields that the handlers read from all of them."""
    for message_class in (TransactionStarted, TransactionUpdated, TransactionEnded):
        names = message_class.__dataclass_fields__
        assert {"seq_no", "charging_state", "readings", "flags", "payload", "remote_start_id"} <= names.keys()
