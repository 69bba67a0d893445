"""Many random sequences of what happens to money; after every step the books and the rows tell the same.

Sessions are priced and corrected, receipts and invoices issued, paid by card, wallet, bank and guests'
holds, credited, paid back, contested, and the messages of the card processor come late, twice and in any
order. A failure names its seed and the steps that led to it.
"""

import datetime as dt
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from accounts.models import Organisation, User
from billing import cdrs, tasks
from billing.invoicing import credits as credit_notes
from billing.invoicing import runs
from billing.invoicing.drafts import CannotIssue
from billing.invoicing.settling import open_amount, settle, with_open_amount
from billing.ledger import reports
from billing.models import (
    BillingAccount,
    Card,
    Cdr,
    Dispute,
    GuestCheckout,
    Invoice,
    InvoiceRun,
    InvoiceSettlement,
    Payment,
    PaymentKind,
    Plan,
    Refund,
    SellerProfile,
    StripeCustomer,
    SubscriptionMonth,
    Wallet,
)
from billing.payments import guest, refunds, stripe_api, subscriptions, wallets
from chargeportal.common.money import Money
from chargeportal.stripe_fake import balance as processor
from sessions.models import ChargingSession, StartRequest
from tests.billing.invoice_builders import balance
from tests.billing.stripe_fixture import DECLINED, GOOD, Stripe
from tests.factories import IdTokenFactory, SessionFactory, online_evse, priced_tariff

pytestmark = pytest.mark.django_db

SEEDS = range(5)
STEPS = 25
ZERO = Decimal(0)
Kind = Invoice.Kind
By = InvoiceSettlement.Kind


