"""Finance sees where a document was mailed, sends it again, and finds what did not arrive."""

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from billing.invoicing import delivery
from billing.invoicing.issuing import issue
from billing.models import BillingAccount, Invoice, InvoiceDelivery
from chargeportal.dashboards.finance_todo import todos
from tests.billing.invoice_builders import cdr_of, operator_that_issues, person_account
from tests.billing.test_invoice_admin import at
from tests.billing.test_invoice_issuing import draft_of
from tests.factories import OrganisationFactory

pytestmark = pytest.mark.django_db
State = InvoiceDelivery.State


@pytest.fixture
def invoice() -> Invoice:
    account = person_account(operator_that_issues(), email="eva@example.test")
    return issue(draft_of(account, cdr_of(account)), now=timezone.now())


def deliver() -> None:
    delivery.queue_new(now=timezone.now(), most=500)
    for ids in delivery.hand_out(now=timezone.now()):
        delivery.send_chunk(ids, now=timezone.now())


def page(invoice: Invoice) -> str:
    return reverse("admin:billing_invoice_change", args=[invoice.pk])


def again(invoice: Invoice) -> str:
    return reverse("admin:billing_invoice_send_again", args=[invoice.pk])


def test_a_document_is_sent_again_to_the_present_address_and_who_asked_is_on_record(
    invoice: Invoice, django_capture_on_commit_callbacks
) -> None:
    deliver()
    BillingAccount.objects.update(email="new@example.test")
    client = at(invoice.operator)
    assert "Sent to eva@example.test at" in client.get(page(invoice)).content.decode()
    assert "new@example.test" in client.get(again(invoice)).content.decode()
    assert len(mail.outbox) == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(again(invoice)).status_code == 302
    assert [sent.to for sent in mail.outbox] == [["eva@example.test"], ["new@example.test"]]
    entry = AuditEntry.objects.get(act="invoice.sent_again")
    assert entry.details == {"address": "new@example.test"}


def test_a_document_on_its_way_is_not_sent_a_second_time(invoice: Invoice) -> None:
    delivery.queue_new(now=timezone.now(), most=500)
    at(invoice.operator).post(again(invoice))
    assert InvoiceDelivery.objects.count() == 1


def test_only_finance_of_the_operator_sends_documents(invoice: Invoice) -> None:
    deliver()
    others = [at(invoice.operator, "support"), at(OrganisationFactory(name="Elsewhere"))]
    for client in others:
        assert client.post(again(invoice)).status_code in (302, 403, 404)
    assert InvoiceDelivery.objects.count() == 1


def test_what_did_not_arrive_waits_at_the_desk_until_it_was_sent_again(invoice: Invoice) -> None:
    delivery.queue_new(now=timezone.now(), most=500)
    InvoiceDelivery.objects.update(state=State.FAILED, error="mailbox unavailable")
    client = at(invoice.operator)
    (todo,) = [each for each in todos(invoice.operator_id, now=timezone.now()) if each.key == "unsent"]
    assert (todo.count, todo.title) == (1, "1 document not mailed")
    assert "F-1" in client.get(todo.url).content.decode()
    assert "mailbox unavailable" in client.get(page(invoice)).content.decode()
    client.post(again(invoice))
    assert "unsent" not in [each.key for each in todos(invoice.operator_id, now=timezone.now())]
