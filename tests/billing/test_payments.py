"""Money asked of saved cards: once, for the right amount, and in the books."""

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from billing.events import PaymentFailed, PaymentRequiresAction, PaymentSucceeded
from billing.invoicing.credits import credit_invoice
from billing.invoicing.settling import open_amount, settle
from billing.models import Dispute, InvoiceSettlement, JournalEntry, Payment, Refund
from billing.payments import charging, collecting, disputes, holds, payment_sweep, refunds, stripe_api
from billing.payments.customers import stripe_customer
from chargeportal.common import events
from tests.billing.invoice_builders import (
    NOW,
    balance,
    cdr_of,
    operator_that_issues,
    person_account,
)
from tests.billing.payment_builders import card_account, held, paid, receipt_for
from tests.billing.stripe_fixture import DECLINED, NEEDS_APPROVAL, NO_MONEY, Stripe

pytestmark = pytest.mark.django_db
State = Payment.State


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable) -> list:
    """What was published about payments, delivered after the commit as always."""
    seen: list = []
    for fact in (PaymentSucceeded, PaymentFailed, PaymentRequiresAction):
        monkeypatch.setitem(events._subscribers, fact, [seen.append])
    return seen


def everything_that_happened(capture: Callable, work: Callable) -> Payment:
    with capture(execute=True):
        return work()


def test_a_receipt_is_paid_by_the_saved_card_and_stands_in_the_books(
    stripe_fake: Stripe, facts: list, django_capture_on_commit_callbacks: Callable
) -> None:
    account = card_account(stripe_fake)
    receipt = receipt_for(account)
    with django_capture_on_commit_callbacks(execute=True):
        payment = charging.charge_invoice(receipt, now=NOW, attempt_key="first")
    assert (payment.state, payment.captured, payment.purpose) == (
        State.SUCCEEDED,
        Decimal("61.11"),
        "session",
    )
    assert payment.settled_at == NOW
    assert open_amount(receipt) == 0
    settlement = InvoiceSettlement.objects.get()
    assert settlement.key == f"payment:{payment.stripe_payment_intent}"
    assert balance(account.operator, "card_clearing") == Decimal("61.11")
    assert balance(account.operator, "receivable") == 0
    assert facts == [PaymentSucceeded(payment.pk)]


def test_the_same_attempt_is_made_once(stripe_fake: Stripe) -> None:
    account = card_account(stripe_fake)
    receipt = receipt_for(account)
    first, second = (charging.charge_invoice(receipt, now=NOW, attempt_key="first") for _ in range(2))
    assert first == second
    assert len(stripe_fake.store.all("charge")) == 1


@pytest.mark.parametrize(("card", "code"), [(DECLINED, "generic_decline"), (NO_MONEY, "insufficient_funds")])
def test_a_declined_card_leaves_the_receipt_open_and_says_why(
    stripe_fake: Stripe,
    facts: list,
    django_capture_on_commit_callbacks: Callable,
    card: str,
    code: str,
) -> None:
    receipt = receipt_for(card_account(stripe_fake, card))
    with django_capture_on_commit_callbacks(execute=True):
        payment = charging.charge_invoice(receipt, now=NOW, attempt_key="first")
    assert (payment.state, payment.failure_code, payment.captured) == (State.FAILED, code, 0)
    assert open_amount(receipt) == Decimal("61.11")
    assert facts == [PaymentFailed(payment.pk, code)]


def test_without_a_card_the_payment_has_failed_and_nobody_was_asked(stripe_fake: Stripe) -> None:
    account = person_account(operator_that_issues(), collection="card")
    payment = charging.charge_invoice(receipt_for(account), now=NOW, attempt_key="first")
    assert (payment.state, payment.failure_code) == (State.FAILED, "no_card")
    assert stripe_fake.store.all("payment_intent") == []


