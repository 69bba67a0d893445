"""The test cards, and how each behaves. Of a card's number nothing is kept but its last four digits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from chargeportal.stripe_fake.store import ApiError, Object, Store

OK = ""
APPROVE = "authentication_required"


@dataclass(frozen=True, slots=True)
class TestCard:
    """What happens when the card is saved, charged with the customer there, and charged without."""

    brand: str
    saved: str = OK
    present: str = OK
    absent: str = OK
    token: str = ""
    disputed: bool = False
    approved_once: bool = False


CARDS = {
    "4242424242424242": TestCard("visa", token="pm_card_visa"),  # noqa: S106 - the name of a test card
    "5555555555554444": TestCard("mastercard", token="pm_card_mastercard"),  # noqa: S106
    "4000000000000002": TestCard("visa", "generic_decline", "generic_decline", "generic_decline"),
    "4000000000009995": TestCard("visa", "insufficient_funds", "insufficient_funds", "insufficient_funds"),
    "4000000000000069": TestCard("visa", "expired_card", "expired_card", "expired_card"),
    "4000000000000341": TestCard(
        "visa", OK, "generic_decline", "generic_decline", "pm_card_chargeCustomerFail"
    ),
    "4000002500003155": TestCard("visa", APPROVE, APPROVE, APPROVE, approved_once=True),
    "4000002760003184": TestCard("visa", APPROVE, APPROVE, APPROVE, "pm_card_authenticationRequired"),
    "4000000000000259": TestCard("visa", token="pm_card_createDispute", disputed=True),  # noqa: S106
}
_BY_TOKEN = {card.token: number for number, card in CARDS.items() if card.token}


def make(store: Store, data: dict[str, Any]) -> Object:
    """A payment method for a card, or for one of the names of test cards; raises ApiError."""
    card = data.get("card") or {}
    number = _BY_TOKEN.get(data.get("token", ""), str(card.get("number", "")).replace(" ", ""))
    found = CARDS.get(number)
    if found is None:
        raise ApiError(402, "Your card number is incorrect.", code="incorrect_number", param="number")
    return store.new(
        "pm",
        "payment_method",
        type="card",
        customer=None,
        billing_details={"email": None, "name": None},
        metadata={},
        card={
            "brand": found.brand,
            "last4": number[-4:],
            "exp_month": int(card.get("exp_month") or 12),
            "exp_year": int(card.get("exp_year") or 2034),
            "funding": "credit",
            "country": "SE",
        },
        _behaves=asdict(found),
        _approved=False,
    )


def named(store: Store, name: str) -> Object:
    """The payment method of that id; the name of a test card makes a new one."""
    return make(store, {"token": name}) if name in _BY_TOKEN else store.get(name, "payment_method")


def attach(store: Store, method: Object, customer: str) -> None:
    """The card is the customer's."""
    if method["customer"] != customer:
        method["customer"] = customer
        store.emit("payment_method.attached", method)


def detach(store: Store, method: Object) -> Object:
    """The card is nobody's any more, and cannot be charged."""
    method["customer"] = None
    method["_behaves"] = {**method["_behaves"], "present": "card_declined", "absent": "card_declined"}
    store.emit("payment_method.detached", method)
    return method


def answer(method: Object, *, moment: str) -> str:
    """The bank's answer (``saved``, ``present`` or ``absent``): OK, APPROVE or a decline code."""
    behaves = method["_behaves"]
    if moment == "absent" and behaves["approved_once"] and method["_approved"]:
        return OK
    return behaves[moment]


def declined(code: str, *, intent: Object | None = None, kind: str = "payment_intent") -> ApiError:
    """The error of a card that was not charged."""
    facts: dict[str, Any] = {"code": "card_declined", "decline_code": code}
    if code in {APPROVE, "expired_card"}:
        facts = {"code": code, "decline_code": code if code == APPROVE else None}
    if intent is not None:
        facts[kind] = intent
    return ApiError(402, "Your card was declined.", **facts)
