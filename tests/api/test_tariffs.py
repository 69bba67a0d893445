"""Tariffs over the API: read by those who see prices, checked and simulated by those who keep them."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import PriceComponent, PriceGroup, Tariff, TariffAssignment, TariffElement
from tests.api.conftest import API, client_of, ids, problem
from tests.factories import (
    EvseFactory,
    LocationFactory,
    MembershipFactory,
    OrganisationFactory,
    StationFactory,
    TariffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return OrganisationFactory(name="Norrsken")


@pytest.fixture
def finance(operator):
    return MembershipFactory(organisation=operator, role="finance").user


@pytest.fixture
def tariff(operator) -> Tariff:
    return priced(operator, "Day")


def priced(operator, name: str) -> Tariff:
    made = TariffFactory(operator=operator, name=name)
    element = TariffElement.objects.create(tariff=made, restrictions={"min_kwh": "10"})
    PriceComponent.objects.create(element=element, type="ENERGY", price=Decimal("4.95"))
    evse = EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)))
    TariffAssignment.objects.create(tariff=made, evse=evse, valid_from=timezone.now() - dt.timedelta(days=1))
    return made


def test_a_tariff_is_told_as_ocpi_with_its_version_and_places(tariff, finance):
    (row,) = client_of(finance).get(f"{API}/tariffs/").json()["results"]
    assert (row["name"], row["version"], row["state"], row["replaces"]) == ("Day", 1, "in_force", None)
    assert row["ocpi"]["elements"] == [
        {
            "price_components": [{"type": "ENERGY", "price": "4.9500", "vat": "25.00", "step_size": 1}],
            "restrictions": {"min_kwh": "10"},
        }
    ]
    held = tariff.assignments.get()
    assert [(a["evse"], a["location"], a["price_group"]) for a in row["assignments"]] == [
        (str(held.evse.public_id), None, None)
    ]


@pytest.mark.parametrize(("role", "sees"), [("operator", 1), ("support", 1), ("technician", 0)])
def test_colleagues_who_see_prices_see_tariffs(role, sees, tariff, operator):
    client = client_of(MembershipFactory(organisation=operator, role=role).user)
    assert len(ids(client.get(f"{API}/tariffs/"))) == sees


def test_strangers_and_drivers_see_none(tariff, operator):
    group = PriceGroup.objects.create(operator=operator, name="Staff")
    stranger = MembershipFactory(organisation=OrganisationFactory(name="Elsewhere"), role="finance").user
    for client in (client_of(stranger), client_of(UserFactory())):
        assert ids(client.get(f"{API}/tariffs/")) == []
        assert ids(client.get(f"{API}/price-groups/")) == []
        assert problem(client.get(f"{API}/tariffs/{tariff.public_id}/"))[0] == 404
        assert problem(client.get(f"{API}/price-groups/{group.pk}/"))[0] == 404
        for act in ("lint", "simulate"):
            assert problem(client.post(f"{API}/tariffs/{tariff.public_id}/{act}/"))[0] == 404


def test_price_groups_come_in_their_order(operator, finance):
    for rank, name in ((20, "Contract"), (10, "Staff")):
        PriceGroup.objects.create(operator=operator, name=name, rank=rank)
    assert ids(client_of(finance).get(f"{API}/price-groups/"), "name") == ["Staff", "Contract"]


def test_what_is_wrong_is_told_with_its_line(tariff, finance):
    TariffElement.objects.update(restrictions={"min_kwh": 10, "max_kwh": 5})
    answer = client_of(finance).post(f"{API}/tariffs/{tariff.public_id}/lint/")
    assert answer.status_code == 200
    (finding,) = answer.json()["findings"]
    assert {name: finding[name] for name in ("level", "code", "element", "component")} == {
        "level": "error", "code": "empty_bounds", "element": 0, "component": None,
    }  # fmt: skip


def test_support_may_look_but_neither_check_nor_simulate(tariff, operator):
    client = client_of(MembershipFactory(organisation=operator, role="support").user)
    for act in ("lint", "simulate"):
        assert problem(client.post(f"{API}/tariffs/{tariff.public_id}/{act}/"))[0] == 403


def test_a_small_simulation_is_answered_at_once(tariff, finance):
    client = client_of(finance)
    asked = {"from_date": "2026-01-01", "until_date": "2026-02-01"}
    answer = client.post(f"{API}/tariffs/{tariff.public_id}/simulate/", asked, format="json")
    assert answer.status_code == 200
    made = answer.json()
    assert (made["sessions_total"], made["result"]["change_incl"]) == (0, "0")
    assert client.get(f"{API}/tariffs/{tariff.public_id}/simulations/{made['id']}/").json() == made


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"from_date": "2026-02-01", "until_date": "2026-02-01"},
        {"from_date": "2026-01-01", "until_date": "2026-02-01", "price_group": 999},
    ],
)
def test_a_simulation_of_nothing_sensible_is_refused(wrong, tariff, finance):
    answer = client_of(finance).post(f"{API}/tariffs/{tariff.public_id}/simulate/", wrong, format="json")
    assert problem(answer) == (400, "invalid-input")
    assert tariff.simulations.count() == 0


def test_the_list_costs_the_same_at_one_row_and_at_three(tariff, operator, finance):
    client = client_of(finance)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"{API}/tariffs/").status_code == 200
        return len(captured)

    queries()
    at_one = queries()
    priced(operator, "Night")
    priced(operator, "Weekend")
    assert queries() == at_one
