"""Speaks to Stripe over HTTP, and is the only module that does.

Every function that changes something takes ``key``, an idempotency key derived from a row of ours: asked
again under the same key, after a time-out, a crash or a second click, Stripe answers what it answered
before. Time-outs and 5xx are retried under that key; after the last try ``Unreachable`` says that the
outcome is unknown and the same call must be made again. Card numbers never pass through here, and neither
they nor keys are logged.

Errors: PaymentsError
    PaymentsAreOff   no secret key is configured
    Unreachable      no answer, or none about the matter (our key is refused): ask again under the same key
    Declined         the bank said no, or wants the customer's approval first
    Refused          Stripe does not do this (wrong state, amount too large, unknown object)
    BadSignature     a webhook that is not Stripe's
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import stripe
from django.conf import settings

from billing.payments import stripe_objects as objects
from billing.payments.stripe_objects import (
    CardFacts,
    CheckoutSession,
    DisputeFacts,
    Intent,
    Movement,
    RefundFacts,
    SetupIntent,
)
from chargeportal.common.money import Money

logger = logging.getLogger(__name__)

AUTHENTICATION = "authentication_required"
PAGE_LENGTH = 100


class PaymentsError(Exception):
    """A payment could not be made; the subclasses say why."""


class PaymentsAreOff(PaymentsError):
    """No secret key is configured."""


class Unreachable(PaymentsError):
    """No answer came; whether it was done is unknown. Ask again under the same key."""


class Refused(PaymentsError):
    """Stripe does not do this. ``code`` is its word for why, `resource_missing` for an unknown object."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Declined(PaymentsError):
    """The bank did not pay. ``requires_action``: it would if the customer approved."""

    def __init__(self, code: str, *, intent: Intent | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.requires_action = code == AUTHENTICATION
        self.intent = intent


class BadSignature(PaymentsError):
    """The message was not signed by Stripe with our secret, or too long ago."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the payment page shows, and where it leads afterwards.

    ``hold`` reserves the amount and leaves the capture to us. ``saves_card`` keeps the card for later
    charges without the customer (needs ``customer``). ``success_url`` may contain `{CHECKOUT_SESSION_ID}`.
    """

    amount: Money
    text: str
    success_url: str
    cancel_url: str
    payment: str
    language: str = "auto"
    customer: str = ""
    email: str = ""
    hold: bool = False
    saves_card: bool = False
    expires_at: dt.datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def is_on() -> bool:
    """Whether card payments are configured."""
    return bool(settings.STRIPE_SECRET_KEY)


def create_customer(*, name: str, email: str, metadata: dict[str, str], key: str) -> str:
    """The id of a new customer at Stripe."""
    data = {"name": name, "email": email, "metadata": metadata}
    return _post("/v1/customers", _filled(data), key=key)["id"]


def start_page(page: Page, *, key: str) -> CheckoutSession:
    """A payment page is open at the session's ``url``; it ends at ``expires_at`` (30 minutes to 24 hours)."""
    metadata = {**page.metadata, objects.OUR_PAYMENT: page.payment}
    intent = {
        "metadata": metadata,
        "description": page.text,
        "capture_method": "manual" if page.hold else "automatic",
        "setup_future_usage": "off_session" if page.saves_card else "",
    }
    product = {"name": page.text}
    price = {
        "currency": page.amount.currency.lower(),
        "unit_amount": page.amount.minor_units,
        "product_data": product,
    }
    data = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": _filled(intent),
        "success_url": page.success_url,
        "cancel_url": page.cancel_url,
        "locale": page.language,
        "customer": page.customer,
        "customer_email": "" if page.customer else page.email,
        "client_reference_id": page.payment,
        "expires_at": int(page.expires_at.timestamp()) if page.expires_at else "",
        "metadata": metadata,
    }
    return objects.checkout_session(_post("/v1/checkout/sessions", _filled(data), key=key))


def start_card_page(
    customer: str, *, currency: str, success_url: str, cancel_url: str, language: str, key: str
) -> CheckoutSession:
    """A page is open on which the customer saves a card; nothing is charged."""
    data = {
        "mode": "setup",
        "customer": customer,
        "currency": currency.lower(),
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": language,
    }
    return objects.checkout_session(_post("/v1/checkout/sessions", data, key=key))


