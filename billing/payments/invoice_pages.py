"""Paying a document on the payment page: to approve, after a declined card, or without a saved one."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.invoicing.settling import open_amount
from billing.models import Invoice, Payment
from billing.payments import stripe_api
from billing.payments.charging import NothingToPay
from billing.payments.customers import stripe_customer
from chargeportal.common.formats import format_money
from chargeportal.common.money import Money

#: A page is open until the end of the next hour: Stripe wants at least half an hour.
PAGE_LASTS_H = 2


def open_page(invoice: Invoice, *, language: str, now: dt.datetime) -> str:
    """The address of a payment page for what is open on the document; two clicks find the same one.

    The card is kept for the account's later charges. Raises NothingToPay, PaymentsError.
    """
    payment = _payment(invoice, now=now)
    account = invoice.account
    customer = stripe_customer(account) if account is not None else ""
    back = settings.SITE_ADDRESS + reverse("pay-invoice", args=[invoice.public_id])
    hour = now.replace(minute=0, second=0, microsecond=0)
    page = stripe_api.Page(
        amount=Money(payment.requested, payment.currency),
        text=f"{invoice.get_kind_display()} {invoice.full_number}",
        success_url=f"{back}?page={{CHECKOUT_SESSION_ID}}",
        cancel_url=back,
        payment=str(payment.public_id),
        language=language,
        customer=customer,
        saves_card=bool(customer),
        expires_at=hour + dt.timedelta(hours=PAGE_LASTS_H),
    )
    return stripe_api.start_page(page, key=f"page:{payment.public_id}:{language}").url


def address_of(invoice: Invoice) -> str:
    """Our page where the document is paid, for mails."""
    return settings.SITE_ADDRESS + reverse("pay-invoice", args=[invoice.public_id])


def mail_approval(payment_id: int) -> bool:
    """The customer has a mail that leads to where the payment is approved; False when nothing waits."""
    payment = Payment.objects.select_related("account", "invoice__series").get(pk=payment_id)
    account, invoice = payment.account, payment.invoice
    if payment.state != Payment.State.REQUIRES_ACTION or invoice is None or account is None:
        return False
    if not account.email:
        return False
    with override(account.language):
        amount = format_money(Money(payment.requested, payment.currency), account.language)
        EmailMessage(
            subject=_("Approve your payment of %(amount)s") % {"amount": amount},
            body=_(
                "Hello!\n\nYour bank wants you to approve the payment of %(amount)s for %(number)s."
                " Do it here:\n\n%(address)s\n\nUntil then nothing has been charged.\n"
            )
            % {"amount": amount, "number": invoice.full_number, "address": address_of(invoice)},
            to=[account.email],
        ).send()
    return True


def _payment(invoice: Invoice, *, now: dt.datetime) -> Payment:
    """The attempt of this hour for this amount: made now unless it was there."""
    amount = open_amount(invoice)
    if amount <= 0:
        raise NothingToPay(f"{invoice.full_number} is paid")
    key = f"page:{invoice.public_id}:{now:%Y%m%d%H}:{amount}"
    facts = {
        "operator_id": invoice.operator_id,
        "account_id": invoice.account_id,
        "purpose": Payment.Purpose.INVOICE,
        "invoice": invoice,
        "currency": invoice.currency,
        "requested": amount,
    }
    try:
        with transaction.atomic():
            return Payment.objects.get_or_create(idempotency_key=key, defaults=facts)[0]
    except IntegrityError:
        return Payment.objects.get(idempotency_key=key)
