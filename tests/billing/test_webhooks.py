"""Stripe's messages: signature first, stored by id, handled once, in any order."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY

from billing.invoicing.settling import open_amount
from billing.models import Dispute, InvoiceSettlement, JournalEntry, Payment, Refund, WebhookEvent
from billing.payments import outcomes, stripe_api, webhooks
from chargeportal.common.money import Money
from chargeportal.stripe_fake import webhooks as wire
from tests.billing.invoice_builders import NOW, balance
from tests.billing.payment_builders import card_account, held, paid, receipt_for
from tests.billing.stripe_fixture import DECLINED, GOOD, Stripe
from tests.billing.test_payments import at_once

pytestmark = pytest.mark.django_db
State = Payment.State
URL = "/webhooks/stripe/"


def refused() -> float:
    return REGISTRY.get_sample_value("stripe_webhooks_refused_total") or 0


def page_payment(stripe: Stripe, client: Client) -> tuple[Payment, str]:
    """A payment begun on a payment page, and the page's address."""
    receipt = receipt_for(card_account(stripe))
    url = client.post(f"/pay/{receipt.public_id}/")["Location"]
    return Payment.objects.get(), url


@pytest.mark.parametrize("header", ["", "t=1,v1=00", "nonsense", "t=1", "v1=00"])
def test_a_bad_signature_is_refused_and_nothing_is_kept_but_a_counter(
    stripe_fake: Stripe, client: Client, header: str
) -> None:
    before = refused()
    body = json.dumps({"id": "evt_1", "object": "event", "type": "payment_intent.succeeded"})
    answer = client.post(URL, body, content_type="application/json", headers={"stripe-signature": header})
    assert answer.status_code == 400
    assert WebhookEvent.objects.count() == 0
    assert refused() == before + 1


def test_a_message_signed_with_another_secret_or_long_ago_is_refused(
    stripe_fake: Stripe, client: Client
) -> None:
    event = stripe_fake.store.emit("payout.paid", {"id": "po_1"})
    payload = wire.body(event)
    now = stripe_fake.store.now()
    secret = stripe_fake.fake.webhook_secret
    for signed in (
        wire.signature(payload, secret="whsec_other", at=now),
        wire.signature(payload, secret=secret, at=now - 3600),
        wire.signature(payload + b" ", secret=secret, at=now),
    ):
        answer = client.post(
            URL, payload, content_type="application/json", headers={"stripe-signature": signed}
        )
        assert answer.status_code == 400
    assert WebhookEvent.objects.count() == 0


def test_without_a_configured_secret_everything_is_refused(
    stripe_fake: Stripe, client: Client, settings
) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""
    event = stripe_fake.store.emit("payout.paid", {"id": "po_1"})
    payload = wire.body(event)
    signed = wire.signature(payload, secret="", at=stripe_fake.store.now())
    answer = client.post(URL, payload, content_type="application/json", headers={"stripe-signature": signed})
    assert answer.status_code == 400


def test_only_posts_are_taken(client: Client) -> None:
    assert client.get(URL).status_code == 405


def test_a_message_is_stored_and_handled_once_however_often_it_comes(
    stripe_fake: Stripe, client: Client
) -> None:
    payment, url = page_payment(stripe_fake, client)
    stripe_fake.pay(url)
    assert set(stripe_fake.deliver(client, times=3)) == {200}
    payment.refresh_from_db()
    assert (payment.state, payment.captured) == (State.SUCCEEDED, Decimal("61.11"))
    assert WebhookEvent.objects.filter(handled_at=None).count() == 0
    assert set(WebhookEvent.objects.values_list("attempts", flat=True)) == {1}
    assert InvoiceSettlement.objects.count() == 1


@pytest.mark.parametrize("order", range(6))
def test_in_any_order_it_ends_the_same(stripe_fake: Stripe, client: Client, order: int) -> None:
    payment, url = page_payment(stripe_fake, client)
    stripe_fake.pay(url, DECLINED)
    stripe_fake.pay(url, GOOD)
    intent = stripe_fake.store.all("payment_intent")[0]["id"]
    stripe_api.create_refund(intent, Money(Decimal("11.11"), "SEK"), refund="by hand", key="r")
    contested = stripe_fake.dispute(intent)
    stripe_fake.decide(contested["id"], "won")
    stripe_fake.deliver(client, times=2, shuffled=order)
    payment.refresh_from_db()
    # a refund of a payment that was not known yet comes with the next message about it
    stripe_fake.deliver(client, events=stripe_fake.store.all("event"))
    for event in WebhookEvent.objects.all():
        WebhookEvent.objects.filter(pk=event.pk).update(handled_at=None)
        webhooks.handle(event.pk, now=NOW)
    payment.refresh_from_db()
    assert (payment.state, payment.captured, payment.refunded) == (
        State.SUCCEEDED, Decimal("61.11"), Decimal("11.11"),
    )  # fmt: skip
    assert Dispute.objects.get().status == "won"
    assert Refund.objects.count() == 1
    assert open_amount(payment.invoice) == 0
    kinds = sorted(JournalEntry.objects.values_list("kind", flat=True))
    assert kinds == ["cdr", "dispute", "dispute", "payment", "receipt", "refund", "write_off"]


