"""Issued documents reach their customers by mail: each once, whatever happens to the workers.

A delivery is claimed by compare-and-set before its mail goes out, and marked as sent after. A worker that is
killed between the two, or a mail server that falls silent, leaves it unknown whether the mail went: it is not
sent again by itself, a person is shown it.
"""

import datetime as dt
from collections.abc import Collection
from smtplib import SMTPServerDisconnected

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from billing.invoicing.delivery_mails import mail_of
from billing.invoicing.settling import with_open_amount
from billing.models import BillingAccount, Invoice, InvoiceDelivery, SellerProfile

State = InvoiceDelivery.State
#: What a person has to look at.
NOT_ARRIVED = (State.FAILED, State.UNKNOWN)

#: What was issued longer ago is not mailed by itself any more.
RECENT = dt.timedelta(days=7)
#: A receipt waits so long for its payment, so that it can say that nothing is to pay.
RECEIPT_WAITS = dt.timedelta(hours=1)
#: How many mails one worker sends in a row, and how many wait for workers at most: other mails come between.
CHUNK, IN_HAND = 10, 50
#: A delivery that a worker was given and did not begin is given to another after so long.
LOST_AFTER = dt.timedelta(minutes=10)
#: A worker that has not said for so long what became of a mail was killed.
SILENT_AFTER = dt.timedelta(minutes=15)
#: When a mail that could not be sent is tried again; after the last it has failed.
RETRY_AFTER = tuple(dt.timedelta(minutes=minutes) for minutes in (5, 20, 80, 320, 1280))


class CannotSend(ValueError):
    """The document cannot be sent again now; the text says why."""


def queue_new(*, now: dt.datetime, most: int, invoice_ids: Collection[int] | None = None) -> int:
    """Documents that may be mailed and have no delivery have one; returns how many were looked at.

    Guests get theirs another way. A demo with a real mail server sends nothing: its customers are made up.
    """
    if settings.DEMO and "smtp" in settings.EMAIL_BACKEND:
        return 0
    found = _ready(now)
    if invoice_ids is not None:
        found = found.filter(pk__in=invoice_ids)
    invoices = list(found.order_by("issued_at", "pk")[:most])
    emails = _sellers_emails(invoices)
    InvoiceDelivery.objects.bulk_create(
        [_delivery(invoice, _address(invoice.account, emails), now=now) for invoice in invoices],
        ignore_conflicts=True,
    )
    return len(invoices)


def hand_out(*, now: dt.datetime) -> list[list[int]]:
    """Deliveries that are due, in chunks for workers; what a worker has been given is not given twice."""
    lately = Q(handed_at__gt=now - LOST_AFTER)
    with transaction.atomic():
        waiting = InvoiceDelivery.objects.filter(state=State.WAITING)
        free = IN_HAND - waiting.filter(lately).count()
        if free <= 0:
            return []
        due = waiting.filter(due_at__lte=now).filter(Q(handed_at=None) | ~lately)
        locked = due.select_for_update(skip_locked=True).order_by("due_at", "pk")
        ids = list(locked.values_list("pk", flat=True)[:free])
        InvoiceDelivery.objects.filter(pk__in=ids).update(handed_at=now)
    return [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]


def give_up_silent(*, now: dt.datetime) -> int:
    """Mails whose worker was killed while it sent them are marked as not known; returns how many."""
    silent = InvoiceDelivery.objects.filter(state=State.SENDING, claimed_at__lt=now - SILENT_AFTER)
    return silent.update(state=State.UNKNOWN)


def send_chunk(delivery_ids: Collection[int], *, now: dt.datetime) -> int:
    """The mails have been sent over one connection, or wait for another attempt; returns how many went."""
    connection = get_connection()
    try:
        return sum(send(delivery_id, now=now, connection=connection) for delivery_id in delivery_ids)
    finally:
        connection.close()


def send(delivery_id: int, *, now: dt.datetime, connection: BaseEmailBackend | None = None) -> bool:
    """The document is mailed to its customer; False when it was, another is at it, or it could not be sent.

    What is slow is done before the claim, so that little can happen between the claim and the mail.
    """
    delivery = InvoiceDelivery.objects.select_related(
        "invoice__series", "invoice__account", "invoice__credits__series"
    ).get(pk=delivery_id)
    if delivery.state != State.WAITING or delivery.due_at > now:
        return False
    try:
        mail = mail_of(delivery, now=now)
        line = connection or get_connection()
        line.open()
        mail.connection = line
    except Exception as failed:  # noqa: BLE001 - whatever it was, a person reads it and the others go on
        _failed(delivery, State.WAITING, failed, now=now)
        return False
    claimed = _at(delivery, State.WAITING, delivery.attempts).update(
        state=State.SENDING, attempts=delivery.attempts + 1, claimed_at=now
    )
    return bool(claimed) and _sent(delivery, mail, line, now=now)


