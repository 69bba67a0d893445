"""Payments, the processor's messages and the reconciliation, in the admin."""

import csv
import io
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from billing.invoicing.settling import open_amount
from billing.models import Invoice, Refund, WebhookEvent
from tests.admin.payment_lists import add_message, add_reconciliation
from tests.billing.payment_builders import paid
from tests.billing.stripe_fixture import Stripe, stripe_fake
from tests.factories import MembershipFactory

__all__ = ["stripe_fake"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(stripe_fake: Stripe):
    return paid(stripe_fake, "100.00")


@pytest.fixture
def finance(payment, browser):
    return browser(MembershipFactory(organisation=payment.operator, role="finance").user)


def page(payment, name: str = "change") -> str:
    return reverse(f"admin:billing_payment_{name}", args=[payment.pk])


def test_the_page_of_a_payment_tells_its_story(payment, finance, stripe_fake: Stripe) -> None:
    stripe_fake.deliver()
    text = finance.get(page(payment)).content.decode()
    assert "The payment was made" in text
    assert payment.stripe_payment_intent in text
    assert page(payment, "pay_back") in text


def test_a_part_is_paid_back_as_goodwill_once_for_two_clicks(payment, finance) -> None:
    form = finance.get(page(payment, "pay_back")).context["form"]
    wish = {"amount": "10.00", "reason": "it was slow", "attempt": str(form.initial["attempt"])}
    for _ in range(2):
        assert finance.post(page(payment, "pay_back"), wish).status_code == 302
    payment.refresh_from_db()
    assert (payment.refunded, Refund.objects.count()) == (Decimal(10), 1)
    assert open_amount(payment.invoice) == 0
    entry = AuditEntry.objects.get(act="payment.refunded")
    assert (entry.details["amount"], entry.details["reason"]) == ("10.00", "it was slow")


def test_the_whole_document_is_credited_and_paid_back(payment, finance) -> None:
    form = finance.get(page(payment, "pay_back")).context["form"]
    assert form.initial["credit"]
    wish = {"amount": "100.00", "reason": "wrong", "credit": "on", "attempt": str(form.initial["attempt"])}
    assert finance.post(page(payment, "pay_back"), wish).status_code == 302
    payment.refresh_from_db()
    note = Invoice.objects.get(kind="credit_note")
    assert (payment.refunded, open_amount(note), open_amount(payment.invoice)) == (Decimal(100), 0, 0)
    assert finance.get(page(payment, "pay_back")).status_code in {403, 404}


def test_more_than_was_paid_is_refused_beside_the_field(payment, finance) -> None:
    form = finance.get(page(payment, "pay_back")).context["form"]
    wish = {"amount": "100.01", "reason": "x", "attempt": str(form.initial["attempt"])}
    answer = finance.post(page(payment, "pay_back"), wish)
    assert "There is not so much left to pay back." in answer.content.decode()
    assert Refund.objects.count() == 0


@pytest.mark.parametrize("role", ["operator", "support"])
def test_others_see_payments_and_pay_nothing_back(payment, browser, role: str) -> None:
    client = browser(MembershipFactory(organisation=payment.operator, role=role).user)
    assert client.get(page(payment)).status_code == 200
    assert client.get(page(payment, "pay_back")).status_code in {302, 403, 404}
    client.post(page(payment, "pay_back"), {"amount": "1", "reason": "x", "attempt": "0" * 32})
    assert Refund.objects.count() == 0


def test_strangers_see_nothing(payment, browser) -> None:
    client = browser(MembershipFactory(role="finance").user)
    assert client.get(page(payment)).status_code == 302  # "no such payment"
    client.post(page(payment, "pay_back"), {"amount": "1", "reason": "x", "attempt": "0" * 32})
    assert Refund.objects.count() == 0


def test_differences_are_accepted_with_a_note(operator, colleague, browser) -> None:
    found = add_reconciliation(operator, None)
    client = browser(colleague("finance"))
    accept = reverse("admin:billing_reconciliation_accept_differences", args=[found.pk])
    assert "not in our books" in client.get(accept).content.decode()
    assert client.post(accept, {"note": ""}).status_code == 200
    assert client.post(accept, {"note": "a gift card of the shop"}).status_code == 302
    found.refresh_from_db()
    assert found.accepted_note == "a gift card of the shop"
    assert AuditEntry.objects.filter(act="reconciliation.accepted").count() == 1
    assert client.get(accept).status_code in {403, 404}


def test_a_stranger_accepts_nothing(operator, browser) -> None:
    found = add_reconciliation(operator, None)
    client = browser(MembershipFactory(role="finance").user)
    client.post(reverse("admin:billing_reconciliation_accept_differences", args=[found.pk]), {"note": "x"})
    found.refresh_from_db()
    assert found.accepted_at is None


def test_differences_come_as_csv_that_runs_nothing(operator, colleague, browser) -> None:
    add_reconciliation(operator, None)
    client = browser(colleague("finance"))
    answer = client.get(reverse("admin:billing_reconciliation_differences_csv"))
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["day", "currency", "kind", "what", "reference", "payment", "ours", "theirs"]
    assert rows[1] == ["2026-03-10", "SEK", "missing_here", "charge", "'=cmd()", "", "", "40.00"]


def test_a_message_that_waits_is_tried_again(
    operator, colleague, browser, django_capture_on_commit_callbacks
) -> None:
    add_message(operator, None)
    event = WebhookEvent.objects.get()
    WebhookEvent.objects.update(type="something.else")
    client = browser(colleague("finance"))
    with django_capture_on_commit_callbacks(execute=True):
        client.get(reverse("admin:billing_webhookevent_try_again", args=[event.pk]))
    event.refresh_from_db()
    assert event.handled_at is not None
    assert AuditEntry.objects.filter(act="webhook.retried").count() == 1
