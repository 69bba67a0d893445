"""Prepaid wallets: filled once, never overdrawn, in the books to the öre."""

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from billing import cdrs
from billing.models import (
    BillingAccount,
    Card,
    Invoice,
    JournalLine,
    Payment,
    SellerProfile,
    StripeCustomer,
    Wallet,
    WalletEntry,
)
from billing.payments import handlers, stripe_api, wallet_sweep, wallets
from sessions.models import ChargingSession
from tests.billing.stripe_fixture import GOOD, NO_MONEY, Stripe, stripe_fake
from tests.factories import IdTokenFactory, SessionFactory, online_evse, priced_tariff

__all__ = ["stripe_fake"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> SimpleNamespace:
    """A driver who pays from a wallet, at an outlet for 5 kr a kWh."""
    evse = online_evse()
    operator = evse.station.location.operator
    SellerProfile.objects.create(
        organisation=operator, legal_name="Norrkraft AB", street="Gatan 1", postal_code="903 26", city="Umeå",
        seat="Umeå", email="faktura@norrkraft.test",
    )  # fmt: skip
    type(operator).objects.update(registration_number="556016-0680", vat_number="SE556016068001")
    priced_tariff(operator=operator, ENERGY="5")
    driver = User.objects.create_user("driver@example.test", name="Anna")
    account = BillingAccount.objects.create(
        operator=operator, user=driver, number="P1", name="Anna", collection="wallet"
    )
    token = IdTokenFactory(user=driver, uid="CARD1")
    return SimpleNamespace(evse=evse, account=account, driver=driver, token=token, operator=operator)


def charged(place: SimpleNamespace) -> ChargingSession:
    """A session of 11 kWh, which costs 55 kr, with its CDR."""
    session = SessionFactory(ended=True, evse=place.evse, id_token=place.token)
    assert cdrs.rate_session(session.pk, now=timezone.now()) is not None
    return session


def fill(place: SimpleNamespace, stripe: Stripe, amount: str, attempt: str = "a1") -> Payment:
    url = wallets.start_top_up(
        place.account, amount=Decimal(amount), attempt=attempt, language="en",
        success_url="http://testserver/ok", cancel_url="http://testserver/no",
    )  # fmt: skip
    stripe.pay(url)
    payment = handlers.follow_page(url.rsplit("/", 1)[1], now=timezone.now())
    assert payment is not None
    return payment


def balance() -> Decimal:
    wallet = Wallet.objects.get()
    assert wallet.balance == (wallet.entries.aggregate(sum=Sum("amount"))["sum"] or 0)
    return wallet.balance


def book(number: str) -> Decimal:
    found = JournalLine.objects.filter(account__number=number).aggregate(sum=Sum("amount"))["sum"]
    return found or Decimal(0)


def collect(session: ChargingSession) -> Invoice | None:
    return wallets.collect_cdr(session.cdrs.get().pk, now=timezone.now())


def test_a_top_up_is_in_the_wallet_and_the_books_once(place, stripe_fake):
    fill(place, stripe_fake, "200")
    stripe_fake.deliver(times=2, shuffled=7)
    assert balance() == 200
    assert WalletEntry.objects.count() == 1
    assert (book("1580"), book("2420")) == (200, -200)


def test_two_clicks_on_the_same_form_are_one_page(place, stripe_fake):
    form = {"amount": Decimal(100), "attempt": "same", "language": "en"}
    form |= {"success_url": "http://a.test/", "cancel_url": "http://a.test/"}
    assert wallets.start_top_up(place.account, **form) == wallets.start_top_up(place.account, **form)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("amount", ["49.99", "5000.01", "-100", "0"])
def test_amounts_beyond_the_limits_are_refused(place, stripe_fake, amount):
    with pytest.raises(wallets.NotThisAmount):
        fill(place, stripe_fake, amount)
    assert not Payment.objects.exists()


def test_a_wallet_does_not_grow_without_end(place, stripe_fake, settings):
    settings.WALLET_MOST = Decimal(250)
    fill(place, stripe_fake, "200")
    with pytest.raises(wallets.NotThisAmount):
        fill(place, stripe_fake, "100", "a2")


def test_a_session_is_paid_from_the_wallet_once(place, stripe_fake):
    fill(place, stripe_fake, "200")
    session = charged(place)
    for _ in range(2):
        receipt = collect(session)
    assert receipt is not None
    assert (receipt.payable, balance()) == (55, 145)
    assert [(s.kind, s.amount) for s in receipt.settlements.all()] == [("wallet", 55)]
    entry = WalletEntry.objects.get(kind="charge")
    assert (entry.amount, entry.balance_after, entry.cdr) == (-55, 145, session.cdrs.get())
    assert (book("2420"), book("1510")) == (-145, 0)


def test_what_the_wallet_lacks_stays_open_and_is_paid_by_the_next_top_up(place, stripe_fake):
    fill(place, stripe_fake, "50")
    receipt = collect(charged(place))
    assert receipt is not None
    assert balance() == 0
    fill(place, stripe_fake, "100", "a2")
    assert balance() == 95
    assert [s.amount for s in receipt.settlements.order_by("pk")] == [50, 5]
    assert book("1510") == 0


def test_a_session_paid_otherwise_leaves_the_wallet_alone(place, stripe_fake):
    fill(place, stripe_fake, "200")
    BillingAccount.objects.update(collection="invoice")
    assert collect(charged(place)) is None
    assert balance() == 200


def test_the_sweep_finds_sessions_without_a_receipt(place, stripe_fake):
    fill(place, stripe_fake, "200")
    session = SessionFactory(ended=True, evse=place.evse, id_token=place.token)
    cdr = cdrs.rate_session(session.pk, now=timezone.now())
    assert cdr is not None
    assert wallet_sweep.uncollected_cdr_ids(now=timezone.now(), most=9) == [cdr.pk]
    wallets.collect_cdr(cdr.pk, now=timezone.now())
    assert wallet_sweep.uncollected_cdr_ids(now=timezone.now(), most=9) == []


def with_card(place: SimpleNamespace, stripe: Stripe, number: str = GOOD) -> Wallet:
    customer, method = stripe.customer_with_card(number)
    StripeCustomer.objects.create(account=place.account, stripe_id=customer)
    Card.objects.create(account=place.account, stripe_id=method, is_default=True, last4="4242", brand="visa")
    return Wallet.objects.create(
        account=place.account, top_up_below=Decimal(100), top_up_amount=Decimal(300), balance=0
    )


def test_a_low_wallet_fills_itself_once(place, stripe_fake):
    with_card(place, stripe_fake)
    for _ in range(2):
        wallets.top_up_if_low(place.account.pk, now=timezone.now())
    stripe_fake.deliver(times=2)
    assert balance() == 300
    assert Payment.objects.get().state == "succeeded"


def test_a_card_that_refuses_is_not_asked_again_until_something_moves(place, stripe_fake):
    with_card(place, stripe_fake, NO_MONEY)
    for _ in range(3):
        wallets.top_up_if_low(place.account.pk, now=timezone.now())
    assert Payment.objects.get().state == "failed"
    assert stripe_fake.asked("POST", "/v1/payment_intents") == 1


def test_a_lost_answer_fills_the_wallet_once(place, stripe_fake):
    with_card(place, stripe_fake)
    stripe_fake.lose_answers(50)
    with pytest.raises(stripe_api.PaymentsError):
        wallets.top_up_if_low(place.account.pk, now=timezone.now())
    stripe_fake.lose_answers(0)
    wallets.top_up_if_low(place.account.pk, now=timezone.now())
    assert balance() == 300
    assert wallet_sweep.low_account_ids(most=9) == []


def test_the_balance_goes_back_to_the_cards_it_came_from(place, stripe_fake):
    fill(place, stripe_fake, "200")
    fill(place, stripe_fake, "100", "a2")
    collect(charged(place))
    for expected in (245, 0):
        assert wallets.refund_balance(place.account, by=place.driver, now=timezone.now()) == expected
    stripe_fake.deliver(times=2)
    assert balance() == 0
    assert [p.refunded for p in Payment.objects.order_by("pk")] == [145, 100]
    assert (book("2420"), book("1580")) == (0, 55)


def test_a_top_up_refunded_by_the_finance_desk_leaves_the_wallet(place, stripe_fake):
    from billing.payments import refunds

    payment = fill(place, stripe_fake, "200")
    refunds.refund(payment, amount=Decimal(150), reason="mistake", by=None, now=timezone.now())
    stripe_fake.deliver(times=2)
    assert balance() == 50


def test_the_operator_adjusts_but_never_below_nought(place, stripe_fake):
    wallet = wallets.wallet_of(place.account)
    wallets.adjust(wallet, amount=Decimal(40), text="Sorry", by=place.driver, now=timezone.now())
    with pytest.raises(wallets.NotThisAmount):
        wallets.adjust(wallet, amount=Decimal("-40.01"), text="No", by=place.driver, now=timezone.now())
    assert balance() == 40


@pytest.mark.parametrize(("amount", "stops"), [("10", 1), ("10000", 0)])
def test_charging_stops_when_the_wallet_is_used_up(place, settings, amount, stops):
    Wallet.objects.create(account=place.account, balance=Decimal(amount))
    session = SessionFactory(
        evse=place.evse, id_token=place.token, started_at=timezone.now() - dt.timedelta(hours=1)
    )
    from tests.factories import meter_samples

    at = timezone.now()
    meter_samples(session, (at - dt.timedelta(minutes=50), 11_000, 2_000), (at, 11_000, 11_000))
    assert wallet_sweep.stop_empty(now=timezone.now()) == stops
    assert wallet_sweep.stop_empty(now=timezone.now()) == 0
    settings.WALLET_STOPS_AT_ZERO = False
    assert session.station.commands.count() == stops


def test_the_session_is_paid_as_soon_as_it_is_priced(place, stripe_fake, django_capture_on_commit_callbacks):
    fill(place, stripe_fake, "200")
    with django_capture_on_commit_callbacks(execute=True):
        charged(place)
    assert balance() == 145


def test_the_regular_look_pays_what_was_left_and_fills_what_is_low(place, stripe_fake):
    from billing.tasks import look_after_wallets

    receipt = collect(charged(place))
    with_card(place, stripe_fake)
    look_after_wallets()
    look_after_wallets()
    assert receipt is not None
    assert sum(s.amount for s in receipt.settlements.all()) == 55
    assert balance() == 245


def test_subscriptions_are_kept_by_a_task():
    from billing.tasks import keep_subscriptions

    keep_subscriptions()
