"""What real stations get wrong must neither be refused nor become a wrong bill."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from accounts.models import Membership, Organisation, User
from billing import cdrs
from billing.models import PriceComponent, Tariff, TariffAssignment, TariffElement
from billing.tariff_selection import tariff_for
from sessions import clocks, closing, metering
from sessions.curves import load_curve
from sessions.models import ChargingSession, MeterSample, TransactionEvent, UnmatchedStop
from sessions.overview import display_status, evse_sessions
from stations.models import ChargingStation, Evse
from stations.ocpp.messages import (
    IdTokenRef,
    MeterReading,
    MeterValues,
    StatusNotification,
    TransactionUpdated,
)
from stations.overview import evse_states
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(days=1)


def the_session() -> ChargingSession:
    return ChargingSession.objects.get()


def reading(says: Says, minute: float, wh: float | None = None, **values: float) -> MeterReading:
    return MeterReading(sampled_at=says.later(minutes=minute), energy_wh=wh, **values)  # type: ignore[arg-type]


def updated(says: Says, seq_no: int, minute: float, **changes: object) -> TransactionUpdated:
    message = TransactionUpdated(
        transaction_ref="tx-1",
        evse_number=1,
        connector_number=1,
        id_token=None,
        occurred_at=says.later(minutes=minute),
        seq_no=seq_no,
    )
    return replace(message, **changes)  # type: ignore[arg-type]


class TestReadings:
    def test_one_element_a_measurand_makes_one_whole_sample(self, says: Says) -> None:
        ref = says.start().transaction_ref
        parts = (reading(says, 10, 2000), reading(says, 10, power_w=11_000))
        says(MeterValues(evse_number=1, transaction_ref=ref, readings=parts))
        sample = MeterSample.objects.get()
        assert (sample.energy_wh, sample.power_w) == (Decimal(2000), 11_000)

    def test_a_later_message_of_one_instant_keeps_the_signed_reading(self, says: Says) -> None:
        ref = says.start().transaction_ref
        for extra in ({"signed": [{"data": "OCMF|…"}]}, {"frequency": 50.0}):
            part = MeterReading(sampled_at=NOON, extra=extra)
            says(MeterValues(evse_number=1, transaction_ref=ref, readings=(part,)))
        assert MeterSample.objects.get().extra == {"signed": [{"data": "OCMF|…"}], "frequency": 50.0}

    @pytest.mark.parametrize("year", [1, 1970, 9999])
    def test_a_sample_of_an_impossible_year_gets_the_time_of_receipt(self, says: Says, year: int) -> None:
        ref = says.start().transaction_ref
        at = dt.datetime(year, 6, 1, tzinfo=dt.UTC)
        part = MeterReading(sampled_at=at, energy_wh=1500)
        says(MeterValues(evse_number=1, transaction_ref=ref, readings=(part,)))
        sample = MeterSample.objects.get()
        assert sample.sampled_at == NOON
        assert sample.flags == ["impossible_clock"]
        assert len(load_curve(the_session()).points) == 1

    def test_a_begin_and_an_end_stamped_alike_are_the_registers_of_the_session(self, says_201: Says) -> None:
        says_201.start()
        parts = (
            replace(reading(says_201, 60, 1000), context="transaction_begin"),
            replace(reading(says_201, 60, 12_000), context="transaction_end"),
        )
        says_201.stop("tx-1", readings=parts)
        assert (the_session().energy_wh, the_session().held_reason) == (Decimal(11_000), "")


class TestRegisters:
    def test_a_2_x_session_without_contexts_is_billed_by_its_first_and_last_register(
        self, says_201: Says
    ) -> None:
        says_201.start(meter_start_wh=None, readings=(reading(says_201, -0.02, 1000),))
        says_201(updated(says_201, 1, 15, readings=(reading(says_201, 15, 4000),)))
        last = MeterReading(sampled_at=says_201.later(minutes=60.005), energy_wh=7000)
        says_201.stop("tx-1", meter_stop_wh=None, readings=(last,))
        assert (the_session().energy_wh, the_session().held_reason) == (Decimal(6000), "")

    def test_a_session_without_two_registers_is_held(self, says: Says) -> None:
        reply = says.start(meter_start_wh=None)
        says.stop(reply.transaction_ref)
        assert (the_session().energy_wh, the_session().held_reason) == (Decimal(0), "no_registers")

    def test_the_live_energy_is_bounded_like_the_bill(self, says: Says) -> None:
        reply = says.start(meter_start_wh=0)
        says.meter(reply.transaction_ref, (1, 910_000))
        now = says.later(minutes=2)
        energy = sum(period.energy_wh for period in clocks.measured_periods(the_session(), now=now))
        assert energy == metering.delivered_wh(the_session(), now=now) == 0


class TestOrder:
    def test_an_end_before_its_start_is_held_and_settled_when_the_start_comes(
        self, says_201: Says, driver: User
    ) -> None:
        says_201.stop("tx-1", meter_stop_wh=21_000)
        assert the_session().held_reason == "missing_start"
        says_201.start(meter_start_wh=11_000)
        session = the_session()
        assert (session.energy_wh, session.held_reason, session.user) == (Decimal(10_000), "", driver)

    def test_late_readings_are_settled_until_the_bill_is_made(self, says_201: Says) -> None:
        says_201.start(meter_start_wh=1000)
        says_201.stop("tx-1", meter_stop_wh=None, readings=())
        assert the_session().held_reason == "no_registers"
        says_201(updated(says_201, 1, 50, readings=(reading(says_201, 50, 9000),)))
        assert (the_session().energy_wh, the_session().held_reason) == (Decimal(8000), "")

    def test_after_the_bill_late_data_only_marks_the_session(self, says_201: Says) -> None:
        says_201.start()
        says_201.stop("tx-1")
        cdr = cdrs.rate_session(the_session().pk, now=LATER)
        says_201(updated(says_201, 1, 50, readings=(reading(says_201, 50, 11_500),)))
        assert cdr is not None
        assert the_session().energy_wh == cdr.energy_wh == Decimal(11_000)
        assert "late_data" in the_session().flags

    def test_events_missing_from_a_queue_are_waited_for(self, says_201: Says) -> None:
        says_201.start(offline=True)
        says_201.stop("tx-1", seq_no=2, offline=True)
        assert the_session().held_reason == "missing_events"
        says_201(updated(says_201, 1, 30, offline=True, readings=(reading(says_201, 30, 6000),)))
        assert the_session().held_reason == ""

    def test_but_not_for_ever(self, says_201: Says) -> None:
        says_201.start(offline=True)
        says_201.stop("tx-1", seq_no=5, offline=True)
        assert closing.release_incomplete(now=says_201.later(minutes=90)) == 0
        assert closing.release_incomplete(now=says_201.later(minutes=121)) == 1
        assert the_session().held_reason == ""

    def test_two_events_under_one_number_are_both_kept(self, says_201: Says) -> None:
        says_201.start(charging_state="charging")
        first = updated(says_201, 1, 10, payload=b'{"timestamp": "10"}')
        second = updated(says_201, 1, 20, payload=b'{"timestamp": "20"}', charging_state="suspended_ev")
        for message in (first, second, first, second):
            says_201(message)
        assert list(TransactionEvent.objects.values_list("seq_no", flat=True)) == [0, 1, 2]
        assert the_session().charging_state == "suspended_ev"


class TestStarts:
    def test_a_repeated_start_without_a_time_makes_no_second_session(self, says: Says) -> None:
        first = says.start(flags=("missing_timestamp",))
        again = says.start(flags=("missing_timestamp",), occurred_at=says.later(seconds=40))
        assert first.transaction_ref == again.transaction_ref

    def test_a_repeated_start_of_1970_makes_no_second_session(self, says: Says) -> None:
        odd = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        payload = b'{"timestamp": "1970-01-01T00:00:00Z"}'
        says.start(occurred_at=odd, payload=payload)
        says.now = says.later(minutes=2)
        says.start(occurred_at=odd, payload=payload)
        assert ChargingSession.objects.count() == 1

    def test_a_start_without_a_card_then_with_one_are_two_sessions(self, says: Says) -> None:
        says.start(id_token=None, payload=b'{"timestamp": "a"}')
        says.start(payload=b'{"timestamp": "b"}')
        assert ChargingSession.objects.count() == 2

    def test_a_rejected_card_gives_way_to_a_good_one(self, says_201: Says, driver: User) -> None:
        says_201.start(id_token=IdTokenRef("STRANGER"))
        says_201(updated(says_201, 1, 1, id_token=IdTokenRef("CARD1")))
        assert (the_session().user, the_session().authorization_status) == (driver, "accepted")

    def test_an_evse_named_late_closes_the_session_left_open_there(self, says_201: Says) -> None:
        says_201.start()
        says_201.start(transaction_ref="tx-2", evse_number=None, occurred_at=says_201.later(minutes=30))
        says_201(updated(says_201, 1, 31, transaction_ref="tx-2"))
        states = ChargingSession.objects.values_list("transaction_ref", "state").order_by("transaction_ref")
        assert list(states) == [("tx-1", "ended"), ("tx-2", "active")]

    def test_a_session_at_no_evse_is_held(self, says: Says) -> None:
        reply = says.start(evse_number=None)
        says.stop(reply.transaction_ref)
        assert the_session().held_reason == "no_evse"


class TestStops:
    def test_a_stop_without_id_and_card_touches_no_running_session(self, says: Says) -> None:
        says.start()
        says.stop("-1", meter_stop_wh=3000)
        assert the_session().is_active
        assert UnmatchedStop.objects.count() == 1

    def test_a_repeated_stop_without_id_is_recognised(self, says: Says) -> None:
        says.start()
        for _ in range(2):
            says.stop("-1", id_token=IdTokenRef("CARD1"))
        assert UnmatchedStop.objects.count() == 0
        assert the_session().energy_wh == Decimal(11_000)

    def test_the_real_stop_supersedes_a_matched_one(self, says: Says) -> None:
        reply = says.start()
        says.stop("-1", id_token=IdTokenRef("CARD1"), meter_stop_wh=3000, occurred_at=says.later(minutes=30))
        says.stop(reply.transaction_ref, meter_stop_wh=12_000)
        assert the_session().energy_wh == Decimal(11_000)
        assert "matched_stop" not in the_session().flags


class TestStates:
    def test_an_unknown_charging_state_breaks_no_page(self, says_201: Says) -> None:
        says_201.start(charging_state="charging")
        says_201(updated(says_201, 1, 1, charging_state="discharging"))
        evse = Evse.objects.get()
        (state,) = evse_states([evse.pk])
        assert display_status(state, evse_sessions([evse.pk])[evse.pk]) == "charging"

    def test_parking_is_told_on_the_sessions_own_clock(self, says: Says) -> None:
        """The station's clock is half an hour behind; charging takes 20 minutes of its hour."""
        behind = dt.timedelta(minutes=30)
        reply = says.start(occurred_at=NOON - behind)
        parked_at = says.later(minutes=20)
        says(
            StatusNotification(
                evse_number=1, connector_number=1, status="suspended_ev", occurred_at=parked_at - behind
            ),
            at=parked_at,
        )
        says.stop(reply.transaction_ref, occurred_at=says.later(minutes=60) - behind)
        assert clocks.session_clocks(the_session(), now=LATER) == clocks.Clocks(20 * 60, 40 * 60)


