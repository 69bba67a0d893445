"""What Stripe answers, as plain facts in our own terms: amounts in Decimal, instants aware."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from chargeportal.common.money import Money

#: The metadata entry by which Stripe's objects name our payment (its ``public_id``).
OUR_PAYMENT = "payment"


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent. ``status`` is Stripe's word; amounts are in the currency's units, not in öre."""

    id: str
    status: str
    currency: str
    amount: Decimal
    capturable: Decimal
    received: Decimal
    customer: str = ""
    card: str = ""
    failure_code: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def our_payment(self) -> str:
        """The public id of our payment, empty when it is none of ours."""
        return self.metadata.get(OUR_PAYMENT, "")


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A visit to the payment page. ``url`` is empty once it is over."""

    id: str
    status: str
    mode: str
    url: str = ""
    payment_status: str = ""
    intent: str = ""
    setup_intent: str = ""
    customer: str = ""
    email: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def our_payment(self) -> str:
        """The public id of our payment, empty when it is none of ours."""
        return self.metadata.get(OUR_PAYMENT, "")


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A way to pay that Stripe keeps: never more of a card than this."""

    id: str
    kind: str
    brand: str = ""
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
    customer: str = ""


@dataclass(frozen=True, slots=True)
class SetupIntent:
    """The saving of a card for later."""

    id: str
    status: str
    customer: str = ""
    card: str = ""
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """Money on its way back. ``status``: pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    amount: Decimal
    currency: str
    intent: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A contested payment as Stripe tells it."""

    id: str
    status: str
    amount: Decimal
    currency: str
    reason: str
    intent: str
    opened_at: dt.datetime
    evidence_due_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """One balance transaction; ``source`` is what it is about (a charge, refund, dispute or payout)."""

    id: str
    type: str
    category: str
    source: str
    intent: str
    payout: str
    amount: Decimal
    fee: Decimal
    net: Decimal
    currency: str
    created_at: dt.datetime
    available_at: dt.datetime


def intent(data: dict[str, Any]) -> Intent:
    """The facts of a PaymentIntent."""
    currency = data["currency"].upper()
    error = data.get("last_payment_error") or {}
    return Intent(
        id=data["id"],
        status=data["status"],
        currency=currency,
        amount=_units(data["amount"], currency),
        capturable=_units(data.get("amount_capturable"), currency),
        received=_units(data.get("amount_received"), currency),
        customer=_id(data.get("customer")),
        card=_id(data.get("payment_method")),
        failure_code=error.get("decline_code") or error.get("code") or "",
        metadata=dict(data.get("metadata") or {}),
    )


def checkout_session(data: dict[str, Any]) -> CheckoutSession:
    """The facts of a Checkout Session."""
    details = data.get("customer_details") or {}
    return CheckoutSession(
        id=data["id"],
        status=data.get("status") or "",
        mode=data.get("mode") or "",
        url=data.get("url") or "",
        payment_status=data.get("payment_status") or "",
        intent=_id(data.get("payment_intent")),
        setup_intent=_id(data.get("setup_intent")),
        customer=_id(data.get("customer")),
        email=details.get("email") or data.get("customer_email") or "",
        metadata=dict(data.get("metadata") or {}),
    )


def card(data: dict[str, Any]) -> CardFacts:
    """The facts of a PaymentMethod; brand and digits only when it is a card."""
    of_card = data.get("card") or {}
    return CardFacts(
        id=data["id"],
        kind=data.get("type") or "card",
        brand=of_card.get("brand") or "",
        last4=of_card.get("last4") or "",
        exp_month=of_card.get("exp_month"),
        exp_year=of_card.get("exp_year"),
        customer=_id(data.get("customer")),
    )


def setup_intent(data: dict[str, Any]) -> SetupIntent:
    """The facts of a SetupIntent."""
    return SetupIntent(
        id=data["id"],
        status=data["status"],
        customer=_id(data.get("customer")),
        card=_id(data.get("payment_method")),
        client_secret=data.get("client_secret") or "",
    )


def refund(data: dict[str, Any]) -> RefundFacts:
    """The facts of a refund."""
    currency = data["currency"].upper()
    return RefundFacts(
        id=data["id"],
        status=data.get("status") or "succeeded",
        amount=_units(data["amount"], currency),
        currency=currency,
        intent=_id(data.get("payment_intent")),
        metadata=dict(data.get("metadata") or {}),
    )


def dispute(data: dict[str, Any]) -> DisputeFacts:
    """The facts of a dispute."""
    currency = data["currency"].upper()
    due = (data.get("evidence_details") or {}).get("due_by")
    return DisputeFacts(
        id=data["id"],
        status=data["status"],
        amount=_units(data["amount"], currency),
        currency=currency,
        reason=data.get("reason") or "",
        intent=_id(data.get("payment_intent")),
        opened_at=instant(data["created"]),
        evidence_due_at=instant(due) if due else None,
    )


def movement(data: dict[str, Any], *, payout: str = "") -> Movement:
    """The facts of a balance transaction whose ``source`` was expanded or not."""
    currency = data["currency"].upper()
    source = data.get("source")
    about = source if isinstance(source, dict) else {}
    return Movement(
        id=data["id"],
        type=data["type"],
        category=data.get("reporting_category") or data["type"],
        source=_id(source),
        intent=_id(about.get("payment_intent")),
        payout=payout,
        amount=_units(data["amount"], currency),
        fee=_units(data["fee"], currency),
        net=_units(data["net"], currency),
        currency=currency,
        created_at=instant(data["created"]),
        available_at=instant(data["available_on"]),
    )


def instant(seconds: int) -> dt.datetime:
    """The aware instant for seconds since 1970."""
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def _units(minor: int | None, currency: str) -> Decimal:
    return Money.from_minor_units(minor or 0, currency=currency).amount


def _id(value: Any) -> str:
    """The id of an object that may be given as a whole, by its id, or not at all."""
    return (value.get("id") if isinstance(value, dict) else value) or ""
