"""Subscriptions: from when, for how much, what they take off, and when the fee is earned."""

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db.models import Sum
from django.utils import timezone

from accounts.models import Organisation, User
from billing import cdrs, pricing
from billing.invoicing import runs
from billing.invoicing.drafts import Draft
from billing.invoicing.issuing import issue
from billing.models import (
    BillingAccount,
    Card,
    Cdr,
    Invoice,
    JournalEntry,
    JournalLine,
    Plan,
    SellerProfile,
    StripeCustomer,
    Subscription,
    SubscriptionMonth,
)
from billing.payments import subscriptions
from billing.subscription_prices import used_wh
from billing.tasks import keep_subscriptions
from tests.billing.stripe_fixture import stripe_fake
from tests.factories import IdTokenFactory, SessionFactory, online_evse, priced_tariff

__all__ = ["stripe_fake"]
pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 11)
APRIL = dt.date(2026, 4, 1)


@pytest.fixture
def place() -> SimpleNamespace:
    evse = online_evse()
    operator = evse.station.location.operator
    SellerProfile.objects.create(
        organisation=operator, legal_name="Norrkraft AB", street="Gatan 1", postal_code="903 26", city="Umeå",
        seat="Umeå", email="faktura@norrkraft.test",
    )  # fmt: skip
    Organisation.objects.update(registration_number="556016-0680", vat_number="SE556016068001")
    priced_tariff(operator=operator, ENERGY="5", FLAT="10")
    driver = User.objects.create_user("driver@example.test", name="Anna")
    account = BillingAccount.objects.create(operator=operator, user=driver, number="P1", name="Anna")
    plan = Plan.objects.create(
        operator=operator, name="Bas", monthly_fee=Decimal(93), included_kwh=Decimal(31), discount_percent=0
    )
    cheap = Plan.objects.create(
        operator=operator, name="Plus", monthly_fee=Decimal(199), discount_percent=Decimal(20)
    )
    token = IdTokenFactory(user=driver, uid="CARD1")
    return SimpleNamespace(
        evse=evse, operator=operator, account=account, plan=plan, cheap=cheap, token=token, driver=driver
    )


def charged(place: SimpleNamespace, kwh: int = 10) -> Cdr:
    session = SessionFactory(
        evse=place.evse, id_token=place.token, ended=True, energy_wh=Decimal(kwh * 1000),
        meter_stop_wh=Decimal(1000 + kwh * 1000),
    )  # fmt: skip
    cdr = cdrs.rate_session(session.pk, now=timezone.now())
    assert cdr is not None
    return cdr


def book(role: str) -> Decimal:
    lines = JournalLine.objects.filter(account__roles__contains=[role])
    return lines.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


# --- from when


def test_the_first_month_is_paid_by_its_days(place):
    subscriptions.subscribe(place.account, place.plan, today=TODAY)
    month = SubscriptionMonth.objects.get()
    # 21 of 31 days
    assert (month.first_date, month.end_date) == (TODAY, APRIL)
    assert (month.fee, month.included_wh) == (Decimal("63.00"), 21_000)
    assert subscriptions.first_fee(place.plan, today=TODAY) == Decimal("63.00")


def test_the_next_month_is_whole_and_opened_once(place):
    subscriptions.subscribe(place.account, place.plan, today=TODAY)
    assert subscriptions.open_months(today=APRIL) == 1
    assert subscriptions.open_months(today=APRIL) == 0
    month = SubscriptionMonth.objects.get(first_date=APRIL)
    assert (month.fee, month.included_wh) == (93, 31_000)


def test_a_change_begins_next_month_and_can_be_undone_until_then(place):
    first = subscriptions.subscribe(place.account, place.plan, today=TODAY)
    second = subscriptions.subscribe(place.account, place.cheap, today=TODAY)
    first.refresh_from_db()
    assert (first.ends_on, second.started_on) == (APRIL, APRIL)
    with pytest.raises(subscriptions.CannotSubscribe):
        subscriptions.subscribe(place.account, place.cheap, today=TODAY)
    assert subscriptions.undo(place.account, today=TODAY)
    assert [s.ends_on for s in Subscription.objects.all()] == [None]
    assert not subscriptions.undo(place.account, today=TODAY)


def test_an_ended_subscription_runs_to_the_end_of_the_month(place):
    subscriptions.subscribe(place.account, place.plan, today=TODAY)
    subscriptions.subscribe(place.account, place.cheap, today=TODAY)
    assert subscriptions.cancel(place.account, today=TODAY) == APRIL
    assert subscriptions.current_subscription(place.account, today=dt.date(2026, 3, 31)) is not None
    assert subscriptions.current_subscription(place.account, today=APRIL) is None
    assert subscriptions.coming_subscription(place.account, today=TODAY) is None
    assert subscriptions.open_months(today=APRIL) == 0


def test_plans_that_are_not_offered_or_not_ours_are_refused(place):
    other = Organisation.objects.create(kind="operator", name="Other")
    for change in ({"is_offered": False}, {"is_offered": True, "operator": other}):
        Plan.objects.filter(pk=place.plan.pk).update(**change)
        with pytest.raises(subscriptions.CannotSubscribe):
            subscriptions.subscribe(place.account, place.plan, today=TODAY)
    assert not Subscription.objects.exists()