def test_the_bank_wants_approval_and_the_mail_leads_to_a_page_where_it_is_given(
    stripe_fake: Stripe, client, django_capture_on_commit_callbacks: Callable
) -> None:
    account = card_account(stripe_fake, NEEDS_APPROVAL)
    receipt = receipt_for(account)
    with django_capture_on_commit_callbacks(execute=True):
        payment = charging.charge_invoice(receipt, now=NOW, attempt_key="first")
    assert payment.state == State.REQUIRES_ACTION
    [message] = mail.outbox
    assert message.to == [account.email]
    path = f"/pay/{receipt.public_id}/"
    assert path in message.body
    assert "Pay SEK" in client.get(path).content.decode()
    page = client.post(path)
    assert page.status_code == 302
    back = stripe_fake.pay(page["Location"], NEEDS_APPROVAL)
    assert "Paid. Thank you!" in client.get(back.split("8000")[1]).content.decode()
    assert open_amount(receipt) == 0
    assert client.post(path)["Location"] == path  # nothing is left to pay
    payment.refresh_from_db()
    assert payment.state == State.CANCELLED  # and nobody waits for the first approval


def test_the_payment_page_of_a_document_is_the_same_for_two_clicks(stripe_fake: Stripe, client) -> None:
    receipt = receipt_for(card_account(stripe_fake))
    path = f"/pay/{receipt.public_id}/"
    assert client.post(path)["Location"] == client.post(path)["Location"]
    assert Payment.objects.count() == 1


def test_paid_twice_the_second_goes_back(stripe_fake: Stripe, client) -> None:
    receipt = receipt_for(card_account(stripe_fake))
    page = client.post(f"/pay/{receipt.public_id}/")["Location"]
    charging.charge_invoice(receipt, now=NOW, attempt_key="first")
    stripe_fake.pay(page)
    stripe_fake.deliver(client)
    payment_sweep.follow(now=NOW, most=10)
    assert [(made.amount, made.state) for made in Refund.objects.all()] == [
        (Decimal("61.11"), Refund.State.SUCCEEDED)
    ]
    assert open_amount(receipt) == 0
    assert balance(receipt.operator, "card_clearing") == Decimal("61.11")


def test_when_the_answer_is_lost_the_sweep_finds_the_same_intent(stripe_fake: Stripe, settings) -> None:
    settings.STRIPE_RETRIES = 0
    account = card_account(stripe_fake)
    receipt = receipt_for(account)
    stripe_fake.lose_answers(1)
    with pytest.raises(stripe_api.Unreachable):
        charging.charge_invoice(receipt, now=NOW, attempt_key="first")
    payment = Payment.objects.get()
    assert (payment.state, payment.stripe_payment_intent) == (State.CREATED, "")
    Payment.objects.update(created_at=NOW)
    later = NOW.replace(hour=7)
    assert payment_sweep.follow(now=later, most=10) == 1
    payment.refresh_from_db()
    assert payment.state == State.SUCCEEDED
    assert len(stripe_fake.store.all("payment_intent")) == 1
    assert open_amount(receipt) == 0


def test_days_later_the_intent_is_looked_for_and_not_made_again(stripe_fake: Stripe, settings) -> None:
    settings.STRIPE_RETRIES = 0
    receipt = receipt_for(card_account(stripe_fake))
    stripe_fake.lose_answers(1)
    with pytest.raises(stripe_api.Unreachable):
        charging.charge_invoice(receipt, now=NOW, attempt_key="first")
    stripe_fake.store.replies.clear()  # Stripe has forgotten the key
    Payment.objects.update(created_at=NOW.replace(day=1))
    assert payment_sweep.follow(now=NOW.replace(day=5), most=10) == 1
    assert Payment.objects.get().state == State.SUCCEEDED
    assert len(stripe_fake.store.all("payment_intent")) == 1


def test_a_rated_session_of_an_account_that_pays_by_card_is_collected_once(stripe_fake: Stripe) -> None:
    account = card_account(stripe_fake)
    cdr = cdr_of(account, gross="99.50", rated_at=NOW)
    assert collecting.uncollected_cdr_ids(now=NOW, most=10) == [cdr.pk]
    first, second = (collecting.collect_cdr(cdr.pk, now=NOW) for _ in range(2))
    assert first is not None
    assert (first.captured, second) == (Decimal("99.50"), None)
    assert collecting.uncollected_cdr_ids(now=NOW, most=10) == []


