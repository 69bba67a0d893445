"""Checkout Sessions: a visit to the payment page, from its opening to paid, given up or expired."""

from __future__ import annotations

import secrets
from typing import Any

from chargeportal.stripe_fake import cards, intents
from chargeportal.stripe_fake.store import ApiError, Object, Store

OPEN_FOR_S = 24 * 3600


def create(store: Store, data: dict[str, Any], *, address: str) -> Object:
    """A payment page is open."""
    mode = data.get("mode")
    if mode not in {"payment", "setup"}:
        raise ApiError(400, f"Invalid mode: {mode}", code="parameter_invalid", param="mode")
    if data.get("customer"):
        store.get(data["customer"], "customer")
    items = data.get("line_items") or []
    total = sum(int(item["price_data"]["unit_amount"]) * int(item.get("quantity") or 1) for item in items)
    if mode == "payment" and total < 1:
        raise ApiError(400, "The total must be greater than 0.", code="amount_too_small", param="line_items")
    currency = items[0]["price_data"]["currency"] if items else data.get("currency")
    session = store.new(
        "cs_test",
        "checkout.session",
        mode=mode,
        status="open",
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        amount_total=total if mode == "payment" else None,
        currency=currency,
        customer=data.get("customer"),
        customer_email=data.get("customer_email"),
        customer_details=None,
        client_reference_id=data.get("client_reference_id"),
        locale=data.get("locale") or "auto",
        metadata=data.get("metadata") or {},
        payment_intent=None,
        setup_intent=None,
        success_url=data.get("success_url"),
        cancel_url=data.get("cancel_url"),
        expires_at=int(data.get("expires_at") or store.now() + OPEN_FOR_S),
        _text=items[0]["price_data"]["product_data"]["name"] if items else "",
        _intent_data=data.get("payment_intent_data") or {},
        _waiting="",
    )
    session["url"] = f"{address}/c/pay/{session['id']}"
    session["_secret"] = secrets.token_hex(8)
    return session


def expire(store: Store, session_id: str) -> Object:
    """Nobody can pay on the page any more; raises ApiError 400 when it was over."""
    session = store.get(session_id, "checkout.session")
    if session["status"] != "open":
        raise ApiError(400, "Only Checkout Sessions with a status in [open] can be expired.")
    session.update(status="expired", url=None)
    store.emit("checkout.session.expired", session)
    return session


def expire_old(store: Store) -> bool:
    """Sessions past their time are expired; says whether there were any."""
    old = [
        found["id"]
        for found in store.all("checkout.session")
        if found["status"] == "open" and found["expires_at"] <= store.now()
    ]
    for session_id in old:
        expire(store, session_id)
    return bool(old)


def enter_card(store: Store, session: Object, form: dict[str, str]) -> str:
    """The customer has entered a card: `paid`, or `approve` when the bank asks first. Raises ApiError."""
    month, _, year = form.get("expiry", "").replace(" ", "").partition("/")
    card = {"number": form.get("number", ""), "exp_month": month or 12, "exp_year": f"20{year or 34}"}
    method = cards.make(store, {"card": card})
    method["billing_details"] = {"email": form.get("email"), "name": form.get("name")}
    session["customer_details"] = {"email": form.get("email") or session["customer_email"]}
    asked = (
        _ask_to_save(store, session, method) if session["mode"] == "setup" else _ask(store, session, method)
    )
    session["_waiting"] = asked["id"]
    if asked["status"] == "requires_action":
        return "approve"
    _complete(store, session, asked)
    return "paid"


def answer_bank(store: Store, session: Object, *, approves: bool) -> None:
    """The customer has approved or refused in the bank's app; a refusal raises ApiError 402."""
    asked = store.objects[session["_waiting"]]
    if asked["status"] != "requires_action":
        return
    if not approves:
        asked["status"] = "requires_payment_method"
        if asked["object"] == "payment_intent":
            intents.refuse(store, asked, "payment_intent_authentication_failure")
        raise cards.declined("setup_intent_authentication_failure")
    if asked["object"] == "payment_intent":
        intents.approve(store, asked)
    else:
        intents.save_card(store, asked)
    _complete(store, session, asked)


def _ask(store: Store, session: Object, method: Object) -> Object:
    wished = session["_intent_data"]
    asked = store.objects.get(session["_waiting"])
    if asked is None:
        asked = intents.create(
            store,
            {
                **wished,
                "amount": session["amount_total"],
                "currency": session["currency"],
                "customer": session["customer"],
            },
        )
        session["_waiting"] = asked["id"]
    return intents.confirm(store, asked, {"payment_method": method["id"]})


def _ask_to_save(store: Store, session: Object, method: Object) -> Object:
    setup = intents.create_setup(store, {"customer": session["customer"], "metadata": session["metadata"]})
    return intents.confirm_setup(store, setup, {"payment_method": method["id"]})


def _complete(store: Store, session: Object, asked: Object) -> None:
    session.update(status="complete", url=None)
    session["payment_intent" if asked["object"] == "payment_intent" else "setup_intent"] = asked["id"]
    if asked["status"] == "succeeded" and session["mode"] == "payment":
        session["payment_status"] = "paid"
    store.emit("checkout.session.completed", session)