def test_the_same_plan_twice_is_refused_and_without_one_there_is_nothing_to_end(place):
    with pytest.raises(subscriptions.CannotSubscribe):
        subscriptions.cancel(place.account, today=TODAY)
    subscriptions.subscribe(place.account, place.plan, today=TODAY)
    with pytest.raises(subscriptions.CannotSubscribe):
        subscriptions.subscribe(place.account, place.plan, today=TODAY)
    assert Subscription.objects.count() == 1


# --- what it takes off


def test_included_energy_costs_nothing_and_the_rest_its_price(place):
    today = timezone.localdate()
    subscriptions.subscribe(place.account, place.plan, today=today)
    SubscriptionMonth.objects.update(included_wh=15_000, first_date=today - dt.timedelta(days=2))
    first, second = charged(place), charged(place)
    assert (first.total_incl_vat, second.total_incl_vat) == (10, 35)
    assert used_wh(SubscriptionMonth.objects.get()) == 15_000
    assert first.evidence["subscription"]["left_kwh"] == "15"
    assert second.evidence["subscription"]["left_kwh"] == "5"
    for cdr in (first, second):
        again = pricing.lines_again(cdr)
        assert sum(line.amount_incl_vat for line in again) == cdr.total_incl_vat


def test_the_discount_is_a_line_of_its_own(place):
    today = timezone.localdate()
    subscriptions.subscribe(place.account, place.cheap, today=today)
    SubscriptionMonth.objects.update(first_date=today - dt.timedelta(days=2))
    cdr = charged(place)
    assert sorted(line.amount_incl_vat for line in cdr.lines.all()) == [-10, 10, 50]
    assert cdr.total_incl_vat == 50


def test_others_pay_the_public_price(place):
    today = timezone.localdate()
    other = User.objects.create_user("other@example.test")
    subscriptions.subscribe(place.account, place.plan, today=today)
    SubscriptionMonth.objects.update(first_date=today - dt.timedelta(days=2))
    place.token = IdTokenFactory(user=other, uid="OTHER")
    cdr = charged(place)
    assert cdr.total_incl_vat == 60
    assert "subscription" not in cdr.evidence


# --- billing


def fees(place: SimpleNamespace) -> tuple:
    return subscriptions.fee_lines(place.account, dt.date(2026, 3, 1), APRIL)


def issued(place: SimpleNamespace) -> Invoice:
    draft = Draft(
        operator_id=place.operator.pk, account=place.account, kind=Invoice.Kind.INVOICE, currency="SEK",
        invoice_date=APRIL, lines=fees(place),
    )  # fmt: skip
    return issue(draft, now=timezone.now())


def test_the_fee_stands_on_one_invoice_with_its_vat(place):
    subscriptions.subscribe(place.account, place.plan, today=TODAY)
    (line,) = fees(place)
    assert (line.dimension, line.net, line.vat, line.gross) == (
        "SUBSCRIPTION", Decimal("50.40"), Decimal("12.60"), Decimal("63.00"),
    )  # fmt: skip
    assert subscriptions.accounts_with_fees(
        place.operator.pk, period_start=dt.date(2026, 3, 1), period_end=APRIL
    ) == {place.account.pk}
    invoice = issued(place)
    assert invoice.payable == 63
    assert fees(place) == ()  # even before the month has been marked
    assert subscriptions.mark_billed() == 1
    assert subscriptions.mark_billed() == 0
    assert SubscriptionMonth.objects.get().invoice == invoice


def test_the_fee_is_a_debt_until_the_month_is_over_and_then_earned_once(place):
    subscriptions.subscribe(place.account, place.plan, today=TODAY)
    issued(place)
    subscriptions.mark_billed()
    assert (book("deferred"), book("fees")) == (Decimal("-50.40"), 0)
    assert subscriptions.recognise(today=dt.date(2026, 3, 31)) == 0
    assert [subscriptions.recognise(today=APRIL) for _ in range(2)] == [1, 0]
    assert (book("deferred"), book("fees")) == (0, Decimal("-50.40"))
    assert JournalEntry.objects.get(kind="subscription").entry_date == APRIL


def test_an_account_in_another_period_owes_nothing(place):
    subscriptions.subscribe(place.account, place.plan, today=TODAY)
    assert subscriptions.fee_lines(place.account, APRIL, dt.date(2026, 5, 1)) == ()


def test_the_monthly_run_bills_the_fee_and_the_card_pays_it_once(place, stripe_fake):
    customer, method = stripe_fake.customer_with_card()
    StripeCustomer.objects.create(account=place.account, stripe_id=customer)
    Card.objects.create(account=place.account, stripe_id=method, is_default=True)
    BillingAccount.objects.update(collection="card")
    place.account.refresh_from_db()
    subscriptions.subscribe(place.account, place.plan, today=TODAY)
    run = runs.start_run(
        place.operator, period_start=dt.date(2026, 3, 1), period_end=APRIL, invoice_date=APRIL, by=None,
        now=timezone.now(),
    )  # fmt: skip
    (batch,) = runs.pending_batches(run)
    runs.issue_items(run.pk, item_ids=batch, now=timezone.now())
    invoice = Invoice.objects.get()
    assert invoice.payable == 63
    for _ in range(2):
        keep_subscriptions()
    assert [(s.kind, s.amount) for s in invoice.settlements.all()] == [("payment", 63)]
    assert SubscriptionMonth.objects.get(first_date=TODAY).recognised_at is not None
    assert stripe_fake.asked("POST", "/v1/payment_intents") == 1
