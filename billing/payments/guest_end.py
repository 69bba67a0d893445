"""The end of a guest's charging: the real amount is captured, the rest released, the receipt sent."""

from __future__ import annotations

import datetime as dt
import logging
from decimal import Decimal

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from billing.events import PaymentSucceeded
from billing.invoicing import documents
from billing.invoicing.receipts import issue_receipt
from billing.invoicing.settling import open_amount, settle
from billing.models import BilledCdr, Cdr, GuestCheckout, Invoice, InvoiceSettlement, Payment
from billing.payments import refunds, stripe_api
from chargeportal.common.events import publish
from chargeportal.common.formats import format_money
from chargeportal.common.money import Money
from chargeportal.live import hints

logger = logging.getLogger(__name__)

State = GuestCheckout.State


def locked(checkout_id: int) -> GuestCheckout:
    """The checkout, locked until the end of the transaction."""
    return (
        GuestCheckout.objects.select_for_update(of=("self",))
        .select_related("payment", "evse__station__location", "start_request__id_token")
        .get(pk=checkout_id)
    )


def fail(checkout: GuestCheckout) -> None:
    """The checkout has failed: nothing will be charged. The caller holds its lock; ``release`` follows."""
    checkout.state = State.FAILED
    checkout.save(update_fields=["state"])
    hints.changed(evse_ids=[checkout.evse_id])


def release(checkout_id: int, *, now: dt.datetime) -> bool:
    """The hold of a checkout that came to nothing is released; asked again nothing happens."""
    checkout = GuestCheckout.objects.select_related("payment").get(pk=checkout_id)
    payment = checkout.payment
    if checkout.state not in {State.FAILED, State.EXPIRED} or payment.state != Payment.State.AUTHORISED:
        return False
    _take(payment, Decimal(0))
    return _moved(payment, Payment.State.CANCELLED, now=now)


def finish(checkout_id: int, *, now: dt.datetime) -> bool:
    """The priced session is paid from the hold, the rest released, and the receipt issued; once.

    Nothing happens while the session is not priced. If capturing was interrupted, it is asked for again
    under the same key.
    """
    checkout = GuestCheckout.objects.select_related("payment").get(pk=checkout_id)
    if checkout.state != State.CHARGING or checkout.session_id is None:
        return False
    cdr = Cdr.objects.current().filter(session=checkout.session_id).first()
    if cdr is None:
        return False
    receipt = issue_receipt(cdr, now=now)
    payable = receipt.payable if receipt else Decimal(0)
    if checkout.payment.state != Payment.State.AUTHORISED:
        return False
    taken = _take(checkout.payment, min(payable, checkout.payment.authorised))
    with transaction.atomic():
        checkout = locked(checkout_id)
        if checkout.state != State.CHARGING:
            return False
        _book(checkout, receipt, taken, now=now)
        checkout.state = State.DONE
        checkout.save(update_fields=["state"])
        hints.changed(session_ids=[cdr.session_id], evse_ids=[checkout.evse_id])
    return True


def carry_over(credit_note: Invoice, *, now: dt.datetime) -> Invoice | None:
    """What a guest paid for a corrected session pays for what it costs now, as far as it goes; once.

    Only what is left goes back to the card. What the session costs beyond is the operator's loss, for
    there is no hold to take it from. None where the credit note is not for a guest's corrected session.
    """
    original = credit_note.credits
    if original is None or original.account_id is not None or refunds.owed_back(credit_note) <= 0:
        return None
    sessions = BilledCdr.objects.filter(invoice=original).values("cdr__session")
    cdr = Cdr.objects.current().filter(session__in=sessions, billed=None).first()
    with transaction.atomic():
        receipt = issue_receipt(cdr, now=now) if cdr is not None else None
        if receipt is None:
            return None
        Invoice.objects.select_for_update(of=("self",)).get(pk=credit_note.pk)
        _set_off(credit_note, receipt, now=now)
        _write_off(receipt, open_amount(receipt), key=f"beyond-paid:{credit_note.pk}", now=now)
    return receipt


def receipt_of(checkout: GuestCheckout) -> Invoice | None:
    """The guest's receipt, once there is one."""
    if checkout.session_id is None:
        return None
    billed = BilledCdr.objects.filter(cdr__session=checkout.session_id, invoice__kind=Invoice.Kind.RECEIPT)
    found = billed.select_related("invoice__series").order_by("-pk").first()
    return found.invoice if found else None


