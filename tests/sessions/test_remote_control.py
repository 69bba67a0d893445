"""Starting and stopping from the portal."""

import datetime as dt
from dataclasses import replace

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, IdToken, User
from sessions import remote_control
from sessions.models import ChargingSession, StartRequest
from sessions.remote_control import StartRefused, StopRefused
from stations.models import Evse, StationCommand
from stations.ocpp.messages import ConnectionOpened, IdTokenRef, StatusNotification, TransactionUpdated
from tests.sessions.conftest import Says

pytestmark = pytest.mark.django_db


@pytest.fixture
def online(says: Says) -> Says:
    """The station is connected and its outlet is free."""
    now = timezone.now()
    says.now = now
    says(ConnectionOpened(process_id="test", remote_address="::1", version=says.version, opened_at=now))
    says(StatusNotification(evse_number=1, connector_number=1, status="available", occurred_at=now))
    return says


def the_evse() -> Evse:
    return Evse.objects.select_related("station").get(number=1)


def request(user: User) -> StartRequest:
    return remote_control.request_start(the_evse(), user=user, now=timezone.now())


def test_a_start_is_a_command_with_the_drivers_own_token(online: Says, driver: User) -> None:
    asked = request(driver)
    token = driver.id_tokens.get(type=IdToken.Type.CENTRAL)
    assert asked.command is not None
    assert (asked.command.kind, asked.command.state) == ("remote_start", "queued")
    assert asked.command.parameters["id_token"] == token.uid
    assert asked.command.parameters["remote_start_id"] == asked.pk
    assert len(token.uid) <= 20
    assert AuditEntry.objects.get().act == "station.remote_start"


def test_the_session_that_follows_fulfils_the_request(online: Says, driver: User) -> None:
    asked = request(driver)
    online.now = timezone.now()
    online.start(id_token=IdTokenRef(asked.id_token.uid), occurred_at=online.now)
    asked.refresh_from_db()
    assert asked.state == "started"
    assert asked.session == ChargingSession.objects.get(user=driver)


def test_a_2_x_session_is_recognised_by_its_remote_start_id(online: Says, driver: User) -> None:
    asked = request(driver)
    speaks = replace(online, version="2.0.1")
    speaks.start(
        id_token=IdTokenRef(asked.id_token.uid, "Central"), occurred_at=online.now, remote_start_id=asked.pk
    )
    asked.refresh_from_db()
    assert asked.session is not None
    assert asked.session.transaction_ref == "tx-1"


def test_an_offline_charger_refuses_and_nothing_is_stored(says: Says, driver: User) -> None:
    with pytest.raises(StartRefused, match="not connected"):
        request(driver)
    assert StartRequest.objects.count() == 0
    assert StationCommand.objects.count() == 0


def test_an_outlet_in_use_refuses(online: Says, driver: User) -> None:
    online.start(occurred_at=online.now)
    with pytest.raises(StartRefused, match="Somebody is charging"):
        request(driver)
    assert StartRequest.objects.count() == 0


def test_a_faulted_outlet_refuses(online: Says, driver: User) -> None:
    online(
        StatusNotification(evse_number=1, connector_number=1, status="faulted", error_code="GroundFailure")
    )
    with pytest.raises(StartRefused, match="out of service"):
        request(driver)
    assert StartRequest.objects.count() == 0


def test_a_blocked_driver_is_refused(online: Says, driver: User) -> None:
    remote_control.portal_token(driver)
    IdToken.objects.filter(user=driver).update(blocked_at=timezone.now())
    with pytest.raises(StartRefused, match="blocked"):
        request(driver)
    assert StationCommand.objects.count() == 0


def test_two_drivers_cannot_start_at_one_outlet(online: Says, driver: User) -> None:
    request(driver)
    other = User.objects.create_user("other@example.test", "long enough")
    with pytest.raises(StartRefused, match="Somebody else"):
        request(other)
    assert StartRequest.objects.get().requested_by == driver


def test_asking_again_replaces_ones_own_request(online: Says, driver: User) -> None:
    first, second = request(driver), request(driver)
    first.refresh_from_db()
    assert (first.state, second.state) == ("cancelled", "waiting")


def test_a_request_the_charger_rejected_is_refused(online: Says, driver: User) -> None:
    asked = request(driver)
    StationCommand.objects.update(state="rejected", finished_at=timezone.now())
    assert remote_control.settle_request(asked, now=timezone.now()).state == "refused"


def test_a_request_whose_car_never_came_expires(online: Says, driver: User) -> None:
    asked = request(driver)
    later = timezone.now() + remote_control.PATIENCE + dt.timedelta(seconds=1)
    assert remote_control.settle_request(asked, now=later).state == "expired"


def test_a_stop_asks_the_charger_and_the_session_runs_until_it_says_so(online: Says, driver: User) -> None:
    reply = online.start(occurred_at=online.now)
    session = ChargingSession.objects.get()
    command = remote_control.request_stop(session, user=driver, now=timezone.now())
    assert command.parameters == {"transaction_ref": reply.transaction_ref}
    session.refresh_from_db()
    assert session.is_active


def test_an_ended_session_cannot_be_stopped(online: Says, driver: User) -> None:
    reply = online.start(occurred_at=online.now)
    online.stop(reply.transaction_ref, occurred_at=online.now + dt.timedelta(hours=1))
    with pytest.raises(StopRefused, match="already ended"):
        remote_control.request_stop(ChargingSession.objects.get(), user=driver, now=timezone.now())
    assert StationCommand.objects.count() == 0


def test_a_2_x_car_that_is_plugged_in_first_is_started_by_the_request_it_names(
    online: Says, driver: User
) -> None:
    speaks = replace(online, version="2.0.1")
    speaks.start(id_token=None, occurred_at=online.now)
    asked = request(driver)
    speaks(
        TransactionUpdated(
            transaction_ref="tx-1",
            evse_number=1,
            connector_number=1,
            id_token=None,
            seq_no=1,
            occurred_at=online.now,
            remote_start_id=asked.pk,
        )
    )
    session = ChargingSession.objects.get()
    asked.refresh_from_db()
    assert asked.session == session
    assert (session.user, session.id_token_uid) == (driver, asked.id_token.uid)


def test_a_repeated_stop_does_not_take_the_drivers_next_request(online: Says, driver: User) -> None:
    first = request(driver)
    online.now = timezone.now()
    reply = online.start(id_token=IdTokenRef(first.id_token.uid), occurred_at=online.now)
    ended_at = online.now + dt.timedelta(minutes=30)
    online.stop(reply.transaction_ref, occurred_at=ended_at)
    second = request(driver)
    online.stop(reply.transaction_ref, occurred_at=ended_at)
    second.refresh_from_db()
    assert (second.state, second.session) == ("waiting", None)