def checkout_session(session_id: str) -> CheckoutSession:
    """The session as it is now; raises Refused (`resource_missing`) for one that is not ours."""
    return objects.checkout_session(_get(f"/v1/checkout/sessions/{_part(session_id)}"))


def page_of(payment: str, *, since: dt.datetime) -> CheckoutSession | None:
    """The payment page that was opened for that payment of ours within an hour, if it ever was."""
    created = {"gte": int(since.timestamp()) - 60, "lt": int(since.timestamp()) + 3600}
    for data in _pages("/v1/checkout/sessions", {"created": created}):
        found = objects.checkout_session(data)
        if found.our_payment == payment:
            return found
    return None


def expire_page(session_id: str) -> CheckoutSession:
    """Nobody can pay on the page any more; raises Refused when it is over already."""
    path = f"/v1/checkout/sessions/{_part(session_id)}/expire"
    return objects.checkout_session(_post(path, {}, key=f"expire:{session_id}"))


def create_setup_intent(customer: str, *, key: str) -> SetupIntent:
    """A SetupIntent for saving a card that is charged later without the customer."""
    data = {"customer": customer, "usage": "off_session", "automatic_payment_methods": {"enabled": True}}
    return objects.setup_intent(_post("/v1/setup_intents", data, key=key))


def setup_intent(setup_intent_id: str) -> SetupIntent:
    """The SetupIntent as it is now."""
    return objects.setup_intent(_get(f"/v1/setup_intents/{_part(setup_intent_id)}"))


def charge_card(
    amount: Money, *, customer: str, card: str, text: str, payment: str, key: str, hold: bool = False
) -> Intent:
    """The saved card has been charged (or the amount reserved) without the customer; raises Declined."""
    data = {
        "amount": amount.minor_units,
        "currency": amount.currency.lower(),
        "customer": customer,
        "payment_method": card,
        "confirm": True,
        "off_session": True,
        "capture_method": "manual" if hold else "automatic",
        "description": text,
        "metadata": {objects.OUR_PAYMENT: payment},
        "payment_method_types": ["card"],
    }
    return objects.intent(_post("/v1/payment_intents", data, key=key))


def payment_intent(intent_id: str) -> Intent:
    """The PaymentIntent as it is now."""
    return objects.intent(_get(f"/v1/payment_intents/{_part(intent_id)}"))


def intent_of(customer: str, *, payment: str) -> Intent | None:
    """The customer's intent for that payment of ours, if it was ever made."""
    for data in _pages("/v1/payment_intents", {"customer": customer}):
        found = objects.intent(data)
        if found.our_payment == payment:
            return found
    return None


def capture(intent_id: str, amount: Money, *, key: str) -> Intent:
    """That much of the hold is taken and the rest released; raises Refused when it is not held any more."""
    data = {"amount_to_capture": amount.minor_units}
    return objects.intent(_post(f"/v1/payment_intents/{_part(intent_id)}/capture", data, key=key))


def cancel(intent_id: str, *, key: str) -> Intent:
    """The intent is over and its hold released; raises Refused when it has been paid."""
    return objects.intent(_post(f"/v1/payment_intents/{_part(intent_id)}/cancel", {}, key=key))


def create_refund(intent_id: str, amount: Money, *, refund: str, key: str) -> RefundFacts:
    """That much goes back to the card; ``refund`` names our row. Raises Refused beyond what was paid."""
    data = {"payment_intent": intent_id, "amount": amount.minor_units, "metadata": {"refund": refund}}
    return objects.refund(_post("/v1/refunds", data, key=key))


def refund(refund_id: str) -> RefundFacts:
    """The refund as it is now."""
    return objects.refund(_get(f"/v1/refunds/{_part(refund_id)}"))


def refunds_of(intent_id: str) -> list[RefundFacts]:
    """Every refund of the intent, whoever made it."""
    return [objects.refund(data) for data in _pages("/v1/refunds", {"payment_intent": intent_id})]


def dispute(dispute_id: str) -> DisputeFacts:
    """The dispute as it is now."""
    return objects.dispute(_get(f"/v1/disputes/{_part(dispute_id)}"))


