"""What happens when money does not come, day by day, and that it stops at once when it does."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.core import mail
from django.db import connection
from django.db.utils import DatabaseError

from accounts.models import AuditEntry, IdToken
from billing import dunning, tasks
from billing.dunning import mails
from billing.invoicing.drafts import Draft, DraftLine
from billing.invoicing.issuing import issue
from billing.invoicing.settling import open_amount, settle
from billing.models import (
    Card,
    DunningAct,
    DunningCase,
    DunningPolicy,
    Invoice,
    InvoiceSettlement,
    Payment,
    StripeCustomer,
)
from billing.payments import charging
from sessions import authorization
from tests.billing.invoice_builders import NOW, company_account, operator_that_issues, person_account
from tests.billing.payment_builders import card_account, receipt_for
from tests.billing.stripe_fixture import DECLINED, Stripe
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
ISSUED = dt.date(2026, 4, 1)
DUE = dt.date(2026, 5, 1)
Kind = DunningAct.Kind


def at(day: int, *, since: dt.date = DUE) -> dt.datetime:
    """Ten in the morning so many days after."""
    return dt.datetime.combine(since + dt.timedelta(days=day), dt.time(8, 30), tzinfo=dt.UTC)


def invoice_for(account, amount: str = "100.00") -> Invoice:
    net = Decimal(amount)
    line = DraftLine(
        dimension="FEE", description="Fee", quantity=Decimal(1), unit="C62",
        unit_price_net=net, vat_rate=Decimal("0.25"),
        net=net, vat=net / 4, gross=net * 5 / 4, currency="SEK",
    )  # fmt: skip
    draft = Draft(
        operator_id=account.operator_id, account=account, kind=Invoice.Kind.INVOICE, currency="SEK",
        invoice_date=ISSUED, due_date=DUE, lines=(line,), language="en",
    )  # fmt: skip
    return issue(draft, now=NOW)


def days_go_by(first: int, last: int, *, since: dt.date = DUE) -> list[tuple[int, str]]:
    """What the daily work does on each of the days: (day, kind of act)."""
    done = []
    for day in range(first, last + 1):
        now = at(day, since=since)
        dunning.open_overdue(today=now.date(), now=now, most=100)
        for _again in range(2):  # twice: the second finds nothing to do
            for case_id in dunning.due_ids(now=now, most=100):
                act = dunning.advance(case_id, now=now)
                if act is not None:
                    done.append((day, act.kind))
    return done


def pays(invoice: Invoice, now: dt.datetime) -> None:
    settle(
        invoice,
        kind=InvoiceSettlement.Kind.BANK,
        amount=open_amount(invoice),
        key=f"bank:{invoice.pk}",
        now=now,
    )
    dunning.paid(invoice, now=now)


@pytest.fixture
def account(db):
    return company_account(operator_that_issues(), email="ekonomi@bud.test")


class TestAnInvoice:
    def test_goes_up_the_ladder_on_the_days_of_the_policy(self, account):
        invoice_for(account)
        assert days_go_by(-5, 60) == [
            (5, Kind.REMINDER), (15, Kind.REMINDER), (20, Kind.BLOCK), (35, Kind.COLLECTION),
        ]  # fmt: skip
        case = DunningCase.objects.get()
        assert (case.state, case.step, case.next_step_at) == ("collection", 4, None)

    def test_is_left_alone_once_it_is_paid(self, account):
        invoice = invoice_for(account)
        assert days_go_by(1, 6) == [(5, Kind.REMINDER)]
        pays(invoice, at(7))
        assert days_go_by(7, 60) == []
        assert DunningCase.objects.get().state == "paid"

    def test_that_was_paid_in_time_gets_no_case(self, account):
        pays(invoice_for(account), at(-1))
        assert days_go_by(0, 40) == []
        assert DunningCase.objects.count() == 0

    def test_partly_paid_is_still_asked_for(self, account):
        invoice = invoice_for(account)
        settle(invoice, kind="bank", amount=Decimal("25.00"), key="part", now=at(-1))
        assert days_go_by(1, 6) == [(5, Kind.REMINDER)]
        mails.send(DunningAct.objects.get().pk, now=at(5))
        assert "SEK\xa0100.00 of it is still unpaid" in mail.outbox[0].body

    def test_steps_that_come_late_keep_their_distance(self, account):
        """The system stood still for two months: nobody is blocked the day the first reminder comes."""
        invoice_for(account)
        assert days_go_by(60, 120) == [
            (60, Kind.REMINDER), (70, Kind.REMINDER), (75, Kind.BLOCK), (90, Kind.COLLECTION),
        ]  # fmt: skip

    def test_follows_the_operators_own_policy(self, account):
        DunningPolicy.objects.create(
            operator=account.operator,
            reminder_days=3,
            second_reminder_days=None,
            block_days=10,
            collection_days=None,
        )
        invoice_for(account)
        assert days_go_by(0, 60) == [(3, Kind.REMINDER), (10, Kind.BLOCK)]

    def test_is_not_dunned_where_the_policy_is_off(self, account):
        DunningPolicy.objects.create(operator=account.operator, is_active=False)
        invoice_for(account)
        assert days_go_by(0, 60) == []

    def test_the_second_reminder_brings_a_fee_without_vat_where_the_policy_has_one(self, account):
        DunningPolicy.objects.create(operator=account.operator, reminder_fee=Decimal(60))
        invoice_for(account)
        days_go_by(0, 16)
        fee = Invoice.objects.order_by("-pk").first()
        assert Invoice.objects.count() == 2
        assert (fee.payable, fee.total_vat, fee.lines.get().dimension) == (
            Decimal(60),
            Decimal(0),
            "REMINDER_FEE",
        )

    def test_a_fee_that_is_not_paid_brings_no_further_fee(self, account):
        DunningPolicy.objects.create(operator=account.operator, reminder_fee=Decimal(60))
        invoice_for(account)
        days_go_by(0, 120)
        assert Invoice.objects.count() == 2


class TestBlocking:
    def test_a_blocked_customers_tokens_are_refused_until_the_money_has_come(self):
        account = person_account(operator_that_issues())
        IdToken.objects.create(uid="CARD9", user=account.user)
        invoice = invoice_for(account)
        assert authorization.judge_one("CARD9", now=at(0)).status == "accepted"
        days_go_by(1, 20)
        account.refresh_from_db()
        assert account.blocked_at == at(20)
        assert authorization.judge_one("CARD9", now=at(20)).status != "accepted"
        pays(invoice, at(21))
        assert authorization.judge_one("CARD9", now=at(21)).status == "accepted"
        acts = list(DunningAct.objects.values_list("kind", flat=True))
        assert acts == [Kind.REMINDER, Kind.REMINDER, Kind.BLOCK, Kind.UNBLOCK]
        audited = AuditEntry.objects.filter(act__startswith="account.").order_by("pk")
        assert list(audited.values_list("act", flat=True)) == [
            "account.blocked", "account.unblocked",
        ]  # fmt: skip

    def test_of_two_debts_both_must_be_paid(self, account):
        first, second = invoice_for(account), invoice_for(account, "200.00")
        days_go_by(1, 20)
        pays(first, at(21))
        account.refresh_from_db()
        assert account.blocked_at is not None
        pays(second, at(22))
        account.refresh_from_db()
        assert account.blocked_at is None

    def test_whom_a_person_blocked_stays_blocked(self, account):
        account.blocked_at, account.blocked_reason = at(0), "stolen card"
        account.save()
        invoice = invoice_for(account)
        days_go_by(1, 20)
        pays(invoice, at(21))
        account.refresh_from_db()
        assert (account.blocked_at, account.blocked_reason) == (at(0), "stolen card")

    def test_a_payment_that_was_not_heard_of_is_found_by_the_daily_work(self, account):
        invoice = invoice_for(account)
        days_go_by(1, 20)
        settle(invoice, kind="bank", amount=open_amount(invoice), key="unheard", now=at(21))
        assert len(dunning.close_paid(now=at(22), most=10)) == 1
        assert dunning.close_paid(now=at(22), most=10) == []
        account.refresh_from_db()
        assert account.blocked_at is None


class TestADeclinedCard:
    def test_is_tried_again_after_one_three_and_seven_days(self, stripe_fake: Stripe):
        receipt = receipt_for(card_account(stripe_fake, DECLINED))
        payment = charging.charge_invoice(receipt, now=NOW, attempt_key="first")
        assert payment.state == "failed"
        case_id = dunning.open_declined(payment.pk, now=NOW)
        assert case_id is not None
        assert dunning.advance(case_id, now=NOW).kind == Kind.REMINDER
        assert days_go_by(0, 40, since=NOW.date()) == [
            (1, Kind.RETRY), (3, Kind.RETRY), (7, Kind.RETRY), (20, Kind.BLOCK), (35, Kind.COLLECTION),
        ]  # fmt: skip

    def test_opens_one_case_however_often_it_is_told(self, stripe_fake: Stripe):
        receipt = receipt_for(card_account(stripe_fake, DECLINED))
        payment = charging.charge_invoice(receipt, now=NOW, attempt_key="first")
        assert dunning.open_declined(payment.pk, now=NOW) is not None
        assert dunning.open_declined(payment.pk, now=NOW) is None
        assert DunningCase.objects.count() == 1

    def test_a_retry_is_made_once_and_ends_the_case_when_the_card_works_again(self, stripe_fake: Stripe):
        account = card_account(stripe_fake, DECLINED)
        receipt = receipt_for(account)
        payment = charging.charge_invoice(receipt, now=NOW, attempt_key="first")
        case_id = dunning.open_declined(payment.pk, now=NOW)
        dunning.advance(case_id, now=NOW)
        act = dunning.advance(case_id, now=at(1, since=NOW.date()))
        assert act.kind == Kind.RETRY
        customer, method = stripe_fake.customer_with_card()
        StripeCustomer.objects.filter(account=account).update(stripe_id=customer)
        Card.objects.filter(account=account).update(stripe_id=method)
        retried = dunning.retry(act.pk, now=at(1, since=NOW.date()))
        assert retried.state == "succeeded"
        assert dunning.retry(act.pk, now=at(1, since=NOW.date())) in (None, retried)
        assert Payment.objects.filter(invoice=receipt).count() == 2
        dunning.paid(receipt, now=at(1, since=NOW.date()))
        assert DunningCase.objects.get().state == "paid"


class TestWhatFinanceDecides:
    def test_a_paused_case_rests_until_it_is_resumed(self, account):
        invoice_for(account)
        days_go_by(1, 6)
        case, frida = DunningCase.objects.get(), UserFactory(name="Frida")
        dunning.pause(case, note="they have complained", by=frida, now=at(6))
        assert days_go_by(7, 30) == []
        dunning.resume(case, note="settled", by=frida, now=at(30))
        assert days_go_by(30, 31) == [(31, Kind.REMINDER)]

    def test_a_closed_case_stays_closed_and_the_customer_may_charge(self, account):
        invoice_for(account)
        days_go_by(1, 20)
        frida = UserFactory()
        dunning.close(DunningCase.objects.get(), note="bankrupt", by=frida, now=at(21))
        assert days_go_by(21, 60) == []
        account.refresh_from_db()
        assert account.blocked_at is None
        assert AuditEntry.objects.get(act="dunning.closed").details == {"note": "bankrupt"}

    def test_a_decision_needs_a_note(self, account):
        invoice_for(account)
        days_go_by(1, 5)
        case = DunningCase.objects.get()
        with pytest.raises(dunning.CannotChange):
            dunning.pause(case, note=" ", by=UserFactory(), now=at(6))
        case.refresh_from_db()
        assert case.state == "open"

    def test_what_was_done_is_not_changed(self, account):
        invoice_for(account)
        days_go_by(1, 5)
        with pytest.raises(DatabaseError, match="never changed"):
            DunningAct.objects.update(text="something else")


class TestMails:
    def sent(self, now: dt.datetime) -> list[str]:
        mail.outbox.clear()
        mails.send(DunningAct.objects.latest("pk").pk, now=now)
        return [message.subject for message in mail.outbox]

    def test_each_step_tells_the_customer_with_a_link_to_pay(self, account):
        invoice = invoice_for(account)
        for day, subject in (
            (5, f"Reminder: {invoice} is not paid"),
            (15, f"Reminder: {invoice} is not paid"),
            (20, f"Charging is paused until {invoice} is paid"),
            (35, f"{invoice} goes to a collection agency"),
        ):
            days_go_by(day, day)
            assert self.sent(at(day)) == [subject]
            assert str(invoice.public_id) in mail.outbox[0].body
            assert mail.outbox[0].to == ["ekonomi@bud.test"]

    def test_nobody_is_reminded_of_what_was_paid_a_moment_ago(self, account):
        invoice = invoice_for(account)
        days_go_by(5, 5)
        settle(invoice, kind="bank", amount=open_amount(invoice), key="now", now=at(5))
        assert self.sent(at(5)) == []

    def test_without_an_address_the_case_says_to_call(self, account):
        account.email = ""
        account.save()
        invoice_for(account)
        days_go_by(5, 5)
        assert DunningAct.objects.get().text == "no e-mail address: call the customer"
        assert self.sent(at(5)) == []


@pytest.mark.django_db(transaction=True)
def test_ten_workers_take_a_step_once():
    invoice_for(company_account(operator_that_issues()))
    dunning.open_overdue(today=at(5).date(), now=at(5), most=10)
    case_id, together, acts = DunningCase.objects.get().pk, threading.Barrier(10), []

    def run() -> None:
        try:
            together.wait(timeout=60)
            acts.append(dunning.advance(case_id, now=at(5)))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len([act for act in acts if act is not None]) == 1
    assert DunningAct.objects.count() == 1


class TestFacts:
    """What is heard from payments and settlements, through the workers' tasks."""

    @pytest.fixture(autouse=True)
    def _at_once(self, settings):
        settings.CELERY_TASK_ALWAYS_EAGER = True

    def test_a_declined_card_opens_a_case_and_tells_the_customer(
        self, stripe_fake: Stripe, django_capture_on_commit_callbacks
    ):
        receipt = receipt_for(card_account(stripe_fake, DECLINED))
        with django_capture_on_commit_callbacks(execute=True):
            charging.charge_invoice(receipt, now=NOW, attempt_key="first")
        case = DunningCase.objects.get()
        assert (case.invoice, case.step) == (receipt, 1)
        assert [message.subject for message in mail.outbox] == [f"Your card was declined for {receipt}"]

    def test_a_payment_closes_the_case_and_opens_charging_at_once(
        self, account, django_capture_on_commit_callbacks
    ):
        invoice = invoice_for(account)
        days_go_by(1, 20)
        with django_capture_on_commit_callbacks(execute=True):
            settle(invoice, kind="bank", amount=open_amount(invoice), key="paid", now=at(21))
        account.refresh_from_db()
        assert account.blocked_at is None
        assert DunningCase.objects.get().state == "paid"
        assert [message.subject for message in mail.outbox] == ["Thank you. You can charge again"]

    def test_the_daily_work_done_twice_takes_each_step_once(
        self, account, time_machine, django_capture_on_commit_callbacks
    ):
        invoice_for(account)
        time_machine.move_to(at(6))
        for _again in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                tasks.dun.delay()
        assert list(DunningAct.objects.values_list("kind", flat=True)) == [Kind.REMINDER]
        assert len(mail.outbox) == 1