class TestOperators:
    def test_a_station_without_a_location_is_not_billed_by_a_strangers_tariff(self, says: Says) -> None:
        tariff = Tariff.objects.create(operator=Organisation.objects.get(), name="Everywhere")
        TariffAssignment.objects.create(tariff=tariff, valid_from=NOON - dt.timedelta(days=1))
        says.station.location = None
        says.station.save()
        assert tariff_for(Evse.objects.get().pk, at=NOON) == tariff
        Organisation.objects.create(kind="operator", name="Second")
        assert tariff_for(Evse.objects.get().pk, at=NOON) is None

    def test_a_role_in_a_fleet_opens_no_operators_station(self, says: Says) -> None:
        fleet = Organisation.objects.create(kind="fleet", name="Fleet")
        person = User.objects.create_user("technician@fleet.test", "long enough")
        Membership.objects.create(user=person, organisation=fleet, role="technician")
        assert not ChargingStation.objects.steerable_by(person).exists()
        says.station.location = None
        says.station.save()
        assert not ChargingStation.objects.managed_by(person).exists()

    def test_an_unplaced_station_of_two_operators_shows_its_sessions_to_neither(self, says: Says) -> None:
        second = Organisation.objects.create(kind="operator", name="Second")
        person = User.objects.create_user("support@second.test", "long enough")
        Membership.objects.create(user=person, organisation=second, role="support")
        says.start()
        says.station.location = None
        says.station.save()
        assert not ChargingSession.objects.visible_to(person).exists()


def test_a_tariff_that_contradicts_itself_holds_the_session_and_the_sweep_goes_on(says: Says) -> None:
    tariff = Tariff.objects.create(operator=Organisation.objects.get(), name="Odd")
    element = TariffElement.objects.create(tariff=tariff, restrictions={"start_time": "25:00"})
    PriceComponent.objects.create(element=element, type="ENERGY", price=Decimal(5))
    TariffAssignment.objects.create(tariff=tariff, valid_from=NOON - dt.timedelta(days=1))
    reply = says.start()
    says.stop(reply.transaction_ref)
    assert cdrs.rate_session(the_session().pk, now=LATER) is None
    assert the_session().held_reason == "cannot_be_priced"
    assert cdrs.unrated_session_ids(most=10) == []