def test_sessions_of_accounts_that_get_invoices_are_not_collected(stripe_fake: Stripe) -> None:
    cdr = cdr_of(person_account(operator_that_issues(), collection="invoice"))
    assert collecting.collect_cdr(cdr.pk, now=NOW) is None
    assert Payment.objects.count() == 0
    assert collecting.uncollected_cdr_ids(now=NOW, most=10) == []


def test_while_payments_are_off_the_receipt_is_issued_and_stays_open(settings) -> None:
    settings.STRIPE_SECRET_KEY = ""
    cdr = cdr_of(person_account(operator_that_issues(), collection="card"), rated_at=NOW)
    assert collecting.collect_cdr(cdr.pk, now=NOW) is None
    assert open_amount(cdr.billed.invoice) == Decimal("61.11")
    assert collecting.uncollected_cdr_ids(now=NOW, most=10) == []


def test_a_hold_is_captured_for_less_and_the_rest_is_free(stripe_fake: Stripe) -> None:
    receipt = receipt_for(card_account(stripe_fake))
    payment = holds.capture(held(stripe_fake, invoice=receipt), Decimal("61.11"), now=NOW)
    assert (payment.state, payment.authorised, payment.captured) == (
        State.SUCCEEDED, Decimal(200), Decimal("61.11"),
    )  # fmt: skip
    assert open_amount(receipt) == 0


def test_a_hold_gives_no_more_than_it_holds_and_the_rest_stays_open(stripe_fake: Stripe) -> None:
    receipt = receipt_for(card_account(stripe_fake), "250.00")
    payment = holds.capture(held(stripe_fake, invoice=receipt), Decimal(250), now=NOW)
    assert payment.captured == Decimal(200)
    assert open_amount(receipt) == Decimal(50)


def test_nothing_to_capture_releases_the_hold(stripe_fake: Stripe) -> None:
    payment = holds.capture(held(stripe_fake), Decimal(0), now=NOW)
    assert (payment.state, payment.captured) == (State.CANCELLED, 0)


def test_what_was_captured_is_not_released_and_a_second_capture_changes_nothing(stripe_fake: Stripe) -> None:
    payment = held(stripe_fake)
    stale = Payment.objects.get(pk=payment.pk)
    holds.capture(payment, Decimal(100), now=NOW)
    assert holds.release(stale, now=NOW).state == State.SUCCEEDED
    assert holds.capture(stale, Decimal(150), now=NOW).captured == Decimal(100)


def test_a_credit_note_is_paid_back_to_the_card_once(stripe_fake: Stripe) -> None:
    payment = paid(stripe_fake)
    assert payment.invoice is not None
    credit_note = credit_invoice(payment.invoice, reason="wrong price", now=NOW, by=None)
    assert collecting.unrefunded_credit_note_ids(now=NOW, most=10) == [credit_note.pk]
    for _ in range(2):
        refunds.pay_back(credit_note, now=NOW)
    payment.refresh_from_db()
    assert payment.refunded == Decimal("61.11")
    assert (open_amount(credit_note), open_amount(payment.invoice)) == (0, 0)
    assert collecting.unrefunded_credit_note_ids(now=NOW, most=10) == []
    operator = payment.operator
    assert (balance(operator, "card_clearing"), balance(operator, "receivable")) == (0, 0)


def test_no_more_goes_back_than_was_paid(stripe_fake: Stripe) -> None:
    payment = paid(stripe_fake)
    refunds.refund(payment, amount=Decimal(60), reason="goodwill", by=None, now=NOW, key="a")
    for amount in (Decimal("1.12"), Decimal(0), Decimal(-1)):
        with pytest.raises(refunds.CannotRefund):
            refunds.refund(payment, amount=amount, reason="more", by=None, now=NOW, key=f"b{amount}")
    assert Refund.objects.count() == 1


