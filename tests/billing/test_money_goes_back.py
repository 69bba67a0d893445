"""Money goes back the way it came, once, and nothing is lost when asking for it goes wrong."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Organisation
from billing import cdrs
from billing.invoicing.credits import credit_invoice
from billing.invoicing.settling import open_amount
from billing.models import (
    BillingAccount,
    Invoice,
    InvoiceSettlement,
    Payment,
    Refund,
    StripeCustomer,
    SubscriptionMonth,
    Wallet,
)
from billing.payments import charging, guest, outcomes, payment_sweep, refunds, subscriptions, wallets
from billing.tasks import collect_from_wallet, look_after_wallets, pay_back
from chargeportal.stripe_fake import balance as processor
from sessions.models import ChargingSession, StartRequest
from stations.models import ConnectorStatus
from tests.billing.invoice_builders import (
    NOW,
    balance,
    cdr_of,
    operator_that_issues,
    person_account,
    place_of,
)
from tests.billing.payment_builders import card_account, paid, receipt_for
from tests.billing.stripe_fixture import Stripe
from tests.billing.test_subscriptions import issued, place
from tests.factories import (
    ConnectionFactory,
    ConnectorFactory,
    SessionFactory,
    StatusFactory,
    priced_tariff,
)

__all__ = ["place"]
pytestmark = pytest.mark.django_db


def wallet_account(amount: str = "500") -> BillingAccount:
    """A person with that much in a wallet, put in by the operator."""
    account = person_account(operator_that_issues(), collection=BillingAccount.Collection.WALLET)
    by = account.user
    assert by is not None
    wallets.adjust(wallets.wallet_of(account), amount=Decimal(amount), text="gift", by=by, now=NOW)
    return account


def paid_by_wallet(account: BillingAccount, gross: str = "61.11") -> Invoice:
    cdr = cdr_of(account, gross=gross)
    collect_from_wallet(cdr_id=cdr.pk)
    return Invoice.objects.get(billed_cdrs__cdr=cdr)


# --- the wallet


def test_what_a_wallet_paid_is_in_it_again_once_the_document_is_credited() -> None:
    account = wallet_account()
    receipt = paid_by_wallet(account)
    assert wallets.balance(account) == Decimal("438.89")
    note = credit_invoice(receipt, reason="wrong", now=NOW, by=None)
    assert open_amount(note) == Decimal("-61.11")
    for _ in range(2):
        pay_back(credit_note_id=note.pk)
    assert wallets.balance(account) == 500
    assert open_amount(note) == 0
    assert balance(account.operator, "receivable") == 0
    assert balance(account.operator, "wallet") == -500
    entry = Wallet.objects.get().entries.first()
    assert entry is not None
    assert (entry.amount, entry.text) == (Decimal("61.11"), note.full_number)


def test_the_sweep_puts_back_what_was_forgotten() -> None:
    account = wallet_account()
    credit_invoice(paid_by_wallet(account), reason="wrong", now=timezone.now(), by=None)
    look_after_wallets()
    assert wallets.balance(account) == 500


def test_a_wallet_pays_nothing_in_another_currency() -> None:
    account = wallet_account()
    cdr = cdr_of(account, currency="EUR")
    collect_from_wallet(cdr_id=cdr.pk)
    assert wallets.balance(account) == 500
    assert open_amount(Invoice.objects.get()) == Decimal("61.11")


def topped_up(stripe: Stripe, amount: str = "200") -> BillingAccount:
    account = card_account(stripe)
    payment = Payment.objects.create(
        operator=account.operator, account=account, purpose=Payment.Purpose.TOP_UP, currency="SEK",
        card=charging.default_card(account.pk), requested=Decimal(amount), idempotency_key="top-up",
    )  # fmt: skip
    assert charging.ask(payment, now=NOW).state == Payment.State.SUCCEEDED
    return account


def test_a_refund_that_the_bank_refuses_leaves_the_money_in_the_wallet(stripe_fake: Stripe) -> None:
    account = topped_up(stripe_fake)
    with stripe_fake.store.lock:
        stripe_fake.store.all("charge")[0]["amount_refunded"] = 20_000
    assert wallets.refund_balance(account, by=None, now=NOW) == 200
    assert Refund.objects.get().state == Refund.State.FAILED
    assert wallets.balance(account) == 200
    assert balance(account.operator, "wallet") == -200
    assert balance(account.operator, "card_clearing") == 200


def test_a_wallet_that_was_paid_back_does_not_fill_itself_again(stripe_fake: Stripe) -> None:
    account = topped_up(stripe_fake)
    BillingAccount.objects.update(collection=BillingAccount.Collection.WALLET)
    Wallet.objects.update(top_up_below=100, top_up_amount=200)
    wallets.refund_balance(account, by=None, now=NOW)
    look_after_wallets()
    assert wallets.balance(account) == 0
    assert len(stripe_fake.store.all("charge")) == 1


def test_a_refund_that_comes_back_is_in_the_wallet_again(stripe_fake: Stripe) -> None:
    account = topped_up(stripe_fake)
    wallets.refund_balance(account, by=None, now=NOW)
    assert wallets.balance(account) == 0
    processor.fail_refund(stripe_fake.store, Refund.objects.get().stripe_id)
    stripe_fake.deliver(times=2)
    assert wallets.balance(account) == 200
    assert balance(account.operator, "card_clearing") == 200


def test_what_the_wallet_had_spent_of_a_top_up_paid_back_is_a_loss(stripe_fake: Stripe) -> None:
    account = topped_up(stripe_fake)
    by = account.user
    assert by is not None
    wallets.adjust(Wallet.objects.get(), amount=Decimal(-150), text="spent", by=by, now=NOW)
    refunds.refund(Payment.objects.get(), amount=Decimal(200), reason="asked", by=None, now=NOW)
    assert wallets.balance(account) == 0
    assert balance(account.operator, "bad_debt") == 150
    assert balance(account.operator, "card_clearing") == 0
    processor.fail_refund(stripe_fake.store, Refund.objects.get().stripe_id)
    stripe_fake.deliver()
    assert (wallets.balance(account), balance(account.operator, "bad_debt")) == (50, 0)
    assert balance(account.operator, "card_clearing") == 200


# --- the card


def test_a_refused_key_fails_no_payment_and_no_refund(stripe_fake: Stripe, settings) -> None:
    payment = paid(stripe_fake)
    good, settings.STRIPE_SECRET_KEY = settings.STRIPE_SECRET_KEY, "sk_test_old"
    refund = refunds.refund(payment, amount=Decimal(10), reason="sorry", by=None, now=NOW)
    assert refund.state == Refund.State.REQUESTED
    settings.STRIPE_SECRET_KEY = good
    payment_sweep.follow(now=timezone.now(), most=10)
    refund.refresh_from_db()
    assert refund.state == Refund.State.SUCCEEDED


def test_a_card_that_the_processor_has_forgotten_fails_instead_of_being_asked_for_ever(
    stripe_fake: Stripe,
) -> None:
    account = card_account(stripe_fake)
    StripeCustomer.objects.update(stripe_id="cus_gone")
    payment = charging.charge_invoice(receipt_for(account), now=NOW, attempt_key="first")
    assert (payment.state, payment.failure_code) == (Payment.State.FAILED, "resource_missing")
    assert charging.unfinished_ids(now=timezone.now() + timezone.timedelta(days=1), most=10) == []


def test_a_payment_given_up_here_and_made_all_the_same_is_booked_and_what_is_too_much_goes_back(
    stripe_fake: Stripe,
) -> None:
    payment = paid(stripe_fake)
    late = Payment.objects.create(
        operator=payment.operator, account=payment.account, card=payment.card, invoice=payment.invoice,
        purpose=Payment.Purpose.INVOICE, currency="SEK", requested=payment.requested, idempotency_key="late",
        state=Payment.State.CANCELLED,
    )  # fmt: skip
    intent = charging._asked(late, now=NOW)
    outcomes.apply_intent(intent, now=NOW)
    payment_sweep.follow(now=timezone.now(), most=10)
    late.refresh_from_db()
    assert (late.state, late.refunded) == (Payment.State.SUCCEEDED, late.captured)
    assert payment.invoice is not None
    assert open_amount(payment.invoice) == 0
    assert balance(payment.operator, "card_clearing") == Decimal("61.11")


def test_a_credit_note_on_its_way_back_to_one_card_is_not_paid_back_to_another(stripe_fake: Stripe) -> None:
    payment = paid(stripe_fake)
    receipt = payment.invoice
    assert receipt is not None
    Payment.objects.create(
        operator=payment.operator, account=payment.account, invoice=receipt, currency="SEK",
        purpose=Payment.Purpose.INVOICE, requested=50, authorised=50, captured=50, idempotency_key="other",
        state=Payment.State.SUCCEEDED, stripe_payment_intent="pi_other", settled_at=NOW,
    )  # fmt: skip
    note = credit_invoice(receipt, reason="wrong", now=NOW, by=None)
    refunds.request(payment, amount=Decimal("61.11"), reason="wrong", credit_note=note)
    assert refunds.pay_back(note, now=NOW) == []


# --- guests


@pytest.mark.parametrize(
    ("kwh", "charged", "lost"), [(4, "20.00", "0"), (14, "50.00", "20.00"), (0, "0.00", "0")]
)
def test_a_guests_corrected_session_gives_back_the_difference_alone(
    stripe_fake: Stripe, django_capture_on_commit_callbacks: Callable, kwh: int, charged: str, lost: str
) -> None:
    operator = operator_that_issues()
    evse = place_of(operator)
    ConnectionFactory(station=evse.station)
    StatusFactory(connector=ConnectorFactory(evse=evse), status=ConnectorStatus.AVAILABLE)
    priced_tariff(operator=operator, ENERGY="5")
    checkout = guest.open_checkout(evse, token="t" * 40, email="", language="sv", now=timezone.now())
    stripe_fake.pay(guest.payment_page(checkout, success_url="http://t/ok", cancel_url="http://t/no"))
    request = guest.advance(checkout.pk, now=timezone.now()).start_request
    assert request is not None
    energy = {"energy_wh": Decimal(10_000), "meter_stop_wh": Decimal(11_000)}
    session = SessionFactory(ended=True, evse=evse, id_token=request.id_token, **energy)
    StartRequest.objects.update(state="started", session=session)
    guest.advance(checkout.pk, now=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        cdrs.rate_session(session.pk, now=timezone.now())
    payment = Payment.objects.get()
    assert payment.captured == 50
    energy = {"energy_wh": Decimal(kwh * 1000), "meter_stop_wh": Decimal(1000 + kwh * 1000)}
    ChargingSession.objects.update(**energy)
    with django_capture_on_commit_callbacks(execute=True):
        cdrs.correct_session(session.pk, now=timezone.now())
    for note in Invoice.objects.filter(kind=Invoice.Kind.CREDIT_NOTE):
        pay_back(credit_note_id=note.pk)
    payment.refresh_from_db()
    assert payment.captured - payment.refunded == Decimal(charged)
    assert [open_amount(document) for document in Invoice.objects.all() if open_amount(document)] == []
    losses = InvoiceSettlement.objects.filter(kind=InvoiceSettlement.Kind.WRITE_OFF)
    assert sum((loss.amount for loss in losses), Decimal(0)) == Decimal(lost)
    assert balance(operator, "card_clearing") == Decimal(charged)


def test_a_correction_is_paid_by_who_paid_before_whoever_has_the_card_now(place) -> None:
    session = SessionFactory(ended=True, evse=place.evse, id_token=place.token)
    first = cdrs.rate_session(session.pk, now=timezone.now())
    fleet = Organisation.objects.create(kind="fleet", name="Bud AB")
    type(place.token).objects.filter(pk=place.token.pk).update(organisation=fleet)
    ChargingSession.objects.update(energy_wh=Decimal(5000), meter_stop_wh=Decimal(6000))
    second = cdrs.correct_session(session.pk, now=timezone.now())
    assert first is not None
    assert second is not None
    assert first.account == second.account == place.account


# --- subscriptions


@pytest.mark.parametrize("earned_before", [True, False])
def test_a_fee_that_was_credited_is_neither_earned_nor_a_debt(place, *, earned_before: bool) -> None:
    today = timezone.localdate()
    subscriptions.subscribe(place.account, place.plan, today=today)
    SubscriptionMonth.objects.update(first_date="2026-03-11", end_date="2026-04-01")
    invoice = issued(place)
    subscriptions.mark_billed()
    over = SubscriptionMonth.objects.get().end_date
    if earned_before:
        assert subscriptions.recognise(today=over) == 1
    credit_invoice(invoice, reason="wrong", now=timezone.now(), by=None)
    subscriptions.recognise(today=over)
    assert balance(place.operator, "deferred") == 0
    assert balance(place.operator, "fees") == 0
