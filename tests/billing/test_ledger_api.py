"""The books over the API: for those who do the operator's money, and for nobody else."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.ledger.posting import Event, Posting, post
from tests.api.conftest import API, client_of
from tests.factories import MembershipFactory, OrganisationFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(db):
    return OrganisationFactory(name="Norrsken")


@pytest.fixture
def frida(operator):
    return MembershipFactory(organisation=operator, role="finance").user


def sell(operator, number: int, date: dt.date = dt.date(2026, 3, 10)) -> None:
    lines = [Posting("unbilled", Decimal("100.00")), Posting("sales", Decimal("-100.00"))]
    post(Event(operator.pk, f"cdr:{number}", "cdr", date, "Laddsession", "SEK", f"ref {number}"), lines)


def test_an_entry_with_its_lines(operator, frida):
    sell(operator, 1)
    (entry,) = client_of(frida).get(f"{API}/ledger/entries/").json()["results"]
    assert entry["key"] == "cdr:1"
    assert [(line["account"], line["amount"]) for line in entry["lines"]] == [
        ("1790", "100.00"), ("3001", "-100.00"),
    ]  # fmt: skip


def test_entries_of_some_days(operator, frida):
    for day in (9, 10, 11):
        sell(operator, day, dt.date(2026, 3, day))
    address = f"{API}/ledger/entries/?date_from=2026-03-10&date_before=2026-03-11"
    assert [entry["key"] for entry in client_of(frida).get(address).json()["results"]] == ["cdr:10"]


def test_the_trial_balance(operator, frida):
    sell(operator, 1, dt.date(2026, 2, 28))
    sell(operator, 2)
    address = f"{API}/ledger/trial-balance/?date_from=2026-03-01&date_before=2026-04-01"
    answer = client_of(frida).get(address).json()
    assert answer["is_balanced"] is True
    members = ("number", "opening", "debit", "credit", "closing")
    assert [tuple(row[name] for name in members) for row in answer["rows"]] == [
        ("1790", "100.00", "100.00", "0.00", "200.00"), ("3001", "-100.00", "0.00", "100.00", "-200.00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?date_from=2026-03-01",
        "?date_from=2026-03-01&date_before=2026-03-01",
        "?date_from=x&date_before=y",
    ],
)
def test_a_period_that_is_none_is_refused(query, frida):
    answer = client_of(frida).get(f"{API}/ledger/trial-balance/{query}")
    assert answer.status_code == 400
    assert "date_" in answer.content.decode()


def test_whoever_does_money_for_several_names_the_operator(operator, frida):
    MembershipFactory(user=frida, organisation=OrganisationFactory(name="Elsewhere"), role="finance")
    address = f"{API}/ledger/trial-balance/?date_from=2026-03-01&date_before=2026-04-01"
    assert client_of(frida).get(address).status_code == 400
    assert client_of(frida).get(f"{address}&operator=Norrsken").json()["operator"] == "Norrsken"


@pytest.mark.parametrize("resource", ["accounts", "entries"])
def test_strangers_and_drivers_see_nothing(resource, operator):
    sell(operator, 1)
    stranger = MembershipFactory(organisation=OrganisationFactory(), role="finance").user
    for user in (stranger, UserFactory()):
        assert client_of(user).get(f"{API}/ledger/{resource}/").json()["results"] == []


def test_strangers_do_not_find_the_trial_balance(operator):
    address = f"{API}/ledger/trial-balance/?date_from=2026-03-01&date_before=2026-04-01"
    assert client_of(UserFactory()).get(address).status_code == 404
    stranger = MembershipFactory(organisation=OrganisationFactory(), role="finance").user
    assert client_of(stranger).get(f"{address}&operator=Norrsken").status_code == 404


def test_a_list_of_three_costs_as_many_queries_as_a_list_of_one(operator, frida):
    client, address = client_of(frida), f"{API}/ledger/entries/"

    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    sell(operator, 1)
    client.get(address)
    first = cost()
    sell(operator, 2)
    sell(operator, 3)
    assert cost() == first
