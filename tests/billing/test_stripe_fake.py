"""The fake answers as Stripe does, seen through the module by which the product speaks to Stripe."""

import http.server
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from billing.payments import stripe_api
from billing.payments.stripe_api import Declined, Page, Refused, Unreachable
from chargeportal.common.money import Money
from chargeportal.stripe_fake.store import Store
from chargeportal.stripe_fake.webhooks import Messenger
from tests.billing.stripe_fixture import (
    APPROVED_ONCE,
    DECLINED,
    FAILS_LATER,
    GOOD,
    NEEDS_APPROVAL,
    NO_MONEY,
    Stripe,
)


def kronor(amount: str) -> Money:
    return Money(Decimal(amount), "SEK")


def page(**facts: object) -> Page:
    wanted = {
        "amount": kronor("200"),
        "text": "Charging",
        "success_url": "http://shop.test/back?id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/cancelled",
        "payment": "p1",
    }
    return Page(**{**wanted, **facts})


def charge(stripe: Stripe, card: str = GOOD, *, key: str = "c1", **facts: object) -> stripe_api.Intent:
    customer, method = stripe.customer_with_card(card)
    return stripe_api.charge_card(
        kronor("100"), customer=customer, card=method, text="Charging", payment="p1", key=key, **facts
    )


def test_a_guest_pays_on_the_page_and_the_amount_is_held_captured_and_the_rest_released(
    stripe_fake: Stripe,
) -> None:
    session = stripe_api.start_page(page(hold=True), key="k1")
    assert stripe_fake.pay(session.url, email="eva@example.test") == f"http://shop.test/back?id={session.id}"
    session = stripe_api.checkout_session(session.id)
    assert (session.status, session.our_payment, session.email) == ("complete", "p1", "eva@example.test")
    held = stripe_api.payment_intent(session.intent)
    assert (held.status, held.capturable, held.our_payment) == ("requires_capture", Decimal(200), "p1")
    taken = stripe_api.capture(session.intent, kronor("61.11"), key="k2")
    assert (taken.status, taken.received, taken.capturable) == ("succeeded", Decimal("61.11"), Decimal(0))
    with pytest.raises(Refused) as again:
        stripe_api.capture(session.intent, kronor("10"), key="k3")
    assert again.value.code == "payment_intent_unexpected_state"
    types = [event["type"] for event in stripe_fake.new_events()]
    assert types == [
        "payment_intent.created",
        "payment_intent.amount_capturable_updated",
        "checkout.session.completed",
        "charge.captured",
        "payment_intent.succeeded",
    ]


def test_more_than_the_hold_is_refused_and_a_released_hold_is_over(stripe_fake: Stripe) -> None:
    session = stripe_api.start_page(page(hold=True), key="k1")
    stripe_fake.pay(session.url)
    intent = stripe_api.checkout_session(session.id).intent
    with pytest.raises(Refused) as refused:
        stripe_api.capture(intent, kronor("200.01"), key="k2")
    assert refused.value.code == "amount_too_large"
    assert stripe_api.cancel(intent, key="k3").status == "canceled"


def test_a_declined_card_leaves_the_page_open_for_another(stripe_fake: Stripe) -> None:
    session = stripe_api.start_page(page(), key="k1")
    assert "declined (generic_decline)" in stripe_fake.pay(session.url, DECLINED)
    assert stripe_api.checkout_session(session.id).status == "open"
    stripe_fake.pay(session.url, GOOD)
    assert stripe_api.checkout_session(session.id).payment_status == "paid"


def test_the_bank_may_ask_for_approval_on_the_page(stripe_fake: Stripe) -> None:
    session = stripe_api.start_page(page(), key="k1")
    assert "payment_intent_authentication_failure" in stripe_fake.pay(
        session.url, NEEDS_APPROVAL, approves=False
    )
    stripe_fake.pay(session.url, NEEDS_APPROVAL)
    assert stripe_api.checkout_session(session.id).status == "complete"


def test_a_card_is_saved_and_charged_later_without_the_customer(stripe_fake: Stripe) -> None:
    customer = stripe_api.create_customer(name="Eva", email="e@example.test", metadata={}, key="k0")
    session = stripe_api.start_card_page(
        customer, currency="SEK", success_url="http://s.test/", cancel_url="", language="sv", key="k1"
    )
    stripe_fake.pay(session.url, APPROVED_ONCE)
    setup = stripe_api.setup_intent(stripe_api.checkout_session(session.id).setup_intent)
    card = stripe_api.card(setup.card)
    assert (card.brand, card.last4, card.customer, setup.status) == ("visa", "3155", customer, "succeeded")
    paid = stripe_api.charge_card(
        kronor("61.11"), customer=customer, card=card.id, text="Charging", payment="p1", key="k2"
    )
    assert (paid.status, paid.received) == ("succeeded", Decimal("61.11"))
    assert stripe_api.detach_card(card.id, key="k3").customer == ""


@pytest.mark.parametrize(
    ("card", "code", "requires_action"),
    [
        (DECLINED, "generic_decline", False),
        (NO_MONEY, "insufficient_funds", False),
        (FAILS_LATER, "generic_decline", False),
        (NEEDS_APPROVAL, "authentication_required", True),
    ],
)
def test_a_decline_says_why_and_names_the_intent(
    stripe_fake: Stripe, card: str, code: str, *, requires_action: bool
) -> None:
    with pytest.raises(Declined) as declined:
        charge(stripe_fake, card)
    assert (declined.value.code, declined.value.requires_action) == (code, requires_action)
    assert declined.value.intent is not None
    assert stripe_api.payment_intent(declined.value.intent.id).failure_code == code


