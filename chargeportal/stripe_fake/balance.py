"""The balance of the pretended account: charges with their fees, refunds, disputes and payouts."""

from __future__ import annotations

from typing import Any

from chargeportal.stripe_fake.store import ApiError, Object, Store

#: 1.5 % and 1.80 kr, as a Swedish account pays for European cards; a lost dispute costs 150 kr.
FEE_PER_MILLE = 15
FEE_FIXED = 180
DISPUTE_FEE = 15_000
AVAILABLE_AFTER_S = 3 * 86_400
WON, LOST = "won", "lost"


def move(store: Store, kind: str, amount: int, *, source: Object, fee: int | None = None) -> Object:
    """The balance has moved by the amount less the fee (that of a card charge unless told)."""
    if fee is None:
        fee = (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED if kind == "charge" else 0
    category = {"adjustment": "dispute" if amount < 0 else "dispute_reversal"}.get(kind, kind)
    return store.new(
        "txn",
        "balance_transaction",
        type=kind,
        reporting_category=category,
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency=source["currency"],
        available_on=store.now() + AVAILABLE_AFTER_S,
        source=source["id"],
        status="pending",
        _payout="",
    )


def refund(store: Store, data: dict[str, Any]) -> Object:
    """Money goes back to the card; raises ApiError 400 beyond what was taken."""
    charge = _charge_of(store, data)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = int(data.get("amount") or left)
    if amount < 1 or amount > left:
        code = "charge_already_refunded" if not left else "amount_too_large"
        raise ApiError(400, "Refund amount is greater than unrefunded amount.", code=code, param="amount")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    made = store.new(
        "re",
        "refund",
        amount=amount,
        currency=charge["currency"],
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        reason=data.get("reason"),
        metadata=data.get("metadata") or {},
        status="succeeded",
    )
    made["balance_transaction"] = move(store, "refund", -amount, source=made)["id"]
    store.emit("refund.created", made)
    store.emit("charge.refunded", charge)
    return made


def fail_refund(store: Store, refund_id: str) -> Object:
    """The bank has sent the money back to us: the card is closed."""
    made = store.get(refund_id, "refund")
    made["status"] = "failed"
    charge = store.get(made["charge"], "charge")
    charge["amount_refunded"] -= made["amount"]
    charge["refunded"] = False
    move(store, "refund_failure", made["amount"], source=made)
    store.emit("refund.updated", made)
    return made


def open_dispute(store: Store, intent_id: str, reason: str = "fraudulent") -> Object:
    """The cardholder contests the payment: its amount and a fee have left the balance."""
    charge = _charge_of(store, {"payment_intent": intent_id})
    charge["disputed"] = True
    dispute = store.new(
        "du",
        "dispute",
        amount=charge["amount_captured"] - charge["amount_refunded"],
        currency=charge["currency"],
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="needs_response",
        evidence_details={"due_by": store.now() + 7 * 86_400},
        metadata={},
    )
    move(store, "adjustment", -dispute["amount"], source=dispute, fee=DISPUTE_FEE)
    store.emit("charge.dispute.created", dispute)
    store.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(store: Store, dispute_id: str, status: str) -> Object:
    """The bank has decided: won brings the amount back, lost leaves it gone."""
    dispute = store.get(dispute_id, "dispute")
    dispute["status"] = status
    store.emit("charge.dispute.closed", dispute)
    if status == WON:
        move(store, "adjustment", dispute["amount"], source=dispute)
        store.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def pay_out(store: Store) -> Object | None:
    """All that was not paid out yet is on its way to the bank; None when there is nothing."""
    waiting = [found for found in store.all("balance_transaction") if not found["_payout"]]
    total = sum(found["net"] for found in waiting)
    if total <= 0:
        return None
    payout = store.new(
        "po",
        "payout",
        amount=total,
        currency=waiting[0]["currency"],
        arrival_date=store.now() + 86_400,
        status="paid",
        automatic=True,
        metadata={},
    )
    own = move(store, "payout", -total, source=payout)
    payout["balance_transaction"] = own["id"]
    for found in [*waiting, own]:
        found["_payout"] = payout["id"]
    store.emit("payout.paid", payout)
    return payout


def _charge_of(store: Store, data: dict[str, Any]) -> Object:
    if data.get("charge"):
        charge = store.get(data["charge"], "charge")
    else:
        intent = store.get(str(data.get("payment_intent")), "payment_intent")
        if not intent["latest_charge"]:
            raise ApiError(400, "This PaymentIntent has no successful charge.", param="payment_intent")
        charge = store.get(intent["latest_charge"], "charge")
    if not charge["captured"]:
        raise ApiError(400, "This charge has not been captured.", code="charge_not_captured")
    return charge