def test_two_clicks_on_one_form_are_one_refund(stripe_fake: Stripe) -> None:
    payment = paid(stripe_fake)
    for _ in range(2):
        refunds.refund(payment, amount=Decimal(10), reason="goodwill", by=None, now=NOW, key="form-1")
    payment.refresh_from_db()
    assert (Refund.objects.count(), payment.refunded) == (1, Decimal(10))


def test_a_refund_that_the_bank_sends_back_is_taken_back(stripe_fake: Stripe, client) -> None:
    from chargeportal.stripe_fake import balance as stripe_balance

    payment = paid(stripe_fake)
    made = refunds.refund(payment, amount=Decimal(10), reason="goodwill", by=None, now=NOW)
    stripe_balance.fail_refund(stripe_fake.store, made.stripe_id)
    stripe_fake.deliver(client, times=2)
    payment.refresh_from_db()
    made.refresh_from_db()
    assert (made.state, payment.refunded) == (Refund.State.FAILED, 0)
    assert open_amount(payment.invoice) == 0
    assert balance(payment.operator, "bad_debt") == 0


def test_a_refund_whose_answer_is_lost_is_sent_again_and_counts_once(stripe_fake: Stripe, settings) -> None:
    settings.STRIPE_RETRIES = 0
    payment = paid(stripe_fake)
    stripe_fake.lose_answers(1)
    made = refunds.refund(payment, amount=Decimal(10), reason="goodwill", by=None, now=NOW)
    assert made.state == Refund.State.REQUESTED
    assert refunds.left(payment) == Decimal("51.11")
    payment_sweep.follow(now=NOW, most=10)
    payment.refresh_from_db()
    assert payment.refunded == Decimal(10)
    assert len(stripe_fake.store.all("refund")) == 1


@pytest.mark.parametrize(("outcome", "clearing", "lost"), [("won", "61.11", "0"), ("lost", "0", "61.11")])
def test_a_dispute_moves_the_money_out_and_ends_won_or_lost(
    stripe_fake: Stripe, outcome: str, clearing: str, lost: str
) -> None:
    payment = paid(stripe_fake)
    contested = stripe_fake.dispute(payment.stripe_payment_intent)
    opened = stripe_api.dispute(contested["id"])
    disputes.apply_dispute(opened, now=NOW)
    assert balance(payment.operator, "disputed") == Decimal("61.11")
    stripe_fake.decide(contested["id"], outcome)
    closed = stripe_api.dispute(contested["id"])
    for facts in (closed, opened, closed):  # an old message undoes nothing
        disputes.apply_dispute(facts, now=NOW)
    assert Dispute.objects.get().status == outcome
    assert balance(payment.operator, "disputed") == 0
    assert balance(payment.operator, "card_clearing") == Decimal(clearing)
    assert balance(payment.operator, "bad_debt") == Decimal(lost)


def test_the_account_is_one_customer_however_often_it_is_made_known(stripe_fake: Stripe) -> None:
    account = person_account(operator_that_issues())
    first = stripe_customer(account)
    account.stripe_customer.delete()  # as if the worker had died before its commit
    account = type(account).objects.get(pk=account.pk)
    assert stripe_customer(account) == first


