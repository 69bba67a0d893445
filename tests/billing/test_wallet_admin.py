"""Wallets, guests, plans and subscriptions in the admin: one's own operator's, and what may be done."""

import datetime as dt
import re
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Organisation, User
from billing.models import (
    BillingAccount,
    GuestCheckout,
    JournalLine,
    Payment,
    Plan,
    Subscription,
    Wallet,
)
from tests.factories import EvseFactory, LocationFactory, MembershipFactory, StationFactory, UserFactory

pytestmark = pytest.mark.django_db
LISTS = ("wallet", "guestcheckout", "plan", "subscription")


@pytest.fixture
def operator() -> Organisation:
    return Organisation.objects.create(kind="operator", name="Norrkraft")


def staff(operator: Organisation, role: str) -> Client:
    client = Client()
    client.force_login(MembershipFactory(organisation=operator, role=role).user)
    return client


def add_rows(operator: Organisation, name: str) -> Any:
    """One row of everything, of that operator."""
    user: User = UserFactory()
    account = BillingAccount.objects.create(operator=operator, user=user, number=f"P{user.pk}", name=name)
    wallet = Wallet.objects.create(account=account, balance=Decimal(10))
    plan = Plan.objects.create(operator=operator, name=name, monthly_fee=Decimal(99))
    Subscription.objects.create(account=account, plan=plan, started_on=timezone.localdate())
    evse = EvseFactory(station=StationFactory(location=LocationFactory(operator=operator), name=name))
    payment = Payment.objects.create(
        operator=operator, purpose="guest", currency="SEK", requested=500, idempotency_key=f"guest:{name}"
    )
    GuestCheckout.objects.create(
        token=f"{user.pk:040d}", evse=evse, payment=payment, expires_at=timezone.now() + dt.timedelta(hours=1)
    )
    return wallet


def page(client: Client, model: str) -> str:
    return client.get(reverse(f"admin:billing_{model}_changelist")).content.decode()


@pytest.mark.parametrize("model", LISTS)
def test_finance_sees_the_rows_of_its_own_operator_only(operator, model):
    other = Organisation.objects.create(kind="operator", name="Other")
    add_rows(operator, "Ours")
    add_rows(other, "Theirs")
    text = page(staff(operator, "finance"), model)
    assert "Ours" in text
    assert "Theirs" not in text


@pytest.mark.parametrize("model", LISTS)
def test_technicians_see_nothing_of_money(operator, model):
    add_rows(operator, "Ours")
    answer = staff(operator, "technician").get(reverse(f"admin:billing_{model}_changelist"))
    assert answer.status_code == 403


@pytest.mark.parametrize("model", LISTS)
def test_a_list_costs_the_same_for_one_and_three(operator, model, django_assert_num_queries):
    client = staff(operator, "finance")
    add_rows(operator, "One")
    page(client, model)
    with CaptureQueriesContext(connection) as one:
        page(client, model)
    add_rows(operator, "Two")
    add_rows(operator, "Three")
    with django_assert_num_queries(len(one)):
        page(client, model)


def adjust(client: Client, wallet: Wallet, amount: str, text: str = "Sorry", *, attempt: str = "") -> Any:
    address = reverse("admin:billing_wallet_adjust", args=[wallet.pk])
    return client.post(address, {"amount": amount, "text": text, "attempt": attempt or str(uuid.uuid4())})


def test_two_clicks_adjust_once(operator):
    wallet, client = add_rows(operator, "Ours"), staff(operator, "finance")
    page = client.get(reverse("admin:billing_wallet_adjust", args=[wallet.pk])).content.decode()
    attempt = re.search(r'name="attempt" value="([^"]+)"', page)
    assert attempt is not None
    before = wallet.balance
    for _ in range(2):
        assert adjust(client, wallet, "25.50", attempt=attempt[1]).status_code == 302
    wallet.refresh_from_db()
    assert wallet.balance == before + Decimal("25.50")


def test_finance_adjusts_a_wallet_with_a_reason(operator):
    wallet, client = add_rows(operator, "Ours"), staff(operator, "finance")
    assert client.get(reverse("admin:billing_wallet_adjust", args=[wallet.pk])).status_code == 200
    assert adjust(client, wallet, "25.50").status_code == 302
    wallet.refresh_from_db()
    assert wallet.balance == Decimal("35.50")
    assert AuditEntry.objects.get(act="wallet.adjusted").details["reason"] == "Sorry"
    assert JournalLine.objects.filter(account__roles__contains=["wallet"]).get().amount == Decimal("-25.50")


@pytest.mark.parametrize(
    ("amount", "text"), [("-10.01", "x"), ("0", "x"), ("", "x"), ("5", ""), ("NaN", "x")]
)
def test_an_adjustment_that_makes_no_sense_changes_nothing(operator, amount, text):
    wallet = add_rows(operator, "Ours")
    assert adjust(staff(operator, "finance"), wallet, amount, text).status_code == 200
    wallet.refresh_from_db()
    assert wallet.balance == 10


@pytest.mark.parametrize("role", ["support", "technician"])
def test_others_do_not_adjust(operator, role):
    wallet = add_rows(operator, "Ours")
    assert adjust(staff(operator, role), wallet, "5").status_code in {302, 403}
    wallet.refresh_from_db()
    assert wallet.balance == 10


def test_another_operators_finance_does_not_adjust(operator):
    other = Organisation.objects.create(kind="operator", name="Other")
    wallet = add_rows(operator, "Ours")
    assert adjust(staff(other, "finance"), wallet, "5").status_code in {302, 403, 404}
    wallet.refresh_from_db()
    assert wallet.balance == 10


def test_what_subscribers_agreed_to_is_not_changed_under_them(operator):
    add_rows(operator, "Ours")
    plan, client = Plan.objects.get(), staff(operator, "finance")
    client.post(
        reverse("admin:billing_plan_change", args=[plan.pk]),
        {"name": "Renamed", "description": "", "monthly_fee": "1", "is_offered": "on", "price_group": ""},
    )
    plan.refresh_from_db()
    assert (plan.name, plan.monthly_fee) == ("Renamed", 99)
