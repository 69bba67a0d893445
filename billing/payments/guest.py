"""A guest charges without an account: from the price at the outlet to a car that charges.

The way of a checkout: at the payment page -> amount reserved -> starting -> charging -> done; or expired,
or failed with the hold released. ``advance`` takes it as far as it can go now and may be called by
anybody at any time: the page the guest comes back to, the card processor's message, the sweep. Each step
locks the checkout's row and looks at its state first, so that of two callers one does it.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import IdToken
from billing.customers import operator_id_at
from billing.invoicing import parties
from billing.invoicing.drafts import CannotIssue
from billing.models import GuestCheckout, Payment
from billing.payments import guest_end, stripe_api
from billing.payments.stripe_objects import Intent
from billing.price_groups import Driver
from billing.price_lists import price_list_of
from billing.tariff_selection import tariff_for
from chargeportal.common.money import Money
from chargeportal.live import hints
from sessions.models import ChargingSession, StartRequest
from sessions.remote_control import (
    PATIENCE,
    StartRefused,
    refuse_unless_free,
    request_guest_start,
    settle_request,
)
from stations.models import Evse

logger = logging.getLogger(__name__)

State = GuestCheckout.State
GUEST = Driver(is_guest=True)
#: How long the payment page stays open; the card processor wants at least half an hour.
PAGE_OPEN = dt.timedelta(minutes=35)
#: How long after the charger has stopped waiting for the car its word of a start is still believed.
TOKEN_OUTLIVES = dt.timedelta(minutes=10)
TOKEN_BYTES = 20


class CannotPay(Exception):
    """A guest cannot pay here; the message says why."""


def new_token() -> str:
    """An unguessable name for a guest's page: letters and digits only, as live pages want them."""
    return secrets.token_hex(TOKEN_BYTES)


def hold_for(evse: Evse, *, now: dt.datetime) -> Money:
    """How much is reserved on the card of a guest at the outlet. Raises CannotPay."""
    tariff = tariff_for(evse.pk, at=now, driver=GUEST)
    if tariff is None or price_list_of(tariff).is_free:
        raise CannotPay(_("Charging is free of charge here. Start with an account or a charging card."))
    amount = settings.GUEST_HOLD_AMOUNT.get(tariff.currency)
    if amount is None:
        raise CannotPay(_("Guests cannot pay in %(currency)s.") % {"currency": tariff.currency})
    return Money(amount, tariff.currency)


def open_checkout(evse: Evse, *, token: str, email: str, language: str, now: dt.datetime) -> GuestCheckout:
    """The guest's checkout, made now unless the token has one; another click finds the first one's.

    Raises: CannotPay, StartRefused (nobody pays for an outlet that could not start).
    """
    existing = GuestCheckout.objects.filter(token=token).first()
    if existing is not None:
        return existing
    refuse_unless_free(evse, now=now)
    hold = hold_for(evse, now=now)
    operator_id = _seller_at(evse)
    try:
        with transaction.atomic():
            payment = Payment.objects.create(
                operator_id=operator_id,
                purpose=Payment.Purpose.GUEST,
                currency=hold.currency,
                requested=hold.amount,
                idempotency_key=f"guest:{token}",
            )
            return GuestCheckout.objects.create(
                token=token,
                evse=evse,
                tariff=tariff_for(evse.pk, at=now, driver=GUEST),
                email=email,
                language=language,
                payment=payment,
                expires_at=(now + PAGE_OPEN).replace(microsecond=0),
            )
    except IntegrityError:  # the other click was faster
        return GuestCheckout.objects.get(token=token)


def payment_page(checkout: GuestCheckout, *, success_url: str, cancel_url: str) -> str:
    """The address of the page on which the guest pays; asked again it is the same one.

    Raises: stripe_api.PaymentsError.
    """
    payment = checkout.payment
    place = checkout.evse.station.location or checkout.evse.station
    page = stripe_api.start_page(
        stripe_api.Page(
            amount=Money(payment.requested, payment.currency),
            text=_("Charging at %(place)s, the most that can be charged") % {"place": place},
            success_url=success_url,
            cancel_url=cancel_url,
            payment=str(payment.public_id),
            language=checkout.language,
            email=checkout.email,
            hold=True,
            expires_at=checkout.expires_at,
        ),
        key=f"page:{payment.public_id}",
    )
    GuestCheckout.objects.filter(pk=checkout.pk, stripe_checkout_session="").update(
        stripe_checkout_session=page.id
    )
    return page.url


def advance(checkout_id: int, *, now: dt.datetime) -> GuestCheckout:
    """The checkout has gone as far as it can go now, and what must be captured or released has been.

    Raises: stripe_api.PaymentsError when the card processor cannot be asked; the sweep asks again.
    """
    checkout = GuestCheckout.objects.get(pk=checkout_id)
    if checkout.state in {State.CHECKOUT, State.EXPIRED}:
        _take_payment(checkout, now=now)
    _begin(checkout_id, now=now)
    _follow(checkout_id, now=now)
    guest_end.finish(checkout_id, now=now)
    guest_end.release(checkout_id, now=now)
    return GuestCheckout.objects.select_related("payment", "evse", "start_request__command").get(
        pk=checkout_id
    )


