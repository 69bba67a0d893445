"""Our payments held against the card processor's balance, day by day."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from accounts.models import AuditEntry
from billing.models import BalanceTransaction, Payment, Reconciliation
from billing.payments import reconciling, refunds
from chargeportal.stripe_fake import balance as their_balance
from tests.billing.invoice_builders import balance, operator_that_issues
from tests.billing.payment_builders import card_account, paid
from tests.billing.stripe_fixture import Stripe
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2026, 3, 30, 3, 20, tzinfo=STOCKHOLM)  # the night after the clocks went forward
#: Half past midnight, half past ten and half an hour to midnight of a day with 23 hours.
SUNDAY = [dt.datetime(2026, 3, 29, hour, 30, tzinfo=STOCKHOLM) for hour in (0, 10, 23)]


@pytest.fixture
def on_sunday(stripe_fake: Stripe) -> Stripe:
    """It is Sunday the 29th of March at the card processor."""
    at(stripe_fake, SUNDAY[1])
    return stripe_fake


def at(stripe: Stripe, instant: dt.datetime) -> None:
    stripe.store.clock = instant.timestamp


def settled(stripe: Stripe, gross: str = "100.00", *, instant: dt.datetime = SUNDAY[1], **facts) -> Payment:
    at(stripe, instant)
    payment = paid(stripe, gross, **facts)
    Payment.objects.filter(pk=payment.pk).update(settled_at=instant)
    return payment


def the_day(day: int = 29) -> Reconciliation:
    return Reconciliation.objects.get(day=dt.date(2026, 3, day), currency="SEK")


def test_a_day_that_agrees_has_no_differences_and_its_fees_are_in_the_books(on_sunday: Stripe) -> None:
    payment = settled(on_sunday, instant=SUNDAY[0])
    settled(on_sunday, "50.00", instant=SUNDAY[2], operator=payment.operator)
    assert reconciling.reconcile_recent(now=NOW) == 0
    found = the_day()
    assert (found.ours, found.theirs, found.fees) == (Decimal(150), Decimal(150), Decimal("5.85"))
    assert found.differences == []
    assert balance(payment.operator, "card_fees") == Decimal("5.85")
    assert balance(payment.operator, "card_clearing") == Decimal("144.15")


def test_reconciling_again_changes_nothing(on_sunday: Stripe) -> None:
    payment = settled(on_sunday)
    for _ in range(2):
        reconciling.reconcile_recent(now=NOW)
    assert BalanceTransaction.objects.count() == 1
    assert Reconciliation.objects.filter(day=dt.date(2026, 3, 29)).count() == 1
    assert balance(payment.operator, "card_fees") == Decimal("3.30")


def test_a_charge_we_know_nothing_of_is_a_difference(on_sunday: Stripe) -> None:
    from billing.payments import stripe_api
    from chargeportal.common.money import Money

    payment = settled(on_sunday)
    customer, card = on_sunday.customer_with_card()
    other = stripe_api.charge_card(
        Money(Decimal(40), "SEK"), customer=customer, card=card, text="", payment="elsewhere", key="k"
    )
    assert reconciling.reconcile_recent(now=NOW) == 1
    assert the_day().differences == [
        {
            "kind": "missing_here", "what": "charge", "reference": other.id, "payment": "", "ours": "",
            "theirs": "40.00",
        }
    ]  # fmt: skip
    assert the_day().ours == payment.captured


def test_a_payment_the_processor_knows_nothing_of_is_a_difference(on_sunday: Stripe) -> None:
    payment = settled(on_sunday)
    on_sunday.store.objects = {
        name: found for name, found in on_sunday.store.objects.items() if not name.startswith("txn_")
    }
    assert reconciling.reconcile_recent(now=NOW) == 1
    [difference] = the_day().differences
    assert (difference["kind"], difference["payment"], difference["ours"]) == (
        "missing_there", str(payment.public_id), "100.00",
    )  # fmt: skip


def test_another_amount_is_a_difference(on_sunday: Stripe) -> None:
    payment = settled(on_sunday)
    Payment.objects.filter(pk=payment.pk).update(captured=Decimal("90.00"))
    reconciling.reconcile_recent(now=NOW)
    [difference] = the_day().differences
    assert (difference["kind"], difference["ours"], difference["theirs"]) == (
        "different_amount", "90.00", "100.00",
    )  # fmt: skip


def test_refunds_disputes_and_payouts_agree_and_the_clearing_account_ends_at_nought(
    on_sunday: Stripe, client
) -> None:
    payment = settled(on_sunday)
    made = refunds.refund(payment, amount=Decimal(20), reason="goodwill", by=None, now=SUNDAY[1])
    type(made).objects.update(created_at=SUNDAY[1])
    contested = settled(on_sunday, "300.00", operator=payment.operator)
    dispute = on_sunday.dispute(contested.stripe_payment_intent)
    on_sunday.decide(dispute["id"], "won")
    on_sunday.pay_out()
    at(on_sunday, dt.datetime.now(dt.UTC))  # a signature must be fresh
    on_sunday.deliver(client)
    at(on_sunday, SUNDAY[1])
    assert reconciling.reconcile_recent(now=NOW) == 0
    found = the_day()
    # 100 + 300 - 20 - 300 + 300, with fees of 3.30, 6.30 and 150 for the dispute
    assert (found.ours, found.theirs, found.fees) == (Decimal(380), Decimal(380), Decimal("159.60"))
    assert balance(payment.operator, "bank") == Decimal("220.40")
    assert balance(payment.operator, "card_clearing") == 0
    assert BalanceTransaction.objects.filter(payout="").count() == 0


def test_a_refund_that_failed_agrees_too(on_sunday: Stripe, client) -> None:
    payment = settled(on_sunday)
    made = refunds.refund(payment, amount=Decimal(20), reason="goodwill", by=None, now=SUNDAY[1])
    their_balance.fail_refund(on_sunday.store, made.stripe_id)
    at(on_sunday, dt.datetime.now(dt.UTC))
    on_sunday.deliver(client)
    at(on_sunday, SUNDAY[1])
    assert reconciling.reconcile_recent(now=NOW) == 0


def test_every_operator_has_its_own_day(on_sunday: Stripe) -> None:
    first = settled(on_sunday)
    second = settled(on_sunday, "50.00", operator=operator_that_issues("Other AB"))
    reconciling.reconcile_recent(now=NOW)
    totals = {
        found.operator_id: found.theirs for found in Reconciliation.objects.filter(day=dt.date(2026, 3, 29))
    }
    assert totals == {first.operator_id: Decimal(100), second.operator_id: Decimal(50)}


def test_differences_are_accepted_by_a_person_with_a_note_once(on_sunday: Stripe) -> None:
    payment = settled(on_sunday)
    Payment.objects.filter(pk=payment.pk).update(captured=Decimal("90.00"))
    reconciling.reconcile_recent(now=NOW)
    who = UserFactory()
    assert reconciling.accept(the_day(), note="typed wrong by support", by=who, now=NOW)
    assert not reconciling.accept(the_day(), note="again", by=who, now=NOW)
    entry = AuditEntry.objects.get(act="reconciliation.accepted")
    assert (entry.actor, entry.details["note"]) == (who, "typed wrong by support")
    reconciling.reconcile_recent(now=NOW)
    assert the_day().accepted_note == "typed wrong by support"


def test_new_differences_want_to_be_looked_at_again(on_sunday: Stripe) -> None:
    payment = settled(on_sunday)
    Payment.objects.filter(pk=payment.pk).update(captured=Decimal("90.00"))
    reconciling.reconcile_recent(now=NOW)
    reconciling.accept(the_day(), note="known", by=UserFactory(), now=NOW)
    Payment.objects.filter(pk=payment.pk).update(captured=Decimal("80.00"))
    reconciling.reconcile_recent(now=NOW)
    assert (the_day().accepted_at, the_day().accepted_note) == (None, "")


def test_while_payments_are_off_nothing_is_asked(settings) -> None:
    settings.STRIPE_SECRET_KEY = ""
    assert reconciling.reconcile_recent(now=NOW) == 0


def test_fees_without_a_payment_are_costs(on_sunday: Stripe) -> None:
    account = card_account(on_sunday)
    source = on_sunday.store.new("fee", "fee", currency="sek")
    their_balance.move(on_sunday.store, "stripe_fee", -2500, source=source)
    reconciling.reconcile_recent(now=NOW)
    assert balance(account.operator, "card_fees") == Decimal(25)
    assert the_day().fees == Decimal(25)
