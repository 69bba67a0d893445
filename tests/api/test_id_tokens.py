"""Cards by the API: a driver's own, and those of an organisation."""

import datetime as dt

import pytest
from django.utils import timezone

from accounts.cards import REPORTED_LOST
from accounts.models import AuditEntry, IdToken, Membership
from tests.api.conftest import API, client_of, ids, problem, staff
from tests.factories import IdTokenFactory, MembershipFactory, OrganisationFactory, UserFactory

pytestmark = pytest.mark.django_db
TOKENS = f"{API}/id-tokens/"


@pytest.fixture
def fleet(network):
    return OrganisationFactory(kind="fleet", name="Bud AB")


@pytest.fixture
def manager(fleet):
    return staff(fleet, Membership.Role.FLEET_MANAGER)


def test_a_driver_adds_a_card_of_her_own(driver):
    response = client_of(driver).post(TOKENS, {"uid": "04:ff:00:11", "label": "Spare"})
    assert response.status_code == 201
    told = response.json()
    assert (told["uid"], told["label"], told["type"], told["organisation"]) == (
        "04FF0011",
        "Spare",
        "ISO14443",
        None,
    )
    assert IdToken.objects.get(uid="04FF0011").user == driver


@pytest.mark.parametrize("uid", ["04A2B3C4", "04a2b3c4"])
def test_somebody_elses_card_is_refused_without_telling_whose(uid, network, stranger):
    response = client_of(stranger).post(TOKENS, {"uid": uid})
    assert problem(response) == (409, "conflict")
    assert "Anna" not in response.content.decode()
    assert IdToken.objects.get().user == network.driver


def test_nobody_can_try_which_cards_exist(stranger, network):
    first, second = client_of(stranger), client_of(stranger)
    asked = [(first, second)[n % 2].post(TOKENS, {"uid": f"AAAA{n:04}"}).status_code for n in range(16)]
    assert asked == [201] * 15 + [429]


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [({"uid": ""}, "uid"), ({"uid": "x" * 37}, "uid"), ({"uid": "å"}, "uid"), ({"uid": "a b"}, "uid"),
     ({"uid": ["A"]}, "uid"), ({"uid": "ABCD", "type": "Central"}, "type"),
     ({"uid": "ABCD", "type": "MacAddress"}, "type"),
     ({"uid": "ABCD", "valid_until": "2030-01-01T00:00:00Z"}, "valid_until"),
     ({"uid": "ABCD", "driver_email": "x@example.test"}, "driver_email"),
     ({"uid": "ABCD", "organisation": "x"}, "organisation")],
)  # fmt: skip
def test_what_a_driver_cannot_add(fields, at_fault, driver):
    response = client_of(driver).post(TOKENS, fields)
    assert problem(response) == (400, "invalid-input")
    assert [error["field"] for error in response.json()["errors"]] == [at_fault]
    assert IdToken.objects.count() == 1


def test_a_fleet_manager_adds_a_card_for_one_of_the_fleets_drivers(fleet, manager):
    courier = MembershipFactory(organisation=fleet, role=Membership.Role.DRIVER).user
    response = client_of(manager).post(
        TOKENS,
        {
            "uid": "VAN12", "organisation": str(fleet.public_id), "driver_email": courier.email,
            "valid_until": "2030-01-01T00:00:00+01:00",
        },
    )  # fmt: skip
    assert response.status_code == 201
    assert response.json()["valid_until"] == "2029-12-31T23:00:00Z"
    token = IdToken.objects.get(uid="VAN12")
    assert (token.organisation, token.user) == (fleet, courier)
    assert AuditEntry.objects.get().act == "idtoken.added"


def test_an_organisation_gives_cards_to_its_own_people_alone(fleet, manager, driver):
    body = {"uid": "VAN12", "organisation": str(fleet.public_id), "driver_email": driver.email}
    assert problem(client_of(manager).post(TOKENS, body)) == (400, "invalid-input")
    assert not IdToken.objects.filter(uid="VAN12").exists()


@pytest.mark.parametrize("who", ["driver", "colleague", "competitor"])
def test_cards_of_an_organisation_are_added_by_its_own_people_alone(who, fleet, request):
    body = {"uid": "VAN12", "organisation": str(fleet.public_id)}
    assert problem(client_of(request.getfixturevalue(who)).post(TOKENS, body)) == (400, "invalid-input")
    assert not IdToken.objects.filter(uid="VAN12").exists()


