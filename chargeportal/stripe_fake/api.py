"""The addresses of the API, and what each does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from chargeportal.stripe_fake import balance, cards, checkout, intents
from chargeportal.stripe_fake.store import ApiError, Object, Store, shown

Answer = Callable[[Store, dict[str, Any], str], Any]
PAGE_LENGTH = 10
LONGEST_PAGE = 100

#: Path below /v1/ → the kind of object that is kept there.
KINDS = {
    "customers": "customer",
    "payment_methods": "payment_method",
    "payment_intents": "payment_intent",
    "setup_intents": "setup_intent",
    "checkout/sessions": "checkout.session",
    "refunds": "refund",
    "charges": "charge",
    "disputes": "dispute",
    "balance_transactions": "balance_transaction",
    "payouts": "payout",
    "events": "event",
}
_PATH = re.compile(r"/v1/((?:checkout/)?\w+)(?:/([\w-]+)(?:/(\w+))?)?")


def answer(store: Store, method: str, path: str, data: dict[str, Any], *, address: str) -> Object:
    """What the API answers; raises ApiError."""
    match = _PATH.fullmatch(path)
    if match is None or match[1] not in KINDS:
        raise ApiError(404, f"Unrecognized request URL ({method}: {path}).")
    place, object_id, act = match.groups()
    if method == "GET" and object_id is None:
        return _page(store, KINDS[place], data)
    if method == "GET" and act is None:
        return shown(store.get(object_id, KINDS[place]))
    if method == "POST" and place == "checkout/sessions" and object_id is None:
        return shown(checkout.create(store, data, address=address))
    does = _POSTS.get((place, act if object_id else "create"))
    if method != "POST" or does is None:
        raise ApiError(404, f"Unrecognized request URL ({method}: {path}).")
    return shown(does(store, data, object_id or ""))


def test_hook(store: Store, name: str, data: dict[str, Any]) -> Object:
    """What nobody can ask of Stripe: contest a payment, decide it, pay out, let a refund fail."""
    hooks: dict[str, Callable[[], Object | None]] = {
        "disputes": lambda: balance.open_dispute(
            store, data["payment_intent"], data.get("reason", "fraudulent")
        ),
        "disputes/close": lambda: balance.close_dispute(store, data["dispute"], data["status"]),
        "payouts": lambda: balance.pay_out(store),
        "refunds/fail": lambda: balance.fail_refund(store, data["refund"]),
    }
    if name not in hooks:
        raise ApiError(404, f"No hook {name}")
    return shown(hooks[name]() or {})


def _create_customer(store: Store, data: dict[str, Any], _object_id: str) -> Object:
    metadata = data.get("metadata") or {}
    facts = {name: data.get(name) for name in ("name", "email", "phone", "description")}
    return store.new("cus", "customer", **facts, metadata=metadata, balance=0, currency=None)


def _update_customer(store: Store, data: dict[str, Any], object_id: str) -> Object:
    customer = store.get(object_id, "customer")
    customer.update({name: data[name] for name in ("name", "email", "metadata") if name in data})
    return customer


def _attach(store: Store, data: dict[str, Any], object_id: str) -> Object:
    method = cards.named(store, object_id)
    code = cards.answer(method, moment="saved")
    if code and code != cards.APPROVE:
        raise cards.declined(code)
    cards.attach(store, method, store.get(data["customer"], "customer")["id"])
    return method


def _confirm(store: Store, data: dict[str, Any], object_id: str) -> Object:
    intent = store.get(object_id, "payment_intent")
    if intent["status"] in {"succeeded", "canceled", "requires_capture"}:
        raise ApiError(
            400, "This PaymentIntent cannot be confirmed again.", code="payment_intent_unexpected_state"
        )
    return intents.confirm(store, intent, data)


_POSTS: dict[tuple[str, str | None], Answer] = {
    ("customers", "create"): _create_customer,
    ("customers", None): _update_customer,
    ("payment_methods", "create"): lambda store, data, _id: cards.make(store, data),
    ("payment_methods", "attach"): _attach,
    ("payment_methods", "detach"): lambda store, _data, object_id: cards.detach(
        store, store.get(object_id, "payment_method")
    ),
    ("payment_intents", "create"): lambda store, data, _id: intents.create(store, data),
    ("payment_intents", "confirm"): _confirm,
    ("payment_intents", "capture"): lambda store, data, object_id: intents.capture(store, object_id, data),
    ("payment_intents", "cancel"): lambda store, data, object_id: intents.cancel(store, object_id, data),
    ("setup_intents", "create"): lambda store, data, _id: intents.create_setup(store, data),
    ("setup_intents", "confirm"): lambda store, data, object_id: intents.confirm_setup(
        store, store.get(object_id, "setup_intent"), data
    ),
    ("checkout/sessions", "expire"): lambda store, _data, object_id: checkout.expire(store, object_id),
    ("refunds", "create"): lambda store, data, _id: balance.refund(store, data),
}


def _page(store: Store, kind: str, data: dict[str, Any]) -> Object:
    found = [one for one in reversed(store.all(kind)) if _matches(one, data)]
    if data.get("starting_after"):
        ids = [one["id"] for one in found]
        found = found[ids.index(data["starting_after"]) + 1 :] if data["starting_after"] in ids else []
    length = min(int(data.get("limit") or PAGE_LENGTH), LONGEST_PAGE)
    page = [shown(one) for one in found[:length]]
    if "data.source" in (data.get("expand") or []):
        page = [{**one, "source": shown(store.objects.get(one.get("source", ""), {}))} for one in page]
    return {"object": "list", "data": page, "has_more": len(found) > length, "url": "/v1"}


def _matches(one: Object, data: dict[str, Any]) -> bool:
    wanted = {name: data[name] for name in ("customer", "payment_intent", "type", "status") if name in data}
    if any(one.get(name) != value for name, value in wanted.items()):
        return False
    if "payout" in data and one.get("_payout") != data["payout"]:
        return False
    created = data.get("created") or {}
    bounds = {"gte": int.__ge__, "gt": int.__gt__, "lt": int.__lt__, "lte": int.__le__}
    return all(bounds[name](one["created"], int(value)) for name, value in created.items())
