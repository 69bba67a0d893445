"""Revenue over the API: of one's own operators, for those who deal with money."""

import pytest
from django.utils import timezone

from accounts.models import Membership
from tests.api.conftest import API, client_of, problem
from tests.factories import MembershipFactory, OrganisationFactory

pytestmark = pytest.mark.django_db


def get(user, **query):
    return client_of(user).get(f"{API}/revenue/", query)


@pytest.fixture
def today(cdr):
    day = timezone.localdate(cdr.ended_at).isoformat()
    return {"from": day, "to": day}


def test_the_operator_reads_the_revenue_by_tariff(cdr, colleague, today):
    answer = get(colleague, by="tariff", **today)
    assert answer.status_code == 200, answer.content
    document = answer.json()
    assert (document["period_from"], document["currency"]) == (today["from"], "SEK")
    total = document["total"]
    assert (total["sessions"], total["gross"], total["net"], total["vat"]) == (1, "64.45", "51.56", "12.89")
    assert [row["figures"]["gross"] for row in document["rows"]] == ["64.45"]


def test_a_driver_may_not_and_a_stranger_sees_nothing(cdr, driver, today):
    assert problem(get(driver, **today)) == (403, "forbidden")
    stranger = MembershipFactory(organisation=OrganisationFactory(), role=Membership.Role.FINANCE).user
    assert get(stranger, **today).json()["total"]["sessions"] == 0


@pytest.mark.parametrize(
    "query",
    [
        {"by": "weather"},
        {"from": "2026-03-01"},
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "2001-01-01", "to": "2026-03-01"},
        {"currency": "kr"},
    ],
)
def test_nonsense_is_refused(colleague, query):
    assert problem(get(colleague, **query)) == (400, "invalid-input")