def test_a_number_in_use_is_a_409(fleet, manager, network):
    body = {"uid": "04a2b3c4", "organisation": str(fleet.public_id)}
    assert problem(client_of(manager).post(TOKENS, body)) == (409, "conflict")
    assert IdToken.objects.get().organisation is None


def test_validity_ends_after_it_begins(fleet, manager):
    body = {
        "uid": "VAN12", "organisation": str(fleet.public_id),
        "valid_from": "2030-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z",
    }  # fmt: skip
    response = client_of(manager).post(TOKENS, body)
    assert problem(response) == (400, "invalid-input")
    assert response.json()["errors"][0]["field"] == "valid_until"


def test_a_driver_blocks_her_card_and_takes_it_back(network, driver):
    client, address = client_of(driver), f"{TOKENS}{network.card.pk}/"
    blocked = client.post(f"{address}block/", {"reason": "stolen"}).json()
    assert (blocked["is_blocked"], blocked["block_reason"]) == (True, REPORTED_LOST)
    again = client.post(f"{address}block/").json()
    assert again["blocked_at"] == blocked["blocked_at"]
    assert client.post(f"{address}unblock/").json()["is_blocked"] is False


def test_a_block_of_the_operator_is_not_the_drivers_to_take_back(network, driver, colleague):
    network.card.organisation = network.operator
    network.card.save()
    address = f"{TOKENS}{network.card.pk}/"
    assert (
        client_of(colleague).post(f"{address}block/", {"reason": "unpaid"}).json()["block_reason"] == "unpaid"
    )
    assert problem(client_of(driver).post(f"{address}unblock/")) == (409, "conflict")
    network.card.refresh_from_db()
    assert network.card.blocked_at is not None
    assert client_of(colleague).post(f"{address}unblock/").json()["is_blocked"] is False
    assert [entry.act for entry in AuditEntry.objects.order_by("id")] == [
        "idtoken.blocked",
        "idtoken.unblocked",
    ]


@pytest.mark.parametrize("role", [Membership.Role.TECHNICIAN, Membership.Role.FINANCE])
def test_who_sees_a_card_may_not_always_block_it(role, network):
    card = IdTokenFactory(organisation=network.operator, user=None)
    client = client_of(staff(network.operator, role))
    assert str(card.pk) in {str(pk) for pk in ids(client.get(TOKENS))}
    for verb in ("block", "unblock"):
        assert problem(client.post(f"{TOKENS}{card.pk}/{verb}/")) == (403, "forbidden")
    card.refresh_from_db()
    assert card.blocked_at is None


def test_the_tokens_behind_starts_from_the_portal_are_not_shown(driver):
    token = IdTokenFactory(user=driver, type=IdToken.Type.CENTRAL, uid="CP0123456789")
    client = client_of(driver)
    assert "CP0123456789" not in ids(client.get(TOKENS), "uid")
    assert problem(client.post(f"{TOKENS}{token.pk}/block/")) == (404, "not-found")


def test_cards_by_number_type_and_state(network, driver):
    blocked = IdTokenFactory(
        user=driver, uid="CAR1", type=IdToken.Type.MAC_ADDRESS, blocked_at=timezone.now()
    )
    client = client_of(driver)

    def found(**query):
        return ids(client.get(TOKENS, query), "uid")

    assert found(uid="car1") == found(blocked="true") == found(type="MacAddress") == [blocked.uid]
    assert found(blocked="false") == found(type="ISO14443") == ["04A2B3C4"]
    assert problem(client.get(TOKENS, {"type": "x"})) == (400, "invalid-input")


def test_a_leaving_driver_loses_sight_of_the_fleets_cards(fleet):
    someone = UserFactory()
    membership = MembershipFactory(user=someone, organisation=fleet, role=Membership.Role.FLEET_MANAGER)
    IdTokenFactory(organisation=fleet, user=None, valid_until=timezone.now() + dt.timedelta(days=1))
    client = client_of(someone)
    assert len(ids(client.get(TOKENS))) == 1
    membership.delete()
    assert ids(client.get(TOKENS)) == []
