"""Who may ask at all, and who sees which rows."""

import datetime as dt

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import api_keys
from accounts.models import ApiKey, Membership
from stations.models import ChargingStation, Location
from tests.api.conftest import API, client_of, ids, problem, staff
from tests.factories import MembershipFactory, OrganisationFactory

pytestmark = pytest.mark.django_db
LISTS = ("locations", "stations", "sessions", "cdrs", "id-tokens")


@pytest.mark.parametrize("resource", LISTS)
def test_nothing_is_shown_without_key_or_login(resource, cdr):
    response = APIClient().get(f"{API}/{resource}/")
    assert problem(response) == (401, "not-authenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer cp_wrong", "Bearer cp_a cp_b", "Bearer \x00", "Bearer cp_\xe5\xe4\xf6", "bearer x"],
)
def test_a_key_that_opens_nothing_is_a_401(header, network):
    response = APIClient().get(f"{API}/locations/", headers={"Authorization": header})
    assert problem(response) == (401, "not-authenticated")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_opens_what_its_user_may_see(scheme, driver):
    _, secret = api_keys.issue(driver, name="script")
    response = APIClient().get(f"{API}/locations/", headers={"Authorization": f"{scheme} {secret}"})
    assert ids(response, "name") == ["Stortorget"]
    assert ApiKey.objects.get().last_used_at is not None


def test_a_revoked_an_expired_and_an_inactive_users_key_open_nothing(driver):
    revoked, _ = api_keys.issue(driver, name="revoked")
    api_keys.revoke(revoked, now=timezone.now())
    clients = [client_of(driver) for _ in range(2)]
    ApiKey.objects.filter(pk=ApiKey.objects.first().pk).update(
        expires_at=timezone.now() - dt.timedelta(days=1)
    )
    assert sorted(client.get(f"{API}/stations/").status_code for client in clients) == [200, 401]
    driver.is_active = False
    driver.save()
    assert {client.get(f"{API}/stations/").status_code for client in clients} == {401}


def test_a_key_beats_the_login_cookie(driver, colleague):
    client = client_of(driver)
    client.force_login(colleague)
    client.credentials(HTTP_AUTHORIZATION="Bearer cp_wrong")
    assert client.get(f"{API}/stations/").status_code == 401


def test_the_login_cookie_reads_but_writes_only_with_the_csrf_token(driver, network):
    client = Client(enforce_csrf_checks=True)
    client.force_login(driver)
    address = f"{API}/id-tokens/{network.card.pk}/block/"
    assert client.get(f"{API}/id-tokens/").status_code == 200
    refused = client.post(address, {}, content_type="application/json")
    assert problem(refused) == (403, "forbidden")
    network.card.refresh_from_db()
    assert network.card.blocked_at is None
    token = client.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32
    accepted = client.post(address, {}, content_type="application/json", headers={"X-CSRFToken": token})
    assert accepted.status_code == 200


@pytest.mark.parametrize(
    ("who", "sessions", "cdrs", "tokens"),
    [("driver", 1, 1, 1), ("colleague", 1, 1, 0), ("stranger", 0, 0, 0), ("competitor", 0, 0, 0)],
)
def test_sessions_bills_and_tokens_are_for_those_they_concern(
    who, sessions, cdrs, tokens, cdr, network, request
):
    client = client_of(request.getfixturevalue(who))
    assert len(ids(client.get(f"{API}/sessions/"))) == sessions
    assert len(ids(client.get(f"{API}/cdrs/"))) == cdrs
    assert len(ids(client.get(f"{API}/id-tokens/"))) == tokens


@pytest.mark.parametrize("who", ["stranger", "competitor"])
def test_what_is_not_shown_does_not_exist(who, cdr, session, network, request):
    client = client_of(request.getfixturevalue(who))
    for address in (
        f"sessions/{session.public_id}/", f"sessions/{session.public_id}/samples/", f"cdrs/{cdr.public_id}/",
        f"id-tokens/{network.card.pk}/",
    ):  # fmt: skip
        assert problem(client.get(f"{API}/{address}")) == (404, "not-found")
    for verb in ("block", "unblock"):
        assert problem(client.post(f"{API}/id-tokens/{network.card.pk}/{verb}/")) == (404, "not-found")


def test_everybody_sees_published_places_and_only_the_staff_the_others(
    driver, colleague, competitor, network
):
    Location.objects.update(is_published=False)
    for user, count in ((driver, 0), (competitor, 0), (colleague, 1)):
        client = client_of(user)
        assert len(ids(client.get(f"{API}/locations/"))) == count
        assert len(ids(client.get(f"{API}/stations/"))) == count
        expected = 200 if count else 404
        assert client.get(f"{API}/locations/{network.location.public_id}/").status_code == expected
        assert client.get(f"{API}/stations/{network.station.identity}/").status_code == expected


def test_a_station_that_waits_for_approval_is_not_shown_to_drivers(driver, colleague, network):
    ChargingStation.objects.update(registration="pending")
    assert ids(client_of(driver).get(f"{API}/stations/"), "identity") == []
    assert ids(client_of(driver).get(f"{API}/locations/"), "stations") == [[]]
    assert ids(client_of(colleague).get(f"{API}/stations/"), "identity") == ["UMEA-1"]


def test_a_fleet_manager_sees_the_fleets_sessions_and_no_others(network, make_session, stranger):
    fleet = OrganisationFactory(kind="fleet", name="Bud AB")
    manager = staff(fleet, Membership.Role.FLEET_MANAGER)
    network.card.organisation = fleet
    network.card.save()
    theirs = make_session()
    make_session(id_token=None, user=stranger)
    client = client_of(manager)
    assert ids(client.get(f"{API}/sessions/")) == [str(theirs.public_id)]
    assert ids(client.get(f"{API}/id-tokens/"), "uid") == ["04A2B3C4"]


def test_a_role_in_a_closed_company_opens_nothing(colleague, network, session):
    network.operator.is_active = False
    network.operator.save()
    assert ids(client_of(colleague).get(f"{API}/sessions/")) == []


def test_drivers_learn_nothing_of_each_other(driver, stranger, network, make_session):
    make_session()
    client = client_of(stranger)
    seen = b"".join(
        client.get(f"{API}/{address}").content
        for address in ("stations/", "stations/UMEA-1/", "locations/", "sessions/", "cdrs/", "id-tokens/")
    ).decode()
    assert "UMEA-1" in seen
    for secret in ("Anna", "anna@", "04A2B3C4", "Key ring"):
        assert secret not in seen


def test_staff_of_two_companies_see_both(network, session, colleague, competitor):
    MembershipFactory(user=competitor, organisation=network.operator, role=Membership.Role.SUPPORT)
    assert ids(client_of(competitor).get(f"{API}/sessions/")) == [str(session.public_id)]
