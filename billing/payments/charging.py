"""Charges saved cards without the customer: for a receipt after the session, for an invoice when due."""

from __future__ import annotations

import datetime as dt
import logging

from django.db import IntegrityError, transaction

from billing.invoicing.settling import open_amount
from billing.models import Card, Invoice, Payment
from billing.payments import outcomes, stripe_api
from billing.payments.customers import stripe_customer
from billing.payments.stripe_api import Declined, PaymentsAreOff, Refused, Unreachable
from billing.payments.stripe_objects import Intent
from chargeportal.common.money import Money

logger = logging.getLogger(__name__)

State = Payment.State

NO_CARD = "no_card"
#: Stripe remembers an idempotency key for a day; later we look whether the intent was made.
KEY_IS_KNOWN = dt.timedelta(hours=20)


class NothingToPay(ValueError):
    """The document is paid, or gives money back."""


def default_card(account_id: int | None) -> Card | None:
    """The card of the account that is charged first."""
    cards = Card.objects.filter(account=account_id, removed_at=None)
    return cards.order_by("-is_default", "-added_at").first() if account_id is not None else None


def charge_invoice(invoice: Invoice, *, now: dt.datetime, attempt_key: str) -> Payment:
    """What is open on the document has been asked of the account's card; says how that ended.

    The same ``attempt_key`` is one attempt, however often it is made. A payment of the document that is
    still on its way is followed up instead of beginning another. Without a card the payment has FAILED with
    `no_card`; with SCA it REQUIRES_ACTION and the customer gets a mail. Raises NothingToPay, and
    PaymentsError when Stripe cannot be asked: the sweep asks again, under the same key.
    """
    if not stripe_api.is_on():
        raise PaymentsAreOff
    payment = _attempt(invoice, attempt_key=attempt_key)
    if payment.state in {State.CREATED, State.PROCESSING}:
        return ask(payment, now=now)
    return payment


def ask(payment: Payment, *, now: dt.datetime) -> Payment:
    """The payment's card has been asked, once; the row says how it ended. Raises PaymentsError."""
    if payment.stripe_payment_intent:
        intent = stripe_api.payment_intent(payment.stripe_payment_intent)
    elif payment.account is None or payment.card is None:
        outcomes.give_up(payment, state=State.FAILED, code=NO_CARD, now=now)
        payment.refresh_from_db()
        return payment
    else:
        try:
            intent = _asked(payment, now=now)
        except Refused as refused:
            return _given_up(payment, refused, now=now)
    return outcomes.apply_intent(intent, now=now) or payment


def unfinished_ids(*, now: dt.datetime, most: int) -> list[int]:
    """Charges whose outcome we do not know: a worker died, or Stripe did not answer."""
    waiting = Payment.objects.filter(
        state__in=(State.CREATED, State.PROCESSING),
        card__isnull=False,
        created_at__lt=now - dt.timedelta(minutes=2),
    )
    return list(waiting.order_by("created_at").values_list("pk", flat=True)[:most])


def _attempt(invoice: Invoice, *, attempt_key: str) -> Payment:
    key = f"charge:{invoice.public_id}:{attempt_key}"
    existing = Payment.objects.filter(idempotency_key=key).first() or _on_its_way(invoice)
    if existing is not None:
        return existing
    amount = open_amount(invoice)
    if amount <= 0:
        raise NothingToPay(f"{invoice.full_number} is paid")
    try:
        with transaction.atomic():
            return Payment.objects.create(
                operator_id=invoice.operator_id,
                account_id=invoice.account_id,
                purpose=Payment.Purpose.SESSION
                if invoice.kind == Invoice.Kind.RECEIPT
                else Payment.Purpose.INVOICE,
                session_id=_session_id(invoice),
                invoice=invoice,
                card=default_card(invoice.account_id),
                currency=invoice.currency,
                requested=amount,
                idempotency_key=key,
            )
    except IntegrityError:  # somebody was faster
        return Payment.objects.get(idempotency_key=key)


def _on_its_way(invoice: Invoice) -> Payment | None:
    """A charge of the document that may still bring money."""
    on_its_way = (State.CREATED, State.PROCESSING, State.AUTHORISED)
    return invoice.payments.filter(state__in=on_its_way, card__isnull=False).order_by("pk").first()


def _asked(payment: Payment, *, now: dt.datetime) -> Intent:
    assert payment.account is not None  # noqa: S101 - both were checked by the caller
    assert payment.card is not None  # noqa: S101
    customer = stripe_customer(payment.account)
    if now - payment.created_at > KEY_IS_KNOWN:
        made = stripe_api.intent_of(customer, payment=str(payment.public_id))
        if made is not None:
            return made
    Payment.objects.filter(pk=payment.pk).update(attempts=payment.attempts + 1)
    try:
        return stripe_api.charge_card(
            Money(payment.requested, payment.currency),
            customer=customer,
            card=payment.card.stripe_id,
            text=payment.invoice.full_number if payment.invoice else payment.get_purpose_display(),
            payment=str(payment.public_id),
            key=payment.idempotency_key,
        )
    except Declined as declined:
        if declined.intent is None:
            raise Unreachable("declined without an intent") from declined
        return declined.intent


def _given_up(payment: Payment, refused: Refused, *, now: dt.datetime) -> Payment:
    """What Stripe will not do, however often it is asked, has FAILED, unless it was done before.

    The card was removed at Stripe, say, or the amount is less than it takes.
    """
    logger.warning("Stripe does not charge payment %s: %s", payment.public_id, refused.code or refused)
    made = _made_before(payment)
    if made is not None:
        return outcomes.apply_intent(made, now=now) or payment
    outcomes.give_up(payment, state=State.FAILED, code=refused.code or "refused", now=now)
    payment.refresh_from_db()
    return payment


def _made_before(payment: Payment) -> Intent | None:
    assert payment.account is not None  # noqa: S101 - was checked by the caller
    try:
        return stripe_api.intent_of(stripe_customer(payment.account), payment=str(payment.public_id))
    except Refused:  # Stripe does not know the customer: nobody was charged
        return None


def _session_id(invoice: Invoice) -> int | None:
    if invoice.kind != Invoice.Kind.RECEIPT:
        return None
    return invoice.billed_cdrs.values_list("cdr__session_id", flat=True).first()