def send_receipt(checkout_id: int, *, now: dt.datetime) -> bool:
    """The receipt has been mailed with its PDF; asked again nothing is sent."""
    checkout = GuestCheckout.objects.select_related("evse__station__location").get(pk=checkout_id)
    receipt = receipt_of(checkout)
    if receipt is None or not checkout.email or checkout.state != State.DONE:
        return False
    unsent = GuestCheckout.objects.filter(pk=checkout_id, receipt_sent_at=None)
    if not unsent.update(receipt_sent_at=now):
        return False
    try:
        with translation.override(checkout.language):
            _mail(checkout, receipt).send()
    except Exception:
        GuestCheckout.objects.filter(pk=checkout_id).update(receipt_sent_at=None)
        raise
    return True


def page_address(checkout: GuestCheckout) -> str:
    """The public address of the guest's page."""
    return settings.SITE_ADDRESS + reverse("guest-session", args=[checkout.token])


def _take(payment: Payment, amount: Decimal) -> Decimal:
    """The amount is captured, or the hold released when there is nothing to take; returns what was taken.

    A hold that was captured or ran out meanwhile is taken as the card processor has it.
    """
    intent_id = payment.stripe_payment_intent
    try:
        if amount:
            money = Money(amount, payment.currency)
            intent = stripe_api.capture(intent_id, money, key=f"capture:{payment.public_id}")
        else:
            intent = stripe_api.cancel(intent_id, key=f"release:{payment.public_id}")
    except stripe_api.Refused:
        intent = stripe_api.payment_intent(intent_id)
        if intent.status == "requires_capture":
            raise
    return intent.received


def _book(checkout: GuestCheckout, receipt: Invoice | None, taken: Decimal, *, now: dt.datetime) -> None:
    """The payment is settled, and so is the receipt; what the hold did not cover is the operator's loss."""
    payment = checkout.payment
    state = Payment.State.SUCCEEDED if taken else Payment.State.CANCELLED
    _moved(payment, state, now=now, captured=taken, invoice=receipt, session_id=checkout.session_id)
    beyond = taken - (receipt.payable if receipt is not None else Decimal(0))
    if beyond > 0:  # the first amount asked for stands, and the session was corrected before it was booked
        refunds.request(payment, amount=beyond, reason="captured", key=f"refund:{payment.public_id}:beyond")
    if receipt is None:
        return
    intent, kind = payment.stripe_payment_intent, InvoiceSettlement.Kind
    if taken:
        settle(receipt, kind=kind.PAYMENT, amount=taken, key=f"payment:{intent}", reference=intent, now=now)
        publish(PaymentSucceeded(payment.pk))
    _write_off(receipt, receipt.payable - taken, key=f"beyond-hold:{intent}", reference=intent, now=now)


def _set_off(credit_note: Invoice, receipt: Invoice, *, now: dt.datetime) -> None:
    amount = min(refunds.owed_back(credit_note), open_amount(receipt))
    if amount <= 0:
        return
    kind, key = InvoiceSettlement.Kind.CREDIT, f"carried:{credit_note.pk}"
    settle(credit_note, kind=kind, amount=-amount, key=f"{key}:from", reference=receipt.full_number, now=now)
    settle(receipt, kind=kind, amount=amount, key=f"{key}:to", reference=credit_note.full_number, now=now)


def _write_off(receipt: Invoice, amount: Decimal, *, key: str, now: dt.datetime, reference: str = "") -> None:
    if amount > 0:
        kind = InvoiceSettlement.Kind.WRITE_OFF
        settle(receipt, kind=kind, amount=amount, key=key, reference=reference, now=now)


def _moved(payment: Payment, state: str, *, now: dt.datetime, **facts: object) -> bool:
    waiting = Payment.objects.filter(pk=payment.pk, state=Payment.State.AUTHORISED)
    return bool(waiting.update(state=state, settled_at=now, **facts))


def _mail(checkout: GuestCheckout, receipt: Invoice) -> EmailMessage:
    place = checkout.evse.station.location or checkout.evse.station
    total = format_money(Money(receipt.payable, receipt.currency), checkout.language)
    mail = EmailMessage(
        subject=_("Your receipt for charging at %(place)s") % {"place": place},
        body=_(
            "Hello!\n\nYou charged at %(place)s for %(total)s, VAT included. The receipt is attached.\n"
            "What was reserved on your card beyond that has been released; your bank may need a few days"
            " to show it.\n\nThe session with every figure: %(address)s\n"
        )
        % {"place": place, "total": total, "address": page_address(checkout)},
        to=[checkout.email],
    )
    mail.attach(documents.file_name(receipt, "pdf"), documents.pdf(receipt), "application/pdf")
    return mail