class World:
    """An operator with customers who pay in every way, and all that may happen to their money."""

    def __init__(self, stripe: Stripe, committing: Callable[[], AbstractContextManager], seed: int) -> None:
        self.stripe, self.committing = stripe, committing
        self.random = random.Random(seed)  # noqa: S311 - a sequence, no secret
        self.log: list[str] = []
        self.runs = 0
        self.operator, self.evse = self._place()
        self.accounts = {
            kind: self._account(kind, number)
            for kind, number in (
                ("card", GOOD), ("declined", DECLINED), ("wallet", GOOD), ("invoice", ""), ("reverse", ""),
            )
        }  # fmt: skip
        self.plan = Plan.objects.create(
            operator=self.operator, name="Bas", monthly_fee=Decimal(93), included_kwh=Decimal(10)
        )
        priced_tariff(operator=self.operator, ENERGY="4.99")

    def _place(self) -> tuple[Organisation, Any]:
        evse = online_evse()
        operator = evse.station.location.operator
        SellerProfile.objects.create(
            organisation=operator, legal_name="Norrkraft AB", street="Gatan 1", postal_code="903 26",
            city="Umeå", seat="Umeå", email="faktura@norrkraft.test",
        )  # fmt: skip
        Organisation.objects.update(registration_number="556016-0680", vat_number="SE556016068001")
        return operator, evse

    def _account(self, kind: str, number: str) -> BillingAccount:
        collection = {"declined": "card", "reverse": "invoice"}.get(kind, kind)
        user = User.objects.create_user(f"{kind}@example.test", name=kind)
        facts = {"country": "DE", "vat_number": "DE136695976"} if kind == "reverse" else {}
        account = BillingAccount.objects.create(
            operator=self.operator, user=user, number=kind, name=kind, collection=collection, **facts
        )
        IdTokenFactory(user=user, uid=kind.upper())
        if number:
            customer, method = self.stripe.customer_with_card(number)
            StripeCustomer.objects.create(account=account, stripe_id=customer)
            Card.objects.create(account=account, stripe_id=method, is_default=True)
        return account

    # --- what happens

    def play(self) -> None:
        """One step, and the messages that it may bring."""
        steps = [self.charge] * 5 + [
            self.charge_as_guest, self.charge_as_guest, self.correct, self.correct, self.correct,
            self.top_up, self.top_up, self.empty_wallet, self.adjust_wallet, self.credit, self.credit,
            self.goodwill, self.refund_at_processor, self.refund_comes_back, self.contest, self.decide,
            self.bank_pays, self.write_off, self.run_invoices, self.change_collection, self.subscribe,
            self.earn, self.sweep,
        ]  # fmt: skip
        step = self.random.choice(steps)
        self.log.append(step.__name__)
        with self.committing():
            step()
        if self.random.random() < 0.5:
            self.deliver()

    def charge(self) -> None:
        account = self.random.choice(list(self.accounts.values()))
        token = account.user.id_tokens.get()
        self._rated(SessionFactory(ended=True, evse=self.evse, id_token=token, **self._energy()))

    def charge_as_guest(self) -> None:
        now, token = timezone.now(), guest.new_token()
        checkout = guest.open_checkout(self.evse, token=token, email="", language="sv", now=now)
        url = guest.payment_page(
            checkout, success_url="http://testserver/ok", cancel_url="http://testserver/no"
        )
        self.stripe.pay(url)
        checkout = guest.advance(checkout.pk, now=timezone.now())
        request = checkout.start_request
        assert request is not None
        energy = {"energy_wh": Decimal(130_000), "meter_stop_wh": Decimal(131_000)}  # more than is held
        if self.random.random() < 0.8:
            energy = self._energy()
        session = SessionFactory(ended=True, evse=self.evse, id_token=request.id_token, **energy)
        StartRequest.objects.filter(pk=request.pk).update(state="started", session=session)
        guest.advance(checkout.pk, now=timezone.now())
        self._rated(session)

    def correct(self) -> None:
        session = self._one(ChargingSession.objects.filter(cdrs__isnull=False).distinct())
        if session is not None:
            ChargingSession.objects.filter(pk=session.pk).update(**self._energy())
            cdrs.correct_session(session.pk, now=timezone.now())

    def top_up(self) -> None:
        url = wallets.start_top_up(
            self.accounts["wallet"], amount=Decimal(self.random.choice((100, 200))),
            attempt=f"{self.random.random()}", language="sv",
            success_url="http://testserver/ok", cancel_url="http://testserver/no",
        )  # fmt: skip
        self.stripe.pay(url)

    def empty_wallet(self) -> None:
        wallets.refund_balance(self.accounts["wallet"], by=None, now=timezone.now())

    def adjust_wallet(self) -> None:
        wallet = wallets.wallet_of(self.accounts["wallet"])
        amount = Decimal(self.random.randint(-60, 60)) or Decimal(1)
        by = self.accounts["card"].user
        assert by is not None
        with suppress(wallets.NotThisAmount):
            wallets.adjust(wallet, amount=amount, text="goodwill", by=by, now=timezone.now())

    def credit(self) -> None:
        invoice = self._one(Invoice.objects.exclude(kind=Kind.CREDIT_NOTE))
        if invoice is None:
            return
        billed = list(invoice.billed_cdrs.values_list("cdr", flat=True))
        some = [self.random.choice(billed)] if billed and self.random.random() < 0.5 else None
        with suppress(CannotIssue):
            credit_notes.credit_invoice(invoice, reason="wrong", now=timezone.now(), by=None, cdr_ids=some)

    def goodwill(self) -> None:
        payment = self._paid()
        if payment is not None and (amount := self._part(refunds.left(payment))):
            refunds.refund(payment, amount=amount, reason="sorry", by=None, now=timezone.now())

    def refund_at_processor(self) -> None:
        payment = self._paid()
        if payment is not None and (amount := self._part(refunds.left(payment))):
            money, key = Money(amount, payment.currency), f"dashboard:{self.random.random()}"
            stripe_api.create_refund(payment.stripe_payment_intent, money, refund="", key=key)
            self.deliver()

    def refund_comes_back(self) -> None:
        refund = self._one(Refund.objects.filter(state=Refund.State.SUCCEEDED))
        if refund is not None:
            with self.stripe.store.lock:
                processor.fail_refund(self.stripe.store, refund.stripe_id)
            self.deliver()

    def contest(self) -> None:
        payment = self._one(self._payments().filter(disputes=None, refunded=0))
        if payment is not None and refunds.left(payment) == payment.captured:
            self.stripe.dispute(payment.stripe_payment_intent)

    def decide(self) -> None:
        dispute = self._one(Dispute.objects.filter(closed_at=None))
        if dispute is not None:
            self.stripe.decide(dispute.stripe_id, self.random.choice(("won", "lost")))

    def bank_pays(self) -> None:
        self._settle(By.BANK)

    def write_off(self) -> None:
        self._settle(By.WRITE_OFF)

    def run_invoices(self) -> None:
        first = (timezone.localdate().replace(day=1) + dt.timedelta(days=31 * self.runs)).replace(day=1)
        self.runs, end = self.runs + 1, subscriptions.next_month(first)
        run = runs.start_run(
            self.operator, period_start=first, period_end=end, invoice_date=end, by=None, now=timezone.now(),
        )  # fmt: skip
        for batch in runs.pending_batches(run):
            runs.issue_items(run.pk, item_ids=batch, now=timezone.now())
        InvoiceRun.objects.filter(pk=run.pk).update(state=InvoiceRun.State.DONE)

    def change_collection(self) -> None:
        account = self._one(BillingAccount.objects.filter(pk=self.accounts["card"].pk))
        assert account is not None
        chosen = self.random.choice(("card", "invoice"))
        BillingAccount.objects.filter(pk=account.pk).update(collection=chosen)

    def subscribe(self) -> None:
        account, today = self.random.choice(list(self.accounts.values())), timezone.localdate()
        with suppress(subscriptions.CannotSubscribe):
            subscriptions.subscribe(account, self.plan, today=today)

    def earn(self) -> None:
        """A month is over, wherever today is in it."""
        subscriptions.mark_billed()
        subscriptions.recognise(today=subscriptions.next_month(timezone.localdate()))

    def sweep(self) -> None:
        tasks.credit_corrected_cdrs()
        tasks.collect_by_card()
        tasks.advance_guests()
        tasks.follow_payments()
        tasks.look_after_wallets()
        tasks.handle_webhooks()

    def deliver(self) -> None:
        """The messages come, some of them twice, in any order."""
        self.stripe.deliver(times=self.random.choice((1, 2)), shuffled=self.random.randint(0, 999))

    def rest(self) -> None:
        """All messages have come and every sweep has swept."""
        for _ in range(2):
            self.deliver()
            with self.committing():
                self.sweep()
        self.deliver()

    # --- what must hold

    def check(self) -> None:
        """What holds after every step."""
        today = timezone.localdate()
        span = {"start": dt.date(2000, 1, 1), "end": today + dt.timedelta(days=800)}
        assert reports.trial_balance(self.operator.pk, **span).is_balanced
        documents: Any = with_open_amount(Invoice.objects.all())
        opened = sum((document.open_amount for document in documents), ZERO)
        assert self._books("receivable") == opened
        net = Cdr.objects.filter(billed=None).aggregate(sum=Sum("total_excl_vat"))["sum"]
        assert self._books("unbilled") == (net or ZERO)
        for wallet in Wallet.objects.all():
            assert wallet.balance == (wallet.entries.aggregate(sum=Sum("amount"))["sum"] or ZERO)
            assert wallet.balance >= 0
        assert self._books("wallet") == -(Wallet.objects.aggregate(sum=Sum("balance"))["sum"] or ZERO)
        waiting = [month for month in SubscriptionMonth.objects.all() if month.recognised_at is None]
        lines = [line for month in waiting if (line := subscriptions._line_of(month)) is not None]
        credited = subscriptions.credited_month_ids(self.operator.pk, before=span["end"])
        known = [line.net for month, line in zip(waiting, lines, strict=False) if month.pk not in credited]
        if len(lines) == len(waiting) and all(month.invoice_id for month in waiting):
            assert self._books("deferred") == -sum(known, ZERO)
        for payment in Payment.objects.all():
            assert 0 <= payment.refunded <= payment.captured

    def check_at_rest(self) -> None:
        """What holds once all is known: nothing is forgotten, and the processor says what the books say."""
        moved = [row for row in self.stripe.store.all("balance_transaction") if row["type"] != "payout"]
        assert self._books("card_clearing") == Decimal(sum(row["amount"] for row in moved)) / 100
        disputed = Dispute.objects.filter(closed_at=None).aggregate(sum=Sum("amount"))["sum"]
        assert self._books("disputed") == (disputed or ZERO)
        direct = (PaymentKind.CARD, PaymentKind.WALLET, PaymentKind.GUEST)
        current = Cdr.objects.current().filter(total_incl_vat__gt=0, payment_kind__in=direct, billed=None)
        at_once = current.exclude(account__collection="invoice").exclude(session__in=self._forgiven())
        assert list(at_once) == []
        for invoice in Invoice.objects.exclude(kind=Kind.CREDIT_NOTE):
            assert open_amount(invoice) >= 0, invoice
        states = (GuestCheckout.State.DONE, GuestCheckout.State.FAILED, GuestCheckout.State.EXPIRED)
        assert not GuestCheckout.objects.exclude(state__in=states).exists()
        for receipt in Invoice.objects.filter(kind=Kind.RECEIPT, account=None):
            came_back = Refund.objects.filter(payment__invoice=receipt, state=Refund.State.FAILED)
            assert open_amount(receipt) == 0 or came_back.exists(), receipt
        for note in Invoice.objects.filter(kind=Kind.CREDIT_NOTE):
            self._check_given_back(note)

    def _check_given_back(self, note: Invoice) -> None:
        """What a card or wallet had paid of what is credited has gone back, as far as there was any left."""
        original = note.credits
        assert original is not None
        failed = Refund.objects.filter(credit_note=note, state=Refund.State.FAILED)
        if open_amount(note) == 0 or failed.exists():
            return
        assert open_amount(note) < 0
        left = sum(
            (refunds.left(payment) for payment in original.payments.filter(state="succeeded", disputes=None)),
            ZERO,
        )
        assert left == 0, note
        by_wallet = InvoiceSettlement.objects.filter(kind=By.WALLET)
        paid = sum((s.amount for s in by_wallet.filter(invoice=original)), ZERO)
        back = sum((s.amount for s in by_wallet.filter(invoice__credits=original)), ZERO)
        assert paid + back == 0, note

    # --- helpers

    def _books(self, role: str) -> Decimal:
        return balance(self.operator, role)

    def _forgiven(self) -> Any:
        """Sessions whose document a person had credited before they were corrected."""
        by_hand = Cdr.objects.filter(credits__isnull=False, billed__invoice__reason="wrong")
        released = GuestCheckout.objects.filter(payment__captured=0, session__isnull=False)
        return [*by_hand.values_list("session", flat=True), *released.values_list("session", flat=True)]

    def _energy(self) -> dict[str, Decimal]:
        energy_wh = Decimal(self.random.choice((0, 1, 3_333, 10_000, self.random.randint(1, 60_000))))
        return {"energy_wh": energy_wh, "meter_stop_wh": energy_wh + 1000}

    def _rated(self, session: ChargingSession) -> None:
        assert cdrs.rate_session(session.pk, now=timezone.now()) is not None

    def _payments(self) -> Any:
        return Payment.objects.filter(state=Payment.State.SUCCEEDED)

    def _paid(self) -> Payment | None:
        return self._one(self._payments().filter(disputes=None))

    def _part(self, whole: Decimal) -> Decimal:
        return self.random.choice((whole, (whole / 3).quantize(Decimal("0.01"))))

    def _settle(self, kind: str) -> None:
        owed: Any = with_open_amount(Invoice.objects.filter(kind=Kind.INVOICE))
        invoice = self._one(owed.filter(open_amount__gt=0))
        if invoice is not None and (amount := self._part(open_amount(invoice))):
            key = f"{kind}:{self.random.random()}"
            settle(invoice, kind=kind, amount=amount, key=key, now=timezone.now())

    def _one(self, rows: Any) -> Any:
        found = list(rows.order_by("pk"))
        return self.random.choice(found) if found else None


@pytest.fixture
def world(request: Any, stripe_fake: Stripe, django_capture_on_commit_callbacks: Callable) -> World:
    return World(stripe_fake, lambda: django_capture_on_commit_callbacks(execute=True), request.param)


@pytest.mark.parametrize("world", SEEDS, indirect=True)
def test_books_and_rows_tell_the_same_whatever_happens(world: World) -> None:
    try:
        for _ in range(STEPS):
            world.play()
            world.check()
        world.rest()
        world.check()
        world.check_at_rest()
    except Exception as error:
        error.add_note(f"after {world.log}")
        raise
