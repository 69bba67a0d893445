"""Price groups: who is in them is chosen from whom the operator deals with."""

import pytest
from django.urls import reverse

from billing.customers import account_of_organisation
from billing.models import PriceGroup
from tests.factories import LocationFactory, OrganisationFactory, UserFactory


@pytest.fixture
def mall(operator):
    """The host of one of the operator's locations."""
    host = OrganisationFactory(name="The mall", kind="host")
    LocationFactory(operator=operator, host=host)
    return host


def test_a_group_is_made_of_a_host_and_a_customer(operator, mall, colleague, browser):
    fleet = OrganisationFactory(name="Cars AB", kind="fleet")
    account_of_organisation(fleet, operator_id=operator.pk)
    given = {
        "name": "Staff", "operator": operator.pk, "kind": "host_staff", "rank": 10,
        "organisations": [mall.pk, fleet.pk],
    }  # fmt: skip
    response = browser(colleague("operator")).post(reverse("admin:billing_pricegroup_add"), given)
    assert response.status_code == 302
    group = PriceGroup.objects.get()
    assert (group.rank, {o.name for o in group.organisations.all()}) == (10, {"The mall", "Cars AB"})


def test_strangers_people_and_companies_cannot_be_chosen(operator, colleague, stranger, browser):
    company = OrganisationFactory(name="Somebody else's", kind="fleet")
    given = {
        "name": "Staff", "operator": operator.pk, "kind": "contract", "rank": 10,
        "users": [stranger.pk], "organisations": [company.pk],
    }  # fmt: skip
    page = browser(colleague("operator")).post(reverse("admin:billing_pricegroup_add"), given)
    assert set(page.context["adminform"].form.errors) == {"users", "organisations"}
    assert not PriceGroup.objects.exists()


def test_a_driver_who_is_in_it_is_named(operator, colleague, browser):
    group = PriceGroup.objects.create(operator=operator, name="Staff")
    group.users.add(UserFactory(name="Anna"))
    page = browser(colleague("finance")).get(reverse("admin:billing_pricegroup_changelist"))
    assert "people: 1, organisations: 0" in page.content.decode()


def test_a_stranger_neither_sees_nor_changes_it(operator, stranger, browser):
    group = PriceGroup.objects.create(operator=operator, name="Staff")
    response = browser(stranger).post(
        reverse("admin:billing_pricegroup_change", args=[group.pk]), {"name": "Mine"}
    )
    assert response.status_code == 302
    group.refresh_from_db()
    assert group.name == "Staff"
