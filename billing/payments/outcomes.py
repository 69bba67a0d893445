"""Brings our payments to what Stripe says of them, and lets each purpose do what follows.

Stripe's messages come late, twice and in any order, so none is taken at its word: whatever we hear, the
intent is fetched as it is now and ``apply_intent`` moves the payment's row under its lock, forward only.
Who moved the row does what follows, in the same transaction, and so exactly once:

    @after(Payment.Purpose.TOP_UP, Payment.State.SUCCEEDED)
    def credit_wallet(payment: Payment, *, now: dt.datetime) -> None: ...     # rows only, no network

    @after_refund(Payment.Purpose.TOP_UP)
    def take_from_wallet(refund: Refund, *, now: dt.datetime) -> None: ...    # the refund has succeeded

    @after_failed_refund(Payment.Purpose.TOP_UP)
    def put_back(refund: Refund, *, now: dt.datetime) -> None: ...            # it was refused, or came back

A purpose that moves its payments by itself (a guest's hold waits for the charger) is told instead, outside
of any transaction, each time there may be news:

    @told(Payment.Purpose.GUEST)
    def advance_payment(payment: Payment, *, now: dt.datetime) -> None: ...

The module that registers is imported by ``billing.receivers``.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing.events import PaymentFailed, PaymentRequiresAction, PaymentSucceeded
from billing.invoicing.settling import open_amount, settle
from billing.models import Invoice, InvoiceSettlement, Payment, Refund
from billing.payments.stripe_api import AUTHENTICATION
from billing.payments.stripe_objects import Intent
from chargeportal.common.events import publish

logger = logging.getLogger(__name__)

State = Payment.State
Follow = Callable[..., Any]

OPEN = frozenset((State.CREATED, State.REQUIRES_ACTION, State.PROCESSING, State.FAILED))
#: Where a payment may go from where it is; what is paid stays so.
_NEXT: dict[str, frozenset[str]] = {
    **{state: frozenset(State) - {State.CREATED, state} for state in OPEN},
    State.AUTHORISED: frozenset((State.SUCCEEDED, State.CANCELLED)),
    State.SUCCEEDED: frozenset(),
    # given up here, and paid all the same on a page or by an approval that was still open: money is money
    State.CANCELLED: frozenset((State.SUCCEEDED,)),
}
_STATES = {
    "requires_action": State.REQUIRES_ACTION,
    "processing": State.PROCESSING,
    "requires_capture": State.AUTHORISED,
    "succeeded": State.SUCCEEDED,
    "canceled": State.CANCELLED,
}
_PAYS_A_DOCUMENT = frozenset((Payment.Purpose.INVOICE, Payment.Purpose.SESSION))

_after: dict[tuple[str, str], list[Follow]] = defaultdict(list)
_after_refund: dict[str, list[Follow]] = defaultdict(list)
_after_failed_refund: dict[str, list[Follow]] = defaultdict(list)
_told: dict[str, Follow] = {}


def after(purpose: str, state: str) -> Callable[[Follow], Follow]:
    """The decorated function is called when a payment of the purpose has come to the state."""
    return lambda function: _kept(_after[purpose, state], function)


def after_refund(purpose: str) -> Callable[[Follow], Follow]:
    """The decorated function is called when a refund of a payment of the purpose has succeeded."""
    return lambda function: _kept(_after_refund[purpose], function)


def after_failed_refund(purpose: str) -> Callable[[Follow], Follow]:
    """The decorated function is called when a refund of a payment of the purpose has failed."""
    return lambda function: _kept(_after_failed_refund[purpose], function)


def told(purpose: str) -> Callable[[Follow], Follow]:
    """The decorated function moves the payments of the purpose; it is told when there may be news."""

    def register(function: Follow) -> Follow:
        _told[purpose] = function
        return function

    return register


def payment_of(intent: Intent) -> Payment | None:
    """Our payment for the intent: by its id, else by what the intent says of us."""
    found = Payment.objects.filter(stripe_payment_intent=intent.id).first()
    return found or named(intent.our_payment)


def named(public_id: str) -> Payment | None:
    """Our payment by its public id, as Stripe's objects name it."""
    try:
        return Payment.objects.filter(public_id=uuid.UUID(public_id)).first()
    except ValueError:
        return None


