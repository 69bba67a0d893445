"""OCPP calls by the API: who may make them, and what never reaches a station."""

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, Membership
from stations.api.actions import CALLABLE
from stations.models import ChargingStation, Location, StationCommand
from stations.ocpp.validation import schemas_of
from tests.api.conftest import API, client_of, problem, staff

pytestmark = pytest.mark.django_db
CALLS = f"{API}/stations/UMEA-1/calls/"
RESET = {"action": "Reset", "payload": {"type": "Soft"}}


@pytest.fixture
def offline(network):
    """The station's connection is closed."""
    network.station.connections.update(closed_at=timezone.now())
    return network.station


def nothing_was_asked():
    return not StationCommand.objects.exists() and not AuditEntry.objects.exists()


@pytest.mark.parametrize("role", [Membership.Role.FINANCE, Membership.Role.SUPPORT, Membership.Role.HOST])
def test_a_role_that_may_not_steer_by_hand_is_refused(role, network):
    client = client_of(staff(network.operator, role))
    assert problem(client.post(CALLS, RESET)) == (403, "forbidden")
    assert nothing_was_asked()


@pytest.mark.parametrize("who", ["driver", "stranger", "competitor"])
def test_who_sees_a_public_station_may_not_call_it(who, network, request):
    client = client_of(request.getfixturevalue(who))
    assert problem(client.post(CALLS, RESET)) == (403, "forbidden")
    assert nothing_was_asked()


@pytest.mark.parametrize("who", ["driver", "competitor"])
def test_a_station_one_does_not_see_does_not_exist(who, network, request):
    Location.objects.update(is_published=False)
    client = client_of(request.getfixturevalue(who))
    assert problem(client.post(CALLS, RESET)) == (404, "not-found")
    assert nothing_was_asked()


@pytest.mark.parametrize("role", [Membership.Role.OPERATOR, Membership.Role.TECHNICIAN])
def test_a_station_that_is_not_connected_is_a_409_and_the_attempt_is_on_record(role, network, offline):
    user = staff(network.operator, role)
    response = client_of(user).post(f"{API}/stations/umea-1/calls/", RESET)
    assert problem(response) == (409, "station-offline")
    command = StationCommand.objects.get()
    assert (command.state, command.kind, command.requested_by) == ("offline", "raw_call", user)
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.subject, entry.actor) == ("station.raw_call", "station UMEA-1", user)


def test_a_station_that_was_never_connected_is_offline_too(colleague, offline):
    offline.connections.all().delete()
    ChargingStation.objects.update(ocpp_version="")
    assert problem(client_of(colleague).post(CALLS, RESET)) == (409, "station-offline")


@pytest.mark.parametrize(
    ("version", "action"),
    [("1.6", "BootNotification"), ("1.6", "GetVariables"), ("1.6", "reset"), ("1.6", "Nonsense"),
     ("2.0.1", "TransactionEvent"), ("2.0.1", "RemoteStartTransaction"), ("2.0.1", "ResetRequest")],
)  # fmt: skip
def test_only_actions_from_the_csms_to_the_station_of_its_version(version, action, colleague, network):
    network.station.connections.update(ocpp_version=version)
    response = client_of(colleague).post(CALLS, {"action": action, "payload": {}})
    assert problem(response) == (422, "unknown-action")
    assert response.json()["version"] == version
    assert nothing_was_asked()


@pytest.mark.parametrize(
    ("version", "payload", "field"),
    [("1.6", {}, "payload"), ("1.6", {"type": "Gentle"}, "payload.type"),
     ("1.6", {"type": "Soft", "now": True}, "payload"), ("1.6", {"type": 1}, "payload.type"),
     ("2.0.1", {"type": "Soft"}, "payload.type"),
     ("2.0.1", {"type": "OnIdle", "evseId": "1"}, "payload.evseId")],
)  # fmt: skip
def test_a_payload_that_does_not_fit_the_official_schema_is_a_422(
    version, payload, field, colleague, network
):
    network.station.connections.update(ocpp_version=version)
    response = client_of(colleague).post(CALLS, {"action": "Reset", "payload": payload})
    assert problem(response) == (422, "payload-invalid")
    document = response.json()
    assert document["errors"][0]["field"] == field
    assert document["version"] == version
    assert nothing_was_asked()


def test_the_open_connections_version_counts_not_the_one_spoken_before(colleague, network):
    ChargingStation.objects.update(ocpp_version="1.6")
    network.station.connections.update(ocpp_version="2.0.1")
    response = client_of(colleague).post(CALLS, RESET)
    assert problem(response) == (422, "payload-invalid")
    assert response.json()["version"] == "2.0.1"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"payload": {}}, "action"), ({"action": "Reset"}, "payload"),
     ({"action": "Reset", "payload": []}, "payload"),
     ({"action": "Reset", "payload": None}, "payload"), ({"action": "A" * 51, "payload": {}}, "action"),
     ({"action": 1.5, "payload": {}}, "action"), ({"action": "a b", "payload": {}}, "action"),
     (RESET | {"timeout_s": 0}, "timeout_s"), (RESET | {"timeout_s": 121}, "timeout_s"),
     (RESET | {"timeout_s": "soon"}, "timeout_s"), (RESET | {"timeout_s": True}, "timeout_s")],
)  # fmt: skip
def test_a_call_of_another_shape_is_a_400(body, field, colleague, network):
    response = client_of(colleague).post(CALLS, body)
    assert problem(response) == (400, "invalid-input")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert nothing_was_asked()


def test_calls_are_counted_by_themselves(colleague, offline, monkeypatch):
    from chargeportal.common.api.throttling import KeyThrottle

    monkeypatch.setattr(KeyThrottle, "THROTTLE_RATES", {"key": "600/min", "station-calls": "1/min"})
    client = client_of(colleague)
    assert [client.post(CALLS, RESET).status_code for _ in range(2)] == [409, 429]
    assert client.get(f"{API}/stations/UMEA-1/").status_code == 200


def test_a_station_that_nobody_has_placed_yet_answers_to_every_operator_only_while_it_waits(
    network, competitor, driver
):
    ChargingStation.objects.update(location=None, registration="pending")
    network.station.connections.update(closed_at=timezone.now())
    assert problem(client_of(competitor).post(CALLS, RESET)) == (409, "station-offline")
    ChargingStation.objects.update(registration="accepted")
    assert problem(client_of(competitor).post(CALLS, RESET)) == (404, "not-found")
    assert problem(client_of(driver).post(CALLS, RESET)) == (404, "not-found")


def test_every_callable_action_has_a_schema():
    assert set(CALLABLE) == {"1.6", "2.0.1", "2.1"}
    for version, actions in CALLABLE.items():
        assert not actions - set(schemas_of(version))
