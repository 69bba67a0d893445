"""Held sessions over the API: who sees them, who decides, and once."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership
from sessions.models import ChargingSession, SessionReview
from tests.api.conftest import API, client_of, ids, problem
from tests.factories import MembershipFactory, OrganisationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def review(network, make_session) -> SessionReview:
    session = make_session(ended=True, held_reason="impossible_energy")
    return SessionReview.objects.create(
        session=session,
        reason="impossible_energy",
        evidence={"measured_wh": "0.000"},
        opened_at=timezone.now(),
    )


@pytest.fixture
def finance(network):
    return MembershipFactory(organisation=network.operator, role=Membership.Role.FINANCE).user


@pytest.fixture
def stranger(db):
    return MembershipFactory(organisation=OrganisationFactory(), role=Membership.Role.FINANCE).user


def decide(user, review, **body):
    return client_of(user).post(f"{API}/holds/{review.pk}/decide/", body, format="json")


def test_finance_lists_what_is_held_with_the_evidence(review, finance):
    [row] = client_of(finance).get(f"{API}/holds/?open=true").json()["results"]
    assert row["session"] == str(review.session.public_id)
    assert (row["reason"], row["reason_text"]) == ("impossible_energy", "More energy than possible")
    assert (row["evidence"], row["decision"]) == ({"measured_wh": "0.000"}, None)
    assert ids(client_of(finance).get(f"{API}/holds/?open=false")) == []


def test_the_driver_and_a_stranger_see_none_and_decide_nothing(review, driver, stranger):
    for user in (driver, stranger):
        assert ids(client_of(user).get(f"{API}/holds/")) == []
        assert problem(decide(user, review, decision="waive")) == (404, "not-found")
    assert SessionReview.objects.get().decision == ""


def test_support_sees_it_and_may_not_decide(review, network):
    support = MembershipFactory(organisation=network.operator, role=Membership.Role.SUPPORT).user
    assert ids(client_of(support).get(f"{API}/holds/")) == [review.pk]
    assert problem(decide(support, review, decision="approve")) == (403, "forbidden")
    assert SessionReview.objects.get().decision == ""


def test_it_is_adjusted_once(review, finance):
    answer = decide(finance, review, decision="adjust", energy_wh="8200.000", note="Display")
    assert answer.status_code == 200, answer.content
    row = answer.json()
    assert (row["decision"], row["decided_by"], row["note"]) == ("adjust", finance.email, "Display")
    assert ChargingSession.objects.get().energy_wh == Decimal(8200)
    assert problem(decide(finance, review, decision="waive")) == (409, "conflict")
    assert SessionReview.objects.get().decision == "adjust"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "burn"},
        {"decision": "adjust"},
        {"decision": "approve", "energy_wh": "1"},
        {"decision": "adjust", "energy_wh": "-1"},
        {"decision": "adjust", "ended_at": "2001-01-01T00:00:00Z"},
    ],
)
def test_nonsense_is_refused_and_changes_nothing(review, finance, body):
    assert problem(decide(finance, review, **body)) == (400, "invalid-input")
    assert SessionReview.objects.get().decision == ""


def test_the_list_costs_the_same_at_one_row_and_at_three(review, finance, make_session):
    client, counts = client_of(finance), []
    for days_ago in (1, 2, 3):
        with CaptureQueriesContext(connection) as captured:
            client.get(f"{API}/holds/")
        counts.append(len(captured))
        other = make_session(ended=True, held_reason="clock", days_ago=days_ago)
        SessionReview.objects.create(session=other, reason="clock", opened_at=timezone.now())
    assert counts[1] == counts[2]
