"""Payments over the API: who sees them, who pays back, and once."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Refund
from tests.admin.payment_lists import add_payment
from tests.api.conftest import API, client_of, ids, problem
from tests.billing.payment_builders import card_account, paid
from tests.billing.stripe_fixture import Stripe, stripe_fake
from tests.factories import MembershipFactory, UserFactory

__all__ = ["stripe_fake"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(stripe_fake: Stripe):
    return paid(stripe_fake, "100.00")


@pytest.fixture
def finance(payment):
    return MembershipFactory(organisation=payment.operator, role="finance").user


def pay_back(user, payment, **body):
    wish = {"amount": "10.00", "reason": "it was slow", "key": "k1"} | body
    return client_of(user).post(f"{API}/payments/{payment.public_id}/refund/", wish, format="json")


def test_the_payer_sees_the_own_payment_and_no_card_number(payment) -> None:
    [row] = client_of(payment.account.user).get(f"{API}/payments/").json()["results"]
    assert (row["id"], row["state"], row["captured"]) == (str(payment.public_id), "succeeded", "100.00")
    assert row["document"] == payment.invoice.full_number
    assert row["card"] == "visa •••• 4242"
    assert row["refunds"] == []


def test_finance_sees_it_and_strangers_do_not(payment, finance) -> None:
    address = f"{API}/payments/{payment.public_id}/"
    assert client_of(finance).get(address).status_code == 200
    for stranger in (UserFactory(), MembershipFactory(role="finance").user):
        assert ids(client_of(stranger).get(f"{API}/payments/")) == []
        assert problem(client_of(stranger).get(address)) == (404, "not-found")


def test_finance_pays_back_once_for_the_same_key(payment, finance) -> None:
    answers = [pay_back(finance, payment) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].json()["refunded"] == "10.00"
    assert [refund["amount"] for refund in answers[1].json()["refunds"]] == ["10.00"]
    payment.refresh_from_db()
    assert payment.refunded == Decimal(10)


def test_the_payer_and_the_operators_staff_pay_nothing_back(payment) -> None:
    staff = MembershipFactory(organisation=payment.operator, role="operator").user
    for person in (payment.account.user, staff):
        assert problem(pay_back(person, payment))[0] == 403
    assert Refund.objects.count() == 0


@pytest.mark.parametrize("amount", ["100.01", "0", "-1", "ten"])
def test_an_amount_that_cannot_go_back_is_refused(payment, finance, amount: str) -> None:
    assert problem(pay_back(finance, payment, amount=amount)) == (400, "invalid-input")
    assert Refund.objects.count() == 0


def test_a_list_of_three_costs_as_many_queries_as_a_list_of_one(stripe_fake: Stripe) -> None:
    account = card_account(stripe_fake)
    client = client_of(account.user)
    costs = []
    for more in (1, 2):
        for _ in range(more):
            add_payment(account.operator, None)
        client.get(f"{API}/payments/")
        with CaptureQueriesContext(connection) as captured:
            client.get(f"{API}/payments/")
        costs.append(len(captured))
    assert costs[0] == costs[1]
