"""A Stripe of one's own for a test: ``stripe_fake`` speaks HTTP on loopback, and tells nobody by itself.

``deliver`` brings the events that happened to the webhook, in any order and as often as wanted;
``pay`` fills in the payment page as a person would.
"""

import random
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from billing.payments import stripe_api
from chargeportal.stripe_fake import balance, webhooks
from chargeportal.stripe_fake.server import StripeFake
from chargeportal.stripe_fake.store import Object

GOOD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
NEEDS_APPROVAL = "4000 0027 6000 3184"
APPROVED_ONCE = "4000 0025 0000 3155"
NO_MONEY = "4000 0000 0000 9995"
FAILS_LATER = "4000 0000 0000 0341"


class Stripe:
    """The fake, and what people and banks do."""

    def __init__(self, fake: StripeFake, on_commit: Callable) -> None:
        self.fake = fake
        self.store = fake.store
        self._on_commit = on_commit
        self._seen = 0

    def pay(self, url: str, card: str = GOOD, *, approves: bool = True, email: str = "") -> str:
        """Pay on the payment page; returns the address it leads to, or the page itself when declined."""
        form = {"number": card, "expiry": "12 / 34", "cvc": "123", "email": email}
        status, found = self._post(url, form)
        if status == 303 and "/c/bank/" in found:
            status, found = self._post(found, {"approves": "yes" if approves else "no"})
        return found

    def new_events(self, kind: str = "") -> list[Object]:
        """The events since the last call, of this type (or beginning)."""
        events = self.store.all("event")
        fresh, self._seen = events[self._seen :], len(events)
        return [event for event in fresh if event["type"].startswith(kind)]

    def deliver(
        self,
        client: Client | None = None,
        *,
        events: list[Object] | None = None,
        times: int = 1,
        shuffled: int | None = None,
    ) -> list[int]:
        """Post events (those that are new, unless given) to the webhook, work included; returns statuses."""
        chosen = (self.new_events() if events is None else events) * times
        if shuffled is not None:
            random.Random(shuffled).shuffle(chosen)  # noqa: S311 - an order, no secret
        with self._on_commit(execute=True):
            return [self.post_event(event, client) for event in chosen]

    def post_event(self, event: Object, client: Client | None = None) -> int:
        """One message, signed; returns the status of the answer."""
        payload = webhooks.body(event)
        signed = webhooks.signature(payload, secret=self.fake.webhook_secret, at=self.store.now())
        return (
            (client or Client())
            .post(
                "/webhooks/stripe/",
                payload,
                content_type="application/json",
                headers={"stripe-signature": signed},
            )
            .status_code
        )

    def customer_with_card(self, number: str = GOOD) -> tuple[str, str]:
        """A customer who saved a card: their ids."""
        customer = stripe_api.create_customer(name="Eva", email="eva@example.test", metadata={}, key="")
        with self.store.lock:
            method = self.card(number)
            method["customer"] = customer
            method["_approved"] = True
        return customer, method["id"]

    def card(self, number: str = GOOD) -> Object:
        """A payment method that belongs to nobody yet."""
        from chargeportal.stripe_fake import cards

        return cards.make(self.store, {"card": {"number": number}})

    def dispute(self, intent: str, reason: str = "fraudulent") -> Object:
        """The cardholder contests the payment."""
        return balance.open_dispute(self.store, intent, reason)

    def decide(self, dispute: str, status: str) -> Object:
        """The bank decides: `won` or `lost`."""
        return balance.close_dispute(self.store, dispute, status)

    def pay_out(self) -> Object | None:
        """What is on the balance goes to the bank."""
        return balance.pay_out(self.store)

    def lose_answers(self, count: int) -> None:
        """The next requests are done, and their answers get lost."""
        self.fake.answers_to_lose = count

    def asked(self, method: str, beginning: str) -> int:
        """How many requests there were to paths that begin so."""
        return sum(1 for how, path in self.fake.requests if how == method and path.startswith(beginning))

    def _post(self, url: str, form: dict[str, str]) -> tuple[int, str]:
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), method="POST")  # noqa: S310
        try:
            with _opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("Location") or error.read().decode()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


@pytest.fixture
def stripe_fake(settings: Any, django_capture_on_commit_callbacks: Callable) -> Iterator[Stripe]:
    """A running fake that the product is configured for."""
    fake = StripeFake()
    settings.STRIPE_SECRET_KEY = fake.secret_key
    settings.STRIPE_WEBHOOK_SECRET = fake.webhook_secret
    settings.STRIPE_PUBLISHABLE_KEY = "pk_test_fake"
    settings.STRIPE_API_BASE = fake.address
    fake.start()
    yield Stripe(fake, django_capture_on_commit_callbacks)
    stripe_api.disconnect()
    fake.stop()
