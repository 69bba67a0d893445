"""The same requests to the fake, to localstripe, and to Stripe's test mode when a key is given.

What the fake says is worth something because others say the same. localstripe has neither Checkout nor
idempotency keys, and lets one refund more than was paid: those cases run against the other two.
"""

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from billing.payments import stripe_api
from billing.payments.stripe_api import Declined, Page, Refused
from chargeportal.common.money import Money
from chargeportal.stripe_fake.server import StripeFake

FAKE, LOCALSTRIPE, TEST_MODE = "the fake", "localstripe", "Stripe's test mode"
PATIENCE_S = 60
#: localstripe without the file that it keeps in /tmp for everybody, and cannot write when it is another's.
IN_MEMORY = """
import runpy
from localstripe import resources
type(resources.store).dump_to_disk = lambda store: None
runpy.run_module("localstripe", run_name="__main__")
"""


@dataclass
class Backend:
    """One that answers as Stripe does."""

    name: str

    def post(self, path: str, **data: Any) -> dict[str, Any]:
        return stripe_api._post(f"/v1/{path}", data, key=uuid.uuid4().hex)

    def get(self, path: str, **data: Any) -> dict[str, Any]:
        return stripe_api._get(f"/v1/{path}", data)

    def card(self, number: str = "4242424242424242") -> str:
        """A payment method: from its number, or by the name of a test card where numbers are not taken."""
        names = {"4242424242424242": "pm_card_visa", "4000000000000341": "pm_card_chargeCustomerFail"}
        if self.name == TEST_MODE:
            return names[number]
        card = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
        return self.post("payment_methods", type="card", card=card)["id"]

    def customer_with_card(self, number: str = "4242424242424242") -> tuple[str, str]:
        customer = self.post("customers", name="Eva Ek", email="eva@example.test")["id"]
        card = self.post(f"payment_methods/{self.card(number)}/attach", customer=customer)
        return customer, card["id"]

    def intent(self, number: str = "4242424242424242", **facts: Any) -> dict[str, Any]:
        customer, card = self.customer_with_card(number)
        wish = {"amount": 20_000, "currency": "sek", "payment_method_types": ["card"], "confirm": True}
        return self.post("payment_intents", customer=customer, payment_method=card, **(wish | facts))


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, tuple[str, str]]]:
    """Where each of them is, and the key it takes; none when it is not there."""
    found: dict[str, tuple[str, str]] = {}
    fake = StripeFake()
    fake.start()
    found[FAKE] = (fake.address, fake.secret_key)
    process, address = _start_localstripe()
    if address:
        found[LOCALSTRIPE] = (address, "sk_test_12345")
    if os.environ.get("STRIPE_TEST_KEY", "").startswith("sk_test_"):
        found[TEST_MODE] = ("https://api.stripe.com", os.environ["STRIPE_TEST_KEY"])
    yield found
    stripe_api.disconnect()
    fake.stop()
    process.kill()
    process.wait()


@pytest.fixture(params=[FAKE, LOCALSTRIPE, TEST_MODE])
def backend(request: pytest.FixtureRequest, addresses: dict[str, tuple[str, str]], settings: Any) -> Backend:
    return _backend(request.param, addresses, settings)


@pytest.fixture(params=[FAKE, TEST_MODE])
def full_backend(
    request: pytest.FixtureRequest, addresses: dict[str, tuple[str, str]], settings: Any
) -> Backend:
    """One that has all of it."""
    return _backend(request.param, addresses, settings)


def test_a_customer_is_found_as_it_was_made(backend: Backend) -> None:
    made = backend.post("customers", name="Eva Ek", email="eva@example.test", metadata={"number": "C0001"})
    found = backend.get(f"customers/{made['id']}")
    assert made["id"].startswith("cus_")
    assert (found["object"], found["name"], found["email"], found["metadata"]) == (
        "customer", "Eva Ek", "eva@example.test", {"number": "C0001"},
    )  # fmt: skip


def test_an_unknown_object_is_a_404(backend: Backend) -> None:
    with pytest.raises(Refused):
        backend.get("customers/cus_nobody")