def test_an_old_message_never_undoes_a_newer_state(stripe_fake: Stripe, client: Client) -> None:
    payment = held(stripe_fake)
    early = stripe_api.payment_intent(payment.stripe_payment_intent)
    stripe_api.capture(payment.stripe_payment_intent, Money(Decimal(50), "SEK"), key="c")
    stripe_fake.deliver(client)
    outcomes.apply_intent(early, now=NOW)
    payment.refresh_from_db()
    assert (payment.state, payment.captured) == (State.SUCCEEDED, Decimal(50))


def test_a_page_that_was_left_is_over(stripe_fake: Stripe, client: Client) -> None:
    payment, url = page_payment(stripe_fake, client)
    stripe_api.expire_page(url.rsplit("/", 1)[1])
    stripe_fake.deliver(client)
    payment.refresh_from_db()
    assert payment.state == State.CANCELLED
    assert open_amount(payment.invoice) == Decimal("61.11")


def test_a_refund_made_at_stripe_is_known_here(stripe_fake: Stripe, client: Client) -> None:
    payment = paid(stripe_fake)
    stripe_api.create_refund(payment.stripe_payment_intent, Money(Decimal(5), "SEK"), refund="", key="x")
    stripe_fake.deliver(client)
    assert Refund.objects.get().amount == Decimal(5)
    assert open_amount(payment.invoice) == 0  # goodwill: the customer does not owe it again
    assert balance(payment.operator, "bad_debt") == Decimal(5)


def test_messages_about_others_payments_and_unknown_types_change_nothing(
    stripe_fake: Stripe, client: Client
) -> None:
    customer, card = stripe_fake.customer_with_card()
    stripe_api.charge_card(
        Money(Decimal(7), "SEK"), customer=customer, card=card, text="", payment="another shop", key="k"
    )
    stripe_fake.store.emit("radar.something.new", {"id": "x"})
    assert set(stripe_fake.deliver(client)) == {200}
    assert Payment.objects.count() == 0
    assert WebhookEvent.objects.filter(handled_at=None).count() == 0


def test_what_could_not_be_handled_says_why_and_is_tried_again_by_the_sweep(
    stripe_fake: Stripe, client: Client, settings
) -> None:
    payment, url = page_payment(stripe_fake, client)
    stripe_fake.pay(url)
    good, settings.STRIPE_SECRET_KEY = settings.STRIPE_SECRET_KEY, "sk_test_wrong"
    assert set(stripe_fake.deliver(client)) == {200}
    payment.refresh_from_db()
    assert payment.state == State.CREATED
    waiting = WebhookEvent.objects.filter(handled_at=None)
    assert {event.error.split(":")[0] for event in waiting} == {"Unreachable"}
    settings.STRIPE_SECRET_KEY = good
    now = timezone.now()
    assert webhooks.unhandled_ids(now=now, most=10) == []
    later = now + timezone.timedelta(minutes=3)
    due = webhooks.unhandled_ids(now=later, most=10)
    assert len(due) == waiting.count()
    for event_id in due:
        assert webhooks.handle(event_id, now=later)
    payment.refresh_from_db()
    assert payment.state == State.SUCCEEDED


def test_a_purpose_that_moves_its_payments_itself_is_told(stripe_fake: Stripe, monkeypatch) -> None:
    heard: list[int] = []
    monkeypatch.setitem(outcomes._told, "session", lambda payment, **_now: heard.append(payment.pk))
    payment = held(stripe_fake)
    assert heard == [payment.pk]
    assert payment.state == State.CREATED


def test_what_follows_happens_in_the_transaction_that_moved_the_payment(
    stripe_fake: Stripe, monkeypatch
) -> None:
    def fail(_payment: Payment, *, now) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setitem(outcomes._after, ("session", State.AUTHORISED), [fail])
    with pytest.raises(RuntimeError):
        held(stripe_fake)
    assert Payment.objects.get().state == State.CREATED
    heard: list[str] = []
    note: Callable = lambda payment, **_now: heard.append(payment.state)  # noqa: E731
    monkeypatch.setitem(outcomes._after, ("session", State.AUTHORISED), [note])
    intent = stripe_api.payment_intent(stripe_fake.store.all("payment_intent")[0]["id"])
    for _ in range(2):
        outcomes.apply_intent(intent, now=NOW)
    assert heard == [State.AUTHORISED]


@pytest.mark.django_db(transaction=True)
def test_fifty_deliveries_at_once_have_one_effect(stripe_fake: Stripe) -> None:
    payment, url = page_payment(stripe_fake, Client())
    stripe_fake.pay(url)
    [event] = stripe_fake.new_events("payment_intent.succeeded")
    statuses: list[int] = []
    at_once(50, lambda: statuses.append(stripe_fake.post_event(event)))
    connection.close()
    payment.refresh_from_db()
    assert statuses == [200] * 50
    assert payment.state == State.SUCCEEDED
    assert WebhookEvent.objects.count() == 1
    assert InvoiceSettlement.objects.count() == 1
    assert JournalEntry.objects.filter(kind="payment").count() == 1