def send_again(invoice: Invoice, *, by: User, now: dt.datetime) -> InvoiceDelivery:
    """The document waits to be mailed to the customer's present address. Raises CannotSend."""
    with transaction.atomic():
        locked = Invoice.objects.select_for_update(of=("self",)).select_related("series", "account__user")
        invoice = locked.get(pk=invoice.pk)
        before = invoice.deliveries.all()
        if before.filter(state__in=(State.WAITING, State.SENDING)).exists():
            raise CannotSend(_("It is being sent already."))
        address = customer_address(invoice)
        if not address:
            raise CannotSend(_("The customer has no e-mail address. Enter one on the customer's account."))
        delivery = _delivery(invoice, address, now=now, number=before.count(), by=by)
        delivery.save()
        audit.record(
            by,
            act="invoice.sent_again",
            subject=f"invoice {invoice.full_number}",
            details={"address": address},
        )
    return delivery


def customer_address(invoice: Invoice) -> str:
    """Where the document would be mailed to now; empty when no address is known, and for guests."""
    return _address(invoice.account, _sellers_emails([invoice]))


def undelivered(invoices: QuerySet[Invoice], *states: str) -> QuerySet[Invoice]:
    """Those of the documents with a delivery in one of the states, and none that arrived or is on its way."""
    of_it = InvoiceDelivery.objects.filter(invoice=OuterRef("pk"))
    good = of_it.filter(state__in=(State.WAITING, State.SENDING, State.SENT))
    return invoices.filter(Exists(of_it.filter(state__in=states)), ~Exists(good))


def _ready(now: dt.datetime) -> QuerySet[Invoice]:
    """Recent documents of account holders that are made and have no delivery; receipts once they are paid."""
    recent = Invoice.objects.filter(
        Q(run_item=None) | Q(run_item__is_rendered=True),
        issued_at__gt=now - RECENT,
        account__isnull=False,
        deliveries=None,
    ).select_related("account__user")
    settled = Q(open_amount__lte=0) | Q(issued_at__lt=now - RECEIPT_WAITS)
    return with_open_amount(recent).filter(~Q(kind=Invoice.Kind.RECEIPT) | settled)


def _sellers_emails(invoices: Collection[Invoice]) -> dict[int, str]:
    """The addresses that organisations (hosts above all) have entered among their facts as sellers."""
    wanted = {invoice.account.organisation_id for invoice in invoices if invoice.account}
    profiles = SellerProfile.objects.filter(organisation__in=wanted - {None})
    return dict(profiles.values_list("organisation", "email"))


def _address(account: BillingAccount | None, emails: dict[int, str]) -> str:
    """The account's own address, else its person's or organisation's; empty when there is none."""
    if account is None:
        return ""
    if account.email or account.user:
        return account.email or (account.user.email if account.user else "")
    return emails.get(account.organisation_id or 0, "")


def _delivery(
    invoice: Invoice, address: str, *, now: dt.datetime, number: int = 0, by: User | None = None
) -> InvoiceDelivery:
    return InvoiceDelivery(
        invoice=invoice,
        address=address,
        key=f"email:{invoice.pk}" + (f":{number}" if number else ""),
        state=State.WAITING if address else State.NO_ADDRESS,
        asked_by=by,
        created_at=now,
        due_at=now,
    )


def _sent(delivery: InvoiceDelivery, mail: EmailMessage, line: BaseEmailBackend, *, now: dt.datetime) -> bool:
    delivery.attempts += 1
    try:
        mail.send()
    except (SMTPServerDisconnected, TimeoutError):  # the server may have taken it
        line.close()
        _at(delivery, State.SENDING, delivery.attempts).update(state=State.UNKNOWN)
        return False
    except Exception as failed:  # noqa: BLE001 - as above
        line.close()
        _failed(delivery, State.SENDING, failed, now=now)
        return False
    _at(delivery, State.SENDING, delivery.attempts).update(state=State.SENT, sent_at=now, error="")
    return True


def _failed(delivery: InvoiceDelivery, state: str, failed: Exception, *, now: dt.datetime) -> None:
    """The delivery waits for its next attempt; after the last it has failed."""
    made = delivery.attempts + (state == State.WAITING)
    is_last = made > len(RETRY_AFTER)
    _at(delivery, state, delivery.attempts).update(
        state=State.FAILED if is_last else State.WAITING,
        attempts=made,
        due_at=now if is_last else now + RETRY_AFTER[made - 1],
        handed_at=None,
        error=(str(failed) or type(failed).__name__)[:300],
    )


def _at(delivery: InvoiceDelivery, state: str, attempts: int) -> QuerySet[InvoiceDelivery]:
    """The delivery's row, if it is still where this worker found or put it."""
    return InvoiceDelivery.objects.filter(pk=delivery.pk, state=state, attempts=attempts)