def test_refunds_end_at_what_was_paid(stripe_fake: Stripe) -> None:
    paid = charge(stripe_fake)
    assert stripe_api.create_refund(paid.id, kronor("30"), refund="r1", key="r1").status == "succeeded"
    with pytest.raises(Refused) as refused:
        stripe_api.create_refund(paid.id, kronor("70.01"), refund="r2", key="r2")
    assert refused.value.code == "amount_too_large"
    stripe_api.create_refund(paid.id, kronor("70"), refund="r3", key="r3")
    assert [made.amount for made in stripe_api.refunds_of(paid.id)] == [Decimal(70), Decimal(30)]


def test_a_key_used_again_gets_the_same_answer_and_other_parameters_are_refused(stripe_fake: Stripe) -> None:
    customer, card = stripe_fake.customer_with_card()
    facts = {"customer": customer, "card": card, "text": "Charging", "payment": "p1", "key": "same"}
    first, second = (stripe_api.charge_card(kronor("100"), **facts) for _ in range(2))
    assert first == second
    assert len(stripe_fake.store.all("payment_intent")) == 1
    with pytest.raises(Refused):
        stripe_api.charge_card(kronor("101"), **facts)


def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(stripe_fake: Stripe, settings) -> None:
    stripe_fake.lose_answers(1)
    charge(stripe_fake, key="k1")
    assert len(stripe_fake.store.all("payment_intent")) == 1
    settings.STRIPE_RETRIES = 0
    stripe_api.disconnect()
    customer, card = stripe_fake.customer_with_card()
    stripe_fake.lose_answers(1)
    facts = {"customer": customer, "card": card, "text": "Charging", "payment": "p2", "key": "k2"}
    with pytest.raises(Unreachable):
        stripe_api.charge_card(kronor("100"), **facts)
    assert stripe_api.charge_card(kronor("100"), **facts).status == "succeeded"
    assert len(stripe_fake.store.all("payment_intent")) == 2


def test_the_balance_has_fees_refunds_disputes_and_payouts(stripe_fake: Stripe) -> None:
    paid = charge(stripe_fake)
    stripe_api.create_refund(paid.id, kronor("20"), refund="r1", key="r1")
    dispute = stripe_fake.dispute(paid.id)
    assert stripe_api.dispute(dispute["id"]).amount == Decimal(80)
    stripe_fake.decide(dispute["id"], "won")
    assert stripe_fake.pay_out() is None  # the dispute's fee has eaten it
    charge(stripe_fake, key="c2")
    payout = stripe_fake.pay_out()
    assert payout is not None
    moved = [
        (movement.category, movement.amount, movement.fee, movement.intent == paid.id)
        for movement in stripe_api.movements(start=_day(0), end=_day(1))
    ]
    assert moved == [
        ("payout", Decimal("-23.40"), Decimal(0), False),
        ("charge", Decimal(100), Decimal("3.30"), False),
        ("dispute_reversal", Decimal(80), Decimal(0), True),
        ("dispute", Decimal(-80), Decimal(150), True),
        ("refund", Decimal(-20), Decimal(0), True),
        ("charge", Decimal(100), Decimal("3.30"), True),
    ]
    assert len(stripe_api.movements_of(payout["id"])) == 6


def test_an_unknown_object_is_refused(stripe_fake: Stripe) -> None:
    with pytest.raises(Refused) as refused:
        stripe_api.payment_intent("pi_unknown/../customers")
    assert refused.value.code == "resource_missing" or "Unrecognized" in str(refused.value)


def test_an_expired_page_takes_no_payment(stripe_fake: Stripe) -> None:
    session = stripe_api.start_page(page(), key="k1")
    url = session.url
    stripe_api.expire_page(session.id)
    assert "no longer open" in stripe_fake.pay(url)
    assert [event["type"] for event in stripe_fake.new_events()] == ["checkout.session.expired"]


def _day(offset: int):
    import datetime as dt

    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + dt.timedelta(days=offset)


def test_messages_are_signed_and_sent_again_until_they_are_answered(stripe_fake: Stripe) -> None:
    heard: list[tuple[str, bool]] = []
    answers = iter([500, 200])
    ended = threading.Event()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            event = stripe_api.checked_event(body, signature=self.headers["Stripe-Signature"])
            heard.append((event["id"], event["type"] == "payout.paid"))
            status = next(answers)
            self.send_response(status)
            self.end_headers()
            if status == 200:
                ended.set()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    receiver = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    serving = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    event = stripe_fake.store.emit("payout.paid", {"id": "po_1"})
    url = f"http://127.0.0.1:{receiver.server_port}/webhooks/"
    messenger = Messenger(stripe_fake.store, url=url, secret=stripe_fake.fake.webhook_secret)
    messenger.start()
    assert ended.wait(60)
    messenger.stop()
    receiver.shutdown()
    receiver.server_close()
    serving.join()
    assert heard == [(event["id"], True)] * 2
    assert stripe_fake.store.pending == []


def test_what_it_knows_survives_a_restart(tmp_path: Path) -> None:
    first = Store(tmp_path / "state.json")
    customer = first.new("cus", "customer", name="Åsa")
    event = first.emit("customer.created", customer)
    first.save()
    second = Store(tmp_path / "state.json")
    assert second.get(customer["id"], "customer")["name"] == "Åsa"
    assert second.pending == [event["id"]]