def test_an_invoice_paid_by_bank_meanwhile_is_not_charged(stripe_fake: Stripe) -> None:
    receipt = receipt_for(card_account(stripe_fake))
    settle(receipt, kind="bank", amount=Decimal("61.11"), key="bank:1", now=NOW)
    with pytest.raises(charging.NothingToPay):
        charging.charge_invoice(receipt, now=NOW, attempt_key="first")
    assert Payment.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_fifty_captures_at_once_take_the_hold_once(stripe_fake: Stripe) -> None:
    receipt = receipt_for(card_account(stripe_fake))
    payment = held(stripe_fake, invoice=receipt)
    at_once(50, lambda: holds.capture(Payment.objects.get(pk=payment.pk), Decimal("61.11"), now=NOW))
    payment.refresh_from_db()
    assert (payment.state, payment.captured) == (State.SUCCEEDED, Decimal("61.11"))
    assert InvoiceSettlement.objects.count() == 1
    assert JournalEntry.objects.filter(kind="payment").count() == 1
    assert len(stripe_fake.store.all("balance_transaction")) == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_attempts_at_once_charge_the_card_once(stripe_fake: Stripe) -> None:
    receipt = receipt_for(card_account(stripe_fake))
    at_once(50, lambda: charging.charge_invoice(receipt, now=NOW, attempt_key="first"))
    assert Payment.objects.get().state == State.SUCCEEDED
    assert len(stripe_fake.store.all("charge")) == 1
    assert InvoiceSettlement.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_refunds_at_once_never_exceed_the_payment(stripe_fake: Stripe) -> None:
    payment = paid(stripe_fake, "100.00")

    def give_back() -> None:
        try:
            refunds.refund(payment, amount=Decimal(30), reason="goodwill", by=None, now=NOW)
        except refunds.CannotRefund:
            return

    at_once(10, give_back)
    payment.refresh_from_db()
    assert payment.refunded == Decimal(90)
    assert len(stripe_fake.store.all("refund")) == 3


def at_once(workers: int, work: Callable) -> None:
    """So many threads do it at the same time, each on its own connection; none fails."""
    failures: list[BaseException] = []
    gate = threading.Barrier(workers)

    def run() -> None:
        try:
            gate.wait(timeout=60)
            work()
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failures == []


def test_a_page_that_was_paid_without_a_message_is_found_by_the_sweep(stripe_fake: Stripe, client) -> None:
    receipt = receipt_for(card_account(stripe_fake))
    stripe_fake.pay(client.post(f"/pay/{receipt.public_id}/")["Location"])
    assert payment_sweep.follow(now=timezone.now(), most=10) == 0  # too early to doubt
    assert payment_sweep.follow(now=timezone.now() + timezone.timedelta(hours=4), most=10) == 1
    assert Payment.objects.get().state == State.SUCCEEDED
    assert open_amount(receipt) == 0


def test_a_page_that_nobody_paid_is_closed_by_the_sweep(stripe_fake: Stripe, client) -> None:
    receipt = receipt_for(card_account(stripe_fake))
    page = client.post(f"/pay/{receipt.public_id}/")["Location"]
    stripe_api.expire_page(page.rsplit("/", 1)[1])
    later = timezone.now() + timezone.timedelta(hours=4)
    assert payment_sweep.follow(now=later, most=10) == 1
    assert Payment.objects.get().state == State.CANCELLED
    assert payment_sweep.follow(now=later, most=10) == 0


def test_a_hold_that_nobody_captured_is_released_before_the_bank_does(stripe_fake: Stripe) -> None:
    payment = held(stripe_fake)
    assert payment_sweep.follow(now=timezone.now() + timezone.timedelta(days=5), most=10) == 0
    assert payment_sweep.follow(now=timezone.now() + timezone.timedelta(days=7), most=10) == 1
    payment.refresh_from_db()
    assert payment.state == State.CANCELLED


def test_a_stranger_to_the_link_finds_nothing_and_credit_notes_are_not_paid(
    stripe_fake: Stripe, client
) -> None:
    payment = paid(stripe_fake)
    note = credit_invoice(payment.invoice, reason="wrong", now=NOW, by=None)
    assert client.get(f"/pay/{note.public_id}/").status_code == 404
    assert client.get("/pay/00000000-0000-0000-0000-000000000000/").status_code == 404


def test_while_payments_are_off_the_page_says_so_and_nothing_begins(client, settings) -> None:
    settings.STRIPE_SECRET_KEY = ""
    receipt = receipt_for(person_account(operator_that_issues(), collection="card"))
    path = f"/pay/{receipt.public_id}/"
    assert "Card payments are not available here" in client.get(path).content.decode()
    assert client.post(path)["Location"] == path