def card(card_id: str) -> CardFacts:
    """The saved way to pay as it is now."""
    return objects.card(_get(f"/v1/payment_methods/{_part(card_id)}"))


def detach_card(card_id: str, *, key: str) -> CardFacts:
    """Stripe has forgotten the card."""
    return objects.card(_post(f"/v1/payment_methods/{_part(card_id)}/detach", {}, key=key))


def movements(*, start: dt.datetime, end: dt.datetime) -> Iterator[Movement]:
    """The balance transactions created in the half-open period."""
    data = {
        "created": {"gte": int(start.timestamp()), "lt": int(end.timestamp())},
        "expand": ["data.source"],
    }
    return (objects.movement(found) for found in _pages("/v1/balance_transactions", data))


def movements_of(payout: str) -> list[Movement]:
    """The balance transactions that a payout brought to the bank, its own among them."""
    data = {"payout": payout, "expand": ["data.source"]}
    return [objects.movement(found, payout=payout) for found in _pages("/v1/balance_transactions", data)]


def checked_event(body: bytes, *, signature: str) -> dict[str, Any]:
    """The event of a webhook whose signature holds; raises BadSignature, always while there is no secret."""
    if not settings.STRIPE_WEBHOOK_SECRET:  # anybody can sign with nothing
        raise BadSignature("no secret is configured")
    try:
        stripe.WebhookSignature.verify_header(
            body, signature, settings.STRIPE_WEBHOOK_SECRET, stripe.Webhook.DEFAULT_TOLERANCE
        )
        event = json.loads(body)
        if event["object"] != "event" or not all(isinstance(event[name], str) for name in ("id", "type")):
            raise BadSignature("not an event")
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
        raise BadSignature(type(error).__name__) from error
    return event


def disconnect() -> None:
    """No connection is kept; the next call opens its own."""
    _client.cache_clear()


def _get(path: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    return _call("get", path, data or {})


def _post(path: str, data: dict[str, Any], *, key: str) -> dict[str, Any]:
    return _call("post", path, {**data, "idempotency_key": key} if key else data)


def _pages(path: str, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    after: dict[str, Any] = {}
    while True:
        page = _get(path, {**data, "limit": PAGE_LENGTH, **after})
        yield from page["data"]
        if not page["has_more"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


def _call(method: str, path: str, data: dict[str, Any]) -> dict[str, Any]:
    if not settings.STRIPE_SECRET_KEY:
        raise PaymentsAreOff("no secret key is configured")
    client = _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, settings.STRIPE_TIMEOUT_S)
    try:
        return client.raw_request(method, path, **data).data
    except stripe.CardError as error:
        raise _declined(error) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise Unreachable(f"{method} {path}: {type(error).__name__}") from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        raise Refused(error.user_message or "refused", code=error.code or "") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        # says something of our key and nothing of the payment: it is asked for again when the key is mended
        logger.error("Stripe refuses our key for %s %s", method, path)  # noqa: TRY400 - its text has parts of the key
        raise Unreachable(f"{method} {path}: {type(error).__name__}") from error
    except stripe.StripeError as error:
        status = error.http_status or 0  # CONFLICT: the same request is under way
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.CONFLICT:
            raise Unreachable(f"{method} {path}: {error.http_status}") from error
        logger.warning("Stripe refused %s %s with %s", method, path, error.http_status)
        raise Refused(type(error).__name__, code=error.code or "") from error


def _declined(error: stripe.CardError) -> Declined:
    body = error.json_body if isinstance(error.json_body, dict) else {}
    facts = body.get("error") or {}
    # `code` says which kind of refusal, `decline_code` the bank's reason; approval is told by the first
    code = facts.get("code") or ""
    if code != AUTHENTICATION:
        code = facts.get("decline_code") or code or "card_declined"
    intent = facts.get("payment_intent")
    return Declined(code, intent=objects.intent(intent) if intent else None)


@lru_cache(maxsize=4)
def _client(key: str, base: str, timeout_s: tuple[float, float]) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        max_network_retries=settings.STRIPE_RETRIES,
        http_client=stripe.RequestsClient(timeout=timeout_s),
    )


def _part(value: str) -> str:
    return quote(value, safe="")


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty: Stripe reads an empty value as a wish to clear it."""
    return {name: value for name, value in data.items() if value not in ("", None, {})}
