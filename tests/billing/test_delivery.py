"""Issued documents reach their customers: each once, in their language, whatever happens on the way."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import DatabaseError, connection, transaction

from billing.invoicing import delivery, runs
from billing.invoicing.credits import credit_invoice
from billing.invoicing.host_settlements import settle_hosts
from billing.invoicing.issuing import issue
from billing.invoicing.receipts import issue_receipt
from billing.invoicing.settling import settle
from billing.models import BillingAccount, Invoice, InvoiceDelivery, SellerProfile
from tests.billing.invoice_builders import (
    NOW,
    cdr_of,
    company_account,
    operator_that_issues,
    person_account,
    place_of,
)
from tests.billing.test_invoice_issuing import draft_of
from tests.billing.test_runs import finished, started
from tests.billing.test_settlements import agreement, host_of, march

pytestmark = pytest.mark.django_db
State = InvoiceDelivery.State
MINUTE = dt.timedelta(minutes=1)
BACKENDS = f"{__name__}."


class Refusing(EmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, messages: Any) -> int:  # noqa: ARG002 - as Django has it
        raise OSError("mailbox unavailable")


class Silent(EmailBackend):
    """A mail server that takes the mail and then says nothing."""

    def send_messages(self, messages: Any) -> int:
        super().send_messages(messages)
        raise TimeoutError


def issued(account: BillingAccount) -> Invoice:
    return issue(draft_of(account, cdr_of(account)), now=NOW)


def invoiced(language: str = "sv", **facts: Any) -> Invoice:
    return issued(person_account(operator_that_issues(), language=language, **facts))


def deliver(now: dt.datetime = NOW) -> int:
    """What the sweep and its workers do in one round."""
    delivery.give_up_silent(now=now)
    delivery.queue_new(now=now, most=500)
    return sum(delivery.send_chunk(ids, now=now) for ids in delivery.hand_out(now=now))


def the_delivery() -> InvoiceDelivery:
    return InvoiceDelivery.objects.get()


def test_an_invoice_is_mailed_in_swedish_with_what_to_pay_and_its_pdf() -> None:
    invoice = invoiced(email="eva@example.test")
    assert deliver() == 1, the_delivery().error
    (sent,) = mail.outbox
    assert sent.recipients() == ["eva@example.test"]
    assert sent.subject.startswith("Faktura F-1, 61,11 kr, ")
    assert "2026-05-01" in sent.subject
    for text in ("Att betala: 61,11", "Bankgiro: 991-2346", f"OCR-nummer: {invoice.ocr}", "2026-05-01"):
        assert text in sent.body
    assert f"/pay/{invoice.public_id}/" in sent.body
    ((name, content, kind),) = sent.attachments
    assert (name, content[:5], kind) == ("F-1.pdf", b"%PDF-", "application/pdf")
    assert (the_delivery().state, the_delivery().sent_at) == (State.SENT, NOW)


def test_an_english_customer_is_written_to_in_english() -> None:
    invoiced("en")
    deliver()
    assert mail.outbox[0].subject == "Invoice F-1, SEK 61.11, to pay by 2026-05-01 – Ladda AB"
    assert "Payment reference: " in mail.outbox[0].body


def test_a_document_is_mailed_once_however_often_the_sweep_comes() -> None:
    invoiced()
    assert [deliver(NOW + number * MINUTE) for number in range(3)] == [1, 0, 0]
    assert delivery.send(the_delivery().pk, now=NOW + MINUTE) is False
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_delivery_send_it_once() -> None:
    invoiced()
    delivery.queue_new(now=NOW, most=500)
    ready, outcomes = threading.Barrier(2, timeout=60), []

    class Waiting(EmailBackend):
        """Both workers have read the delivery and made the mail before one of them claims it."""

        def open(self) -> None:
            ready.wait()

    def work() -> None:
        try:
            outcomes.append(delivery.send(the_delivery().pk, now=NOW, connection=Waiting()))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(outcomes) == [False, True]
    assert len(mail.outbox) == 1


def test_a_worker_killed_while_it_sent_leaves_a_mail_that_is_shown_and_not_sent_again() -> None:
    invoice = invoiced()
    delivery.queue_new(now=NOW, most=500)
    InvoiceDelivery.objects.update(state=State.SENDING, attempts=1, claimed_at=NOW)
    assert deliver(NOW + 10 * MINUTE) == 0
    assert the_delivery().state == State.SENDING
    assert deliver(NOW + 16 * MINUTE) == 0
    assert the_delivery().state == State.UNKNOWN
    assert list(delivery.undelivered(Invoice.objects.all(), State.UNKNOWN)) == [invoice]
    assert mail.outbox == []


def test_a_delivery_whose_worker_never_began_is_given_to_another() -> None:
    invoiced()
    delivery.queue_new(now=NOW, most=500)
    assert len(delivery.hand_out(now=NOW)) == 1
    assert delivery.hand_out(now=NOW + 9 * MINUTE) == []
    assert deliver(NOW + 11 * MINUTE) == 1


def test_a_mail_that_cannot_be_sent_is_tried_again_later_each_time_and_then_shown(settings: Any) -> None:
    invoice = invoiced()
    settings.EMAIL_BACKEND = BACKENDS + "Refusing"
    now, waits = NOW, []
    for _ in range(6):
        assert deliver(now) == 0
        waits.append((the_delivery().due_at - now) // MINUTE)
        now = the_delivery().due_at
    assert waits == [5, 20, 80, 320, 1280, 0]
    failed = the_delivery()
    assert (failed.state, failed.attempts, failed.error) == (State.FAILED, 6, "mailbox unavailable")
    assert list(delivery.undelivered(Invoice.objects.all(), State.FAILED)) == [invoice]


def test_a_mail_goes_out_once_the_server_takes_it_again(settings: Any) -> None:
    invoiced()
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, BACKENDS + "Refusing"
    deliver()
    settings.EMAIL_BACKEND = working
    assert [deliver(NOW + 4 * MINUTE), deliver(NOW + 5 * MINUTE)] == [0, 1]
    assert (the_delivery().attempts, the_delivery().error) == (2, "")


def test_a_server_that_falls_silent_is_not_given_the_mail_twice(settings: Any) -> None:
    invoiced()
    settings.EMAIL_BACKEND = BACKENDS + "Silent"
    assert [deliver(), deliver(NOW + 60 * MINUTE)] == [0, 0]
    assert (the_delivery().state, len(mail.outbox)) == (State.UNKNOWN, 1)


def test_a_receipt_waits_for_its_payment_and_an_unpaid_one_goes_out_after_an_hour() -> None:
    operator = operator_that_issues()
    paid, unpaid = (issue_receipt(cdr_of(person_account(operator)), now=NOW) for _ in range(2))
    assert paid
    assert unpaid
    assert deliver() == 0
    settle(paid, kind="payment", amount=paid.payable, key="pi_1", now=NOW)
    assert deliver() == 1
    assert "It is paid." in mail.outbox[0].body
    assert "/pay/" not in mail.outbox[0].body
    assert deliver(NOW + 61 * MINUTE) == 1
    assert f"/pay/{unpaid.public_id}/" in mail.outbox[1].body


def test_a_credit_note_says_what_it_takes_off_and_asks_for_nothing() -> None:
    invoice = invoiced("en")
    credit_invoice(invoice, reason="Broken", now=NOW, by=None)
    assert deliver() == 2
    note = mail.outbox[1]
    assert note.subject == "Credit note KR-1, SEK 61.11 – Ladda AB"
    assert "We have taken SEK\xa061.11 off F-1" in note.body
    assert "/pay/" not in note.body
    assert "goes back to you" not in note.body


def test_a_host_without_address_of_its_account_gets_its_share_at_the_sellers_address() -> None:
    operator = operator_that_issues()
    place, host = place_of(operator), host_of(operator)
    agreement(host, place)
    cdr_of(person_account(operator), evse=place)
    SellerProfile.objects.filter(organisation=host.organisation).update(email="host@example.test")
    settle_hosts(march(operator), now=NOW)
    assert deliver() == 1
    assert mail.outbox[0].subject.startswith("Self-billed invoice S-")
    assert mail.outbox[0].to == ["host@example.test"]
    assert "/pay/" not in mail.outbox[0].body


def test_a_customer_without_address_is_noted_and_not_waited_for() -> None:
    invoice = issued(company_account(operator_that_issues()))
    assert deliver() == 0
    assert (the_delivery().state, the_delivery().address) == (State.NO_ADDRESS, "")
    assert list(delivery.undelivered(Invoice.objects.all(), State.NO_ADDRESS)) == [invoice]


@pytest.mark.parametrize(("days", "sent"), [(6, 1), (8, 0)])
def test_what_was_issued_more_than_a_week_ago_is_not_mailed(days: int, sent: int) -> None:
    invoiced()
    assert deliver(NOW + dt.timedelta(days=days)) == sent


def test_a_demo_with_a_real_mail_server_writes_to_nobody(settings: Any) -> None:
    invoiced()
    settings.DEMO, settings.EMAIL_BACKEND = True, "django.core.mail.backends.smtp.EmailBackend"
    assert delivery.queue_new(now=NOW, most=500) == 0


def test_guests_are_left_to_their_own_receipt() -> None:
    operator = operator_that_issues()
    issue_receipt(cdr_of(None, operator=operator), now=NOW)
    assert delivery.queue_new(now=NOW + dt.timedelta(hours=2), most=500) == 0


def test_invoices_of_a_run_are_mailed_when_their_documents_are_made() -> None:
    operator = operator_that_issues()
    for _ in range(2):
        cdr_of(person_account(operator))
    run = started(operator)
    runs.issue_items(run.pk, item_ids=runs.pending_batches(run)[0], now=NOW)
    assert deliver() == 0
    finished(run)
    assert deliver() == 2


def test_many_documents_leave_room_for_other_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "IN_HAND", 3)
    monkeypatch.setattr(delivery, "CHUNK", 2)
    account = person_account(operator_that_issues())
    for _ in range(5):
        issued(account)
    delivery.queue_new(now=NOW, most=500)
    first = delivery.hand_out(now=NOW)
    assert [len(ids) for ids in first] == [2, 1]
    assert delivery.hand_out(now=NOW) == []
    for ids in first:
        delivery.send_chunk(ids, now=NOW)
    assert [len(ids) for ids in delivery.hand_out(now=NOW)] == [2]


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(address="thief@example.test"),
        lambda row: row.update(state=State.WAITING, sent_at=None),
        lambda row: row.delete(),
    ],
)
def test_what_was_sent_and_where_to_cannot_be_rewritten(change: Callable[[Any], Any]) -> None:
    invoiced()
    deliver()
    with pytest.raises(DatabaseError), transaction.atomic():
        change(InvoiceDelivery.objects.all())
