"""Charging and parking run on separate clocks, and energy is shared out between them."""

from decimal import Decimal

import pytest

from sessions import clocks
from sessions.models import ChargingSession
from stations.ocpp.messages import StatusNotification, TransactionUpdated
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db


def status(says: Says, value: str, *, minute: float) -> None:
    at = says.later(minutes=minute)
    says(StatusNotification(evse_number=1, connector_number=1, status=value, occurred_at=at), at=at)


def periods(says: Says, *, minute: float = 600) -> list[tuple[float, float, str, Decimal]]:
    session = ChargingSession.objects.get()
    return [
        (
            (period.start - NOON).total_seconds() / 60,
            (period.end - NOON).total_seconds() / 60,
            period.kind,
            period.energy_wh,
        )
        for period in clocks.measured_periods(session, now=says.later(minutes=minute))
    ]


def test_a_session_is_charging_until_something_else_is_told(says: Says) -> None:
    reply = says.start()
    says.stop(reply.transaction_ref)
    assert periods(says) == [(0, 60, "CHARGING", Decimal(11_000))]


def test_a_car_that_is_full_parks(says: Says) -> None:
    reply = says.start()
    status(says, "charging", minute=1)
    says.meter(reply.transaction_ref, (20, 8_000))
    status(says, "suspended_ev", minute=20)
    says.stop(reply.transaction_ref, meter_stop_wh=8_000)
    assert periods(says) == [(0, 20, "CHARGING", Decimal(7_000)), (20, 60, "PARKING", Decimal(0))]


def test_while_the_station_withholds_power_the_charging_clock_runs(says: Says) -> None:
    reply = says.start()
    status(says, "suspended_evse", minute=20)
    says.stop(reply.transaction_ref)
    assert periods(says) == [(0, 60, "CHARGING", Decimal(11_000))]


def test_energy_is_interpolated_at_a_boundary_between_two_readings(says: Says) -> None:
    reply = says.start()
    says.meter(reply.transaction_ref, (10, 3_000), (30, 9_000))
    status(says, "suspended_ev", minute=20)
    says.stop(reply.transaction_ref, meter_stop_wh=9_000)
    assert periods(says) == [(0, 20, "CHARGING", Decimal(5_000)), (20, 60, "PARKING", Decimal(3_000))]


def test_a_car_that_resumes_charges_again(says: Says) -> None:
    reply = says.start()
    status(says, "suspended_ev", minute=10)
    status(says, "charging", minute=25)
    status(says, "finishing", minute=50)
    says.stop(reply.transaction_ref)
    assert [(start, end, kind) for start, end, kind, _ in periods(says)] == [
        (0, 10, "CHARGING"),
        (10, 25, "PARKING"),
        (25, 50, "CHARGING"),
        (50, 60, "PARKING"),
    ]
    assert clocks.session_clocks(ChargingSession.objects.get(), now=NOON) == clocks.Clocks(35 * 60, 25 * 60)


def test_the_status_of_the_time_before_the_session_does_not_count(says: Says) -> None:
    status(says, "suspended_ev", minute=-30)
    says.start()
    assert [kind for *_, kind, _ in periods(says, minute=10)] == ["CHARGING"]


def test_a_running_session_is_measured_until_now(says: Says) -> None:
    reply = says.start()
    says.meter(reply.transaction_ref, (10, 2_800))
    assert periods(says, minute=15) == [(0, 15, "CHARGING", Decimal(1_800))]


def test_a_2_x_session_tells_its_own_states(says_201: Says) -> None:
    says_201.start(charging_state="ev_connected")
    for seq_no, minute, state in ((1, 5, "charging"), (2, 40, "suspended_ev")):
        says_201(
            TransactionUpdated(
                transaction_ref="tx-1",
                evse_number=1,
                connector_number=1,
                id_token=None,
                seq_no=seq_no,
                occurred_at=says_201.later(minutes=minute),
                charging_state=state,
            )
        )
    status(says_201, "occupied", minute=6)
    says_201.stop("tx-1")
    assert [(start, end, kind) for start, end, kind, _ in periods(says_201)] == [
        (0, 5, "PARKING"),
        (5, 40, "CHARGING"),
        (40, 60, "PARKING"),
    ]