def advance_payment(payment: Payment, *, now: dt.datetime) -> GuestCheckout | None:
    """The same, for the checkout that the payment belongs to."""
    checkout = GuestCheckout.objects.filter(payment=payment).first()
    return None if checkout is None else advance(checkout.pk, now=now)


def follow(checkout: GuestCheckout, *, now: dt.datetime) -> GuestCheckout:
    """What the charger has said by now is on the checkout; asks nobody outside."""
    if checkout.state == State.STARTING:
        _follow(checkout.pk, now=now)
        checkout.refresh_from_db()
    return checkout


def can_pay_at(evse: Evse) -> bool:
    """Whether guests can pay at the outlet at all: there is a card processor and a seller."""
    try:
        _seller_at(evse)
    except CannotPay:
        return False
    return True


def _seller_at(evse: Evse) -> int:
    """The operator that sells here and may issue receipts. Raises CannotPay."""
    operator_id = operator_id_at(evse)
    try:
        if operator_id is not None and stripe_api.is_on():
            parties.seller_facts(parties.profile_of(operator_id))
            return operator_id
    except CannotIssue:
        logger.warning("Operator %s has no complete seller's facts: guests cannot pay", operator_id)
    raise CannotPay(_("Guests cannot pay here yet. Start with an account or a charging card."))


def _take_payment(checkout: GuestCheckout, *, now: dt.datetime) -> None:
    """What happened on the payment page: the amount is reserved, or the time is over."""
    is_over = checkout.expires_at <= now
    payment = checkout.payment
    is_unpaid = payment.state in {Payment.State.CREATED, Payment.State.CANCELLED}
    if checkout.stripe_checkout_session and is_unpaid and not payment.stripe_payment_intent:
        page = stripe_api.checkout_session(checkout.stripe_checkout_session)
        intent = stripe_api.payment_intent(page.intent) if page.intent else None
        if intent is not None and intent.status == "requires_capture":
            _reserved(checkout.pk, intent, email=page.email)
            return
        is_over = is_over or page.status == "expired"
    if is_over:
        GuestCheckout.objects.filter(pk=checkout.pk, state=State.CHECKOUT).update(state=State.EXPIRED)
        Payment.objects.filter(pk=checkout.payment_id, state=Payment.State.CREATED).update(
            state=Payment.State.CANCELLED, settled_at=now
        )


def _reserved(checkout_id: int, intent: Intent, *, email: str) -> None:
    """The hold is on the payment; a checkout whose time was over already keeps its state and is released."""
    with transaction.atomic():
        checkout = guest_end.locked(checkout_id)
        payment = checkout.payment
        if payment.state not in {Payment.State.CREATED, Payment.State.CANCELLED}:
            return
        payment.state = Payment.State.AUTHORISED
        payment.authorised, payment.stripe_payment_intent = intent.capturable, intent.id
        payment.save(update_fields=["state", "authorised", "stripe_payment_intent"])
        if checkout.state == State.CHECKOUT:
            checkout.state = State.PAID
        checkout.email = checkout.email or email[:254]
        checkout.save(update_fields=["state", "email"])


def _begin(checkout_id: int, *, now: dt.datetime) -> None:
    """The charger has been asked to start for a token that is this guest's alone, or has refused."""
    with transaction.atomic():
        checkout = guest_end.locked(checkout_id)
        if checkout.state != State.PAID:
            return
        token = IdToken.objects.create(
            uid=f"G{secrets.token_hex(9).upper()}",
            type=IdToken.Type.CENTRAL,
            label="Guest",
            valid_until=now + PATIENCE + TOKEN_OUTLIVES,
        )
        try:
            with transaction.atomic():
                checkout.start_request = request_guest_start(checkout.evse, id_token=token, now=now)
        except StartRefused:
            token.delete()
            guest_end.fail(checkout)
            return
        checkout.state = State.STARTING
        checkout.save(update_fields=["state", "start_request"])


def _follow(checkout_id: int, *, now: dt.datetime) -> None:
    """A start that led to a session is charging; one that the charger or the time refused has failed."""
    with transaction.atomic():
        checkout = guest_end.locked(checkout_id)
        if checkout.state != State.STARTING or checkout.start_request is None:
            return
        request = settle_request(checkout.start_request, now=now)
        session = request.session or _session_by_token(request)
        if session is not None:
            checkout.state, checkout.session = State.CHARGING, session
            checkout.save(update_fields=["state", "session"])
            # the token stays good for as long as the car may charge
            IdToken.objects.filter(pk=request.id_token_id).update(valid_until=None)
            hints.changed(session_ids=[session.pk], evse_ids=[checkout.evse_id])
        elif request.state != StartRequest.State.WAITING:
            IdToken.objects.filter(pk=request.id_token_id).update(
                blocked_at=now, block_reason="guest checkout failed"
            )
            guest_end.fail(checkout)


def _session_by_token(request: StartRequest) -> ChargingSession | None:
    """A session that began just when the request's time was over."""
    sessions = ChargingSession.objects.filter(id_token_id=request.id_token_id, evse_id=request.evse_id)
    return sessions.order_by("pk").first()


def used_up(checkout: GuestCheckout, *, cost: Decimal) -> bool:
    """Whether what charging costs has come so near to the hold that it must stop."""
    return cost >= checkout.payment.authorised * Decimal("0.97")
