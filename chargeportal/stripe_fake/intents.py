"""PaymentIntents and SetupIntents: asking, reserving, taking and letting go."""

from __future__ import annotations

import secrets
from typing import Any

from chargeportal.stripe_fake import balance, cards
from chargeportal.stripe_fake.forms import as_bool
from chargeportal.stripe_fake.store import ApiError, Object, Store, shown

CANCELLABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")


def create(store: Store, data: dict[str, Any]) -> Object:
    """A PaymentIntent, confirmed at once if asked; raises ApiError 402 when the bank says no."""
    amount = _whole(data.get("amount"), "amount")
    if data.get("customer"):
        store.get(data["customer"], "customer")
    intent = store.new(
        "pi",
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_received=0,
        currency=str(data.get("currency", "")).lower(),
        customer=data.get("customer"),
        payment_method=None,
        capture_method=data.get("capture_method") or "automatic",
        confirmation_method="automatic",
        setup_future_usage=data.get("setup_future_usage"),
        description=data.get("description"),
        metadata=data.get("metadata") or {},
        status="requires_payment_method",
        last_payment_error=None,
        latest_charge=None,
        canceled_at=None,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{secrets.token_hex(8)}"
    if data.get("payment_method"):
        intent["payment_method"] = cards.named(store, data["payment_method"])["id"]
        intent["status"] = "requires_confirmation"
    store.emit("payment_intent.created", intent)
    return confirm(store, intent, data) if as_bool(data.get("confirm")) else intent


def confirm(store: Store, intent: Object, data: dict[str, Any]) -> Object:
    """The bank has been asked; raises ApiError 402 when it said no."""
    if data.get("payment_method"):
        intent["payment_method"] = cards.named(store, data["payment_method"])["id"]
    if not intent["payment_method"]:
        raise ApiError(400, "A payment method is missing.", code="payment_intent_unexpected_state")
    absent = as_bool(data.get("off_session"))
    method = store.get(intent["payment_method"], "payment_method")
    answer = cards.answer(method, moment="absent" if absent else "present")
    if answer == cards.APPROVE and not absent:
        intent["status"] = "requires_action"
        intent["next_action"] = {"type": "use_stripe_sdk"}
        store.emit("payment_intent.requires_action", intent)
        return intent
    if answer:
        return _fail(store, intent, answer)
    return approve(store, intent)


def approve(store: Store, intent: Object) -> Object:
    """The bank has paid, or holds the amount for us."""
    method = store.get(intent["payment_method"], "payment_method")
    held = intent["capture_method"] == "manual"
    intent.update(last_payment_error=None, next_action=None)
    charge = store.new(
        "ch",
        "charge",
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        captured=False,
        currency=intent["currency"],
        customer=intent["customer"],
        payment_intent=intent["id"],
        payment_method=method["id"],
        metadata=dict(intent["metadata"]),
        status="succeeded",
        paid=True,
        refunded=False,
        disputed=False,
        balance_transaction=None,
    )
    intent["latest_charge"] = charge["id"]
    if intent["setup_future_usage"]:
        method["_approved"] = True
        if intent["customer"]:
            cards.attach(store, method, intent["customer"])
    if held:
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        store.emit("payment_intent.amount_capturable_updated", intent)
        return intent
    _take(store, intent, charge, intent["amount"])
    if method["_behaves"]["disputed"]:
        balance.open_dispute(store, intent["id"], "fraudulent")
    return intent


def refuse(store: Store, intent: Object, code: str) -> Object:
    """The customer did not approve; raises ApiError 402."""
    return _fail(store, intent, code)


def capture(store: Store, intent_id: str, data: dict[str, Any]) -> Object:
    """That much of what is held is taken, the rest let go; raises ApiError 400."""
    intent = store.get(intent_id, "payment_intent")
    if intent["status"] != "requires_capture":
        raise _unexpected(intent, "captured")
    amount = _whole(data.get("amount_to_capture") or intent["amount_capturable"], "amount_to_capture")
    if amount > intent["amount_capturable"]:
        raise ApiError(
            400, "The amount is more than is held.", code="amount_too_large", param="amount_to_capture"
        )
    _take(store, intent, store.get(intent["latest_charge"], "charge"), amount)
    return intent


def cancel(store: Store, intent_id: str, data: dict[str, Any]) -> Object:
    """The intent is over and holds nothing; raises ApiError 400 when it has been paid."""
    intent = store.get(intent_id, "payment_intent")
    if intent["status"] not in CANCELLABLE:
        raise _unexpected(intent, "canceled")
    intent.update(status="canceled", amount_capturable=0, canceled_at=store.now())
    intent["cancellation_reason"] = data.get("cancellation_reason")
    store.emit("payment_intent.canceled", intent)
    return intent


def create_setup(store: Store, data: dict[str, Any]) -> Object:
    """A SetupIntent: a card is to be saved."""
    if data.get("customer"):
        store.get(data["customer"], "customer")
    setup = store.new(
        "seti",
        "setup_intent",
        customer=data.get("customer"),
        payment_method=None,
        usage=data.get("usage") or "off_session",
        status="requires_payment_method",
        metadata=data.get("metadata") or {},
        last_setup_error=None,
    )
    setup["client_secret"] = f"{setup['id']}_secret_{secrets.token_hex(8)}"
    if data.get("payment_method"):
        setup["payment_method"] = cards.named(store, data["payment_method"])["id"]
        setup["status"] = "requires_confirmation"
    return confirm_setup(store, setup, data) if as_bool(data.get("confirm")) else setup


def confirm_setup(store: Store, setup: Object, data: dict[str, Any]) -> Object:
    """The bank has been asked about the card; raises ApiError 402 when it said no."""
    if data.get("payment_method"):
        setup["payment_method"] = cards.named(store, data["payment_method"])["id"]
    method = store.get(setup["payment_method"], "payment_method")
    answer = cards.answer(method, moment="saved")
    if answer == cards.APPROVE:
        setup["status"] = "requires_action"
        return setup
    if answer:
        error = cards.declined(answer, intent=shown(setup), kind="setup_intent")
        setup.update(status="requires_payment_method", last_setup_error=error.body["error"])
        store.emit("setup_intent.setup_failed", setup)
        raise error
    return save_card(store, setup)


def save_card(store: Store, setup: Object) -> Object:
    """The card is saved with the customer."""
    method = store.get(setup["payment_method"], "payment_method")
    method["_approved"] = True
    setup["status"] = "succeeded"
    if setup["customer"]:
        cards.attach(store, method, setup["customer"])
    store.emit("setup_intent.succeeded", setup)
    return setup


def _take(store: Store, intent: Object, charge: Object, amount: int) -> None:
    charge.update(captured=True, amount_captured=amount)
    charge["balance_transaction"] = balance.move(store, "charge", amount, source=charge)["id"]
    intent.update(status="succeeded", amount_capturable=0, amount_received=amount)
    store.emit("charge.captured" if intent["capture_method"] == "manual" else "charge.succeeded", charge)
    store.emit("payment_intent.succeeded", intent)


def _fail(store: Store, intent: Object, code: str) -> Object:
    error = cards.declined(code)
    intent["status"] = "requires_payment_method"
    intent["last_payment_error"] = dict(error.body["error"])
    store.emit("payment_intent.payment_failed", intent)
    raise cards.declined(code, intent=shown(intent))


def _unexpected(intent: Object, what: str) -> ApiError:
    return ApiError(
        400,
        f"This PaymentIntent could not be {what} because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=shown(intent),
    )


def _whole(value: Any, param: str) -> int:
    try:
        amount = int(value)
    except (TypeError, ValueError):
        raise ApiError(
            400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=param
        ) from None
    if amount < 1:
        raise ApiError(
            400, "This value must be greater than 0.", code="parameter_invalid_integer", param=param
        )
    return amount
