"""What billing does when sessions end."""

import logging
from typing import Any

from django.utils import timezone

from billing import dunning
from billing.events import (
    CdrRated,
    CreditNoteIssued,
    ExportAsked,
    ExportMade,
    InvoiceSettled,
    PaymentFailed,
    PaymentRequiresAction,
)
from billing.models import Cdr, GuestCheckout, Invoice, Payment, PaymentKind
from billing.payments import (  # noqa: F401 - handlers, cards and wallets register themselves
    guest,
    handlers,
    outcomes,
    saved_cards,
    wallets,
)
from billing.tasks import (
    advance_guest,
    collect_cdr,
    collect_from_wallet,
    correct_session,
    credit_corrected_cdr,
    deliver_export,
    mail_documents,
    mail_dunning,
    mail_payment_approval,
    make_export,
    open_dunning,
    pay_back,
    rate_session,
    work_out_costs,
)
from chargeportal.common.events import subscribe
from sessions.events import SessionCorrected, SessionEnded

logger = logging.getLogger(__name__)


def _hand_over(task: Any, otherwise: str, **ids: Any) -> None:
    """A worker does it; if the broker is away the log says what waits, and a sweep finds it."""
    try:
        task.delay(**ids)
    except Exception:
        logger.warning(otherwise, exc_info=True)


@subscribe(SessionEnded)
def rate_ended_session(fact: SessionEnded) -> None:
    """The session is rated by a worker; if the broker is away the sweep does it later."""
    _hand_over(
        rate_session,
        f"Session {fact.session_id} waits for the sweep to be rated",
        session_id=fact.session_id,
    )


@subscribe(SessionCorrected)
def correct_corrected_session(fact: SessionCorrected) -> None:
    """The session's record is corrected by a worker; if the broker is away the sweep does it later."""
    _hand_over(
        correct_session,
        f"Session {fact.session_id} waits for the sweep to be corrected",
        session_id=fact.session_id,
    )


@subscribe(CdrRated)
def finish_guest(fact: CdrRated) -> None:
    """A guest's priced session is paid from the hold; if the broker is away the sweep does it later."""
    checkout = GuestCheckout.objects.filter(start_request__session__cdrs=fact.cdr_id).first()
    if checkout is None:
        return
    _hand_over(advance_guest, f"Guest checkout {checkout.pk} waits for the sweep", checkout_id=checkout.pk)


outcomes.told(Payment.Purpose.GUEST)(guest.advance_payment)


@subscribe(CdrRated)
def collect_rated_session(fact: CdrRated) -> None:
    """The card of an account that pays so is asked; if the broker is away the sweep does it."""
    _hand_over(collect_cdr, f"CDR {fact.cdr_id} waits for the sweep to be collected", cdr_id=fact.cdr_id)


@subscribe(CreditNoteIssued)
def pay_back_credited(fact: CreditNoteIssued) -> None:
    """What a card or a wallet had paid goes back to it; if the broker is away the sweep does it."""
    _hand_over(
        pay_back,
        f"Credit note {fact.invoice_id} waits for the sweep to be paid back",
        credit_note_id=fact.invoice_id,
    )


@subscribe(CreditNoteIssued)
def mail_credit_note(fact: CreditNoteIssued) -> None:
    """The customer is mailed the credit note; if the broker is away the sweep does it."""
    _mail_document(fact.invoice_id)


@subscribe(InvoiceSettled)
def mail_paid_receipt(fact: InvoiceSettled) -> None:
    """The receipt that is paid now is mailed; if the broker is away the sweep does it."""
    _mail_document(fact.invoice_id)


@subscribe(PaymentRequiresAction)
def ask_for_approval(fact: PaymentRequiresAction) -> None:
    """The customer gets a mail that leads to where the payment is approved."""
    _hand_over(
        mail_payment_approval,
        f"Payment {fact.payment_id} waits for the customer without a mail",
        payment_id=fact.payment_id,
    )


@subscribe(PaymentFailed)
def dun_declined_card(fact: PaymentFailed) -> None:
    """The declined card's document goes on the ladder; if the broker is away the daily work does it."""
    _hand_over(
        open_dunning, f"Payment {fact.payment_id} waits for the daily dunning", payment_id=fact.payment_id
    )


@subscribe(InvoiceSettled)
def stop_dunning(fact: InvoiceSettled) -> None:
    """Whoever has paid may charge again at once."""
    act = dunning.paid(Invoice.objects.get(pk=fact.invoice_id), now=timezone.now())
    if act is None:
        return
    _hand_over(mail_dunning, f"The customer is not told of act {act.pk}", act_id=act.pk)


@subscribe(ExportAsked)
def make_asked_export(fact: ExportAsked) -> None:
    """A worker makes the export; if the broker is away the sweep has it made."""
    _hand_over(
        make_export, f"Export {fact.export_id} waits for the sweep to be made", export_id=fact.export_id
    )


@subscribe(ExportMade)
def deliver_made_export(fact: ExportMade) -> None:
    """A worker delivers the export; if the broker is away the sweep does it later."""
    _hand_over(
        deliver_export,
        f"Export {fact.export_id} waits for the sweep to be delivered",
        export_id=fact.export_id,
    )


@subscribe(CdrRated)
def work_out_costs_of_record(fact: CdrRated) -> None:
    """A worker works out what the session cost the operator; the sweep does it if the broker is away."""
    _hand_over(
        work_out_costs, f"Record {fact.cdr_id} waits for the sweep to know its costs", cdr_ids=[fact.cdr_id]
    )


@subscribe(CdrRated)
def pay_from_wallet(fact: CdrRated) -> None:
    """A session that a wallet pays is paid from it; if the broker is away the sweep does it later."""
    if not Cdr.objects.filter(pk=fact.cdr_id, payment_kind=PaymentKind.WALLET, credits=None).exists():
        return
    _hand_over(
        collect_from_wallet,
        f"CDR {fact.cdr_id} waits for the sweep to be paid from a wallet",
        cdr_id=fact.cdr_id,
    )


@subscribe(CdrRated)
def credit_billed_record(fact: CdrRated) -> None:
    """The credit of a record that was billed gets a credit note; the sweep does it if the broker is away."""
    if not Cdr.objects.filter(pk=fact.cdr_id, credits__isnull=False).exists():
        return
    _hand_over(
        credit_corrected_cdr,
        f"Credit {fact.cdr_id} waits for the sweep to be put on a note",
        cdr_id=fact.cdr_id,
    )


def _mail_document(invoice_id: int) -> None:
    _hand_over(
        mail_documents, f"Document {invoice_id} waits for the sweep to be mailed", invoice_ids=[invoice_id]
    )