def apply_intent(intent: Intent, *, now: dt.datetime) -> Payment | None:
    """Our payment stands where the intent stands; None when the intent is none of ours.

    ``intent`` was fetched a moment ago. Applied twice, or after a later one, nothing changes.
    """
    payment = payment_of(intent)
    if payment is None:
        return None
    if payment.purpose in _told:
        tell(payment, now=now)
    else:
        with transaction.atomic():
            locked = Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
            if locked.stripe_payment_intent in {"", intent.id}:
                _move(locked, intent, now=now)
            else:
                logger.warning("Payment %s has another intent than %s", locked.public_id, intent.id)
    payment.refresh_from_db()
    return payment


def tell(payment: Payment, *, now: dt.datetime) -> bool:
    """The purpose's own code has been told of news; False when it has none."""
    function = _told.get(payment.purpose)
    if function is not None:
        function(payment, now=now)
    return function is not None


def give_up(payment: Payment, *, state: str, code: str = "", now: dt.datetime) -> bool:
    """A payment for which no money can come any more is closed; False when it had gone on."""
    with transaction.atomic():
        locked = Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
        if locked.state not in OPEN or locked.state == state:
            return False
        locked.state, locked.failure_code, locked.settled_at = state, code[:60], now
        locked.save(update_fields=["state", "failure_code", "settled_at"])
        _follow(locked, now=now)
    return True


def follow_refund(refund: Refund, *, now: dt.datetime) -> None:
    """The purpose has done what follows a refund that has succeeded; inside its transaction."""
    for function in _after_refund[refund.payment.purpose]:
        function(refund, now=now)


def follow_failed_refund(refund: Refund, *, now: dt.datetime) -> None:
    """The purpose has done what follows a refund that has failed; inside its transaction."""
    for function in _after_failed_refund[refund.payment.purpose]:
        function(refund, now=now)


def state_of(intent: Intent) -> str:
    """Our word for where an intent stands."""
    if intent.status != "requires_payment_method":
        return _STATES.get(intent.status, State.CREATED)
    if not intent.failure_code:
        return State.CREATED
    return State.REQUIRES_ACTION if intent.failure_code == AUTHENTICATION else State.FAILED


def _move(payment: Payment, intent: Intent, *, now: dt.datetime) -> None:
    payment.stripe_payment_intent = intent.id
    wanted = state_of(intent)
    moves = wanted in _NEXT[payment.state]
    if moves:
        payment.state = wanted
        payment.failure_code = intent.failure_code[:60] if wanted in OPEN else ""
        payment.settled_at = None if wanted in OPEN | {State.AUTHORISED} else now
        if wanted == State.AUTHORISED:
            payment.authorised = intent.capturable
        if wanted == State.SUCCEEDED:
            payment.authorised = max(payment.authorised, intent.received)
            payment.captured = intent.received
    payment.save()
    if moves:
        _follow(payment, now=now)


def _follow(payment: Payment, *, now: dt.datetime) -> None:
    """What follows from the state the payment has just come to."""
    if payment.state == State.SUCCEEDED:
        if payment.purpose in _PAYS_A_DOCUMENT and payment.invoice_id is not None:
            _settle(payment, payment.invoice_id, now=now)
        publish(PaymentSucceeded(payment.pk))
    elif payment.state == State.FAILED:
        publish(PaymentFailed(payment.pk, payment.failure_code))
    elif payment.state == State.REQUIRES_ACTION:
        publish(PaymentRequiresAction(payment.pk))
    for function in _after[payment.purpose, payment.state]:
        function(payment, now=now)


def _settle(payment: Payment, invoice_id: int, *, now: dt.datetime) -> None:
    """The document is paid; what was paid beyond it, because it had been paid elsewhere, goes back."""
    from billing.payments import refunds  # noqa: PLC0415 - refunds stand on outcomes

    invoice = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice_id)
    beyond = payment.captured - max(open_amount(invoice), Decimal(0))
    settle(
        invoice,
        kind=InvoiceSettlement.Kind.PAYMENT,
        amount=payment.captured,
        key=f"payment:{payment.stripe_payment_intent}",
        reference=payment.stripe_payment_intent,
        now=now,
    )
    # what waited for an approval elsewhere is not needed any more
    waiting = Payment.objects.filter(invoice=invoice, state=State.REQUIRES_ACTION).exclude(pk=payment.pk)
    waiting.update(state=State.CANCELLED, settled_at=now)
    if beyond > 0:
        refunds.request(payment, amount=beyond, reason="paid twice", key=f"refund:{payment.public_id}:beyond")


def _kept(functions: list[Follow], function: Follow) -> Follow:
    functions.append(function)
    return function