def test_a_card_shows_its_brand_and_last_digits_alone(backend: Backend) -> None:
    customer, card = backend.customer_with_card()
    found = stripe_api.card(card)
    assert (found.kind, found.brand, found.last4, found.customer) == ("card", "visa", "4242", customer)
    assert "4242424242424242" not in str(backend.get(f"payment_methods/{card}"))


def test_a_saved_card_is_charged(backend: Backend) -> None:
    made = backend.intent(off_session=True)
    found = stripe_api.payment_intent(made["id"])
    assert (found.status, found.amount, found.currency) == ("succeeded", Decimal(200), "SEK")


def test_a_hold_is_captured_in_part(backend: Backend) -> None:
    made = backend.intent(capture_method="manual")
    assert made["status"] == "requires_capture"
    taken = backend.post(f"payment_intents/{made['id']}/capture", amount_to_capture=6_111)
    assert taken["status"] == "succeeded"


def test_a_hold_is_released(backend: Backend) -> None:
    made = backend.intent(capture_method="manual")
    assert stripe_api.cancel(made["id"], key=uuid.uuid4().hex).status == "canceled"


def test_a_card_that_fails_later_is_declined_and_the_intent_waits_for_another(backend: Backend) -> None:
    with pytest.raises(Declined) as declined:
        backend.intent("4000000000000341", off_session=True)
    assert not declined.value.requires_action
    if declined.value.intent is not None:  # localstripe does not name it
        assert declined.value.intent.status == "requires_payment_method"


def test_a_part_is_paid_back(backend: Backend) -> None:
    made = backend.intent()
    back = stripe_api.create_refund(made["id"], Money(Decimal(50), "SEK"), refund="r1", key=uuid.uuid4().hex)
    assert (back.status, back.amount, back.intent) == ("succeeded", Decimal(50), made["id"])


def test_what_was_paid_is_not_cancelled(backend: Backend) -> None:
    with pytest.raises(Refused):
        stripe_api.cancel(backend.intent()["id"], key=uuid.uuid4().hex)


def test_more_than_was_paid_does_not_go_back(full_backend: Backend) -> None:
    made = full_backend.intent()
    with pytest.raises(Refused):
        stripe_api.create_refund(made["id"], Money(Decimal(201), "SEK"), refund="r1", key=uuid.uuid4().hex)


def test_more_than_the_hold_is_not_captured(full_backend: Backend) -> None:
    made = full_backend.intent(capture_method="manual")
    with pytest.raises(Refused) as refused:
        stripe_api.capture(made["id"], Money(Decimal(201), "SEK"), key=uuid.uuid4().hex)
    assert refused.value.code == "amount_too_large"


def test_the_same_key_is_the_same_answer(full_backend: Backend) -> None:
    key = uuid.uuid4().hex
    facts = {"name": "Eva", "email": "eva@example.test", "metadata": {}}
    first = stripe_api.create_customer(**facts, key=key)
    assert stripe_api.create_customer(**facts, key=key) == first
    with pytest.raises(Refused):
        stripe_api.create_customer(**(facts | {"name": "Bo"}), key=key)


def test_a_payment_page_opens_and_expires(full_backend: Backend) -> None:
    page = Page(
        amount=Money(Decimal(200), "SEK"),
        text="Charging",
        success_url="https://example.com/?page={CHECKOUT_SESSION_ID}",
        cancel_url="https://example.com/",
        payment=str(uuid.uuid4()),
        language="sv",
        hold=True,
    )
    session = stripe_api.start_page(page, key=uuid.uuid4().hex)
    assert session.status == "open"
    assert session.url.startswith("http")
    assert session.our_payment == page.payment
    assert stripe_api.expire_page(session.id).status == "expired"


def _backend(name: str, addresses: dict[str, tuple[str, str]], settings: Any) -> Backend:
    if name not in addresses:
        reason = "set STRIPE_TEST_KEY" if name == TEST_MODE else "localstripe did not start"
        pytest.skip(f"{name} is not there: {reason}")
    settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY = addresses[name]
    return Backend(name)


def _start_localstripe() -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", IN_MEMORY, "--port", str(port), "--from-scratch"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return process, f"http://127.0.0.1:{port}"
    return process, ""
