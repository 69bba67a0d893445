"""What billing does when sessions end."""

import logging

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


@subscribe(SessionEnded)
def rate_ended_session(fact: SessionEnded) -> None:
    """The session is rated by a worker; if the broker is away the sweep does it later."""
    try:
        rate_session.delay(session_id=fact.session_id)
    except Exception:
        logger.warning("Session %s waits for the sweep to be rated", fact.session_id, exc_info=True)


@subscribe(SessionCorrected)
def correct_corrected_session(fact: SessionCorrected) -> None:
    """The session's record is corrected by a worker; if the broker is away the sweep does it later."""
    try:
        correct_session.delay(session_id=fact.session_id)
    except Exception:
        logger.warning("Session %s waits for the sweep to be corrected", fact.session_id, exc_info=True)


@subscribe(CdrRated)
def finish_guest(fact: CdrRated) -> None:
    """A guest's priced session is paid from the hold; if the broker is away the sweep does it later."""
    checkout = GuestCheckout.objects.filter(start_request__session__cdrs=fact.cdr_id).first()
    if checkout is None:
        return
    try:
        advance_guest.delay(checkout_id=checkout.pk)
    except Exception:
        logger.warning("Guest checkout %s waits for the sweep", checkout.pk, exc_info=True)


outcomes.told(Payment.Purpose.GUEST)(guest.advance_payment)


@subscribe(CdrRated)
def collect_rated_session(fact: CdrRated) -> None:
    """The card of an account that pays so is asked; if the broker is away the sweep does it."""
    try:
        collect_cdr.delay(cdr_id=fact.cdr_id)
    except Exception:
        logger.warning("CDR %s waits for the sweep to be collected", fact.cdr_id, exc_info=True)


@subscribe(CreditNoteIssued)
def pay_back_credited(fact: CreditNoteIssued) -> None:
    """What a card or a wallet had paid goes back to it; if the broker is away the sweep does it."""
    try:
        pay_back.delay(credit_note_id=fact.invoice_id)
    except Exception:
        logger.warning("Credit note %s waits for the sweep to be paid back", fact.invoice_id, exc_info=True)


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
    try:
        mail_payment_approval.delay(payment_id=fact.payment_id)
    except Exception:
        logger.warning("Payment %s waits for the customer without a mail", fact.payment_id, exc_info=True)


@subscribe(PaymentFailed)
def dun_declined_card(fact: PaymentFailed) -> None:
    """The declined card's document goes on the ladder; if the broker is away the daily work does it."""
    try:
        open_dunning.delay(payment_id=fact.payment_id)
    except Exception:
        logger.warning("Payment %s waits for the daily dunning", fact.payment_id, exc_info=True)


@subscribe(InvoiceSettled)
def stop_dunning(fact: InvoiceSettled) -> None:
    """Whoever has paid may charge again at once."""
    act = dunning.paid(Invoice.objects.get(pk=fact.invoice_id), now=timezone.now())
    if act is None:
        return
    try:
        mail_dunning.delay(act_id=act.pk)
    except Exception:
        logger.warning("The customer is not told of act %s", act.pk, exc_info=True)


@subscribe(ExportAsked)
def make_asked_export(fact: ExportAsked) -> None:
    """A worker makes the export; if the broker is away the sweep has it made."""
    try:
        make_export.delay(export_id=fact.export_id)
    except Exception:
        logger.warning("Export %s waits for the sweep to be made", fact.export_id, exc_info=True)


@subscribe(ExportMade)
def deliver_made_export(fact: ExportMade) -> None:
    """A worker delivers the export; if the broker is away the sweep does it later."""
    try:
        deliver_export.delay(export_id=fact.export_id)
    except Exception:
        logger.warning("Export %s waits for the sweep to be delivered", fact.export_id, exc_info=True)


@subscribe(CdrRated)
def work_out_costs_of_record(fact: CdrRated) -> None:
    """A worker works out what the session cost the operator; the sweep does it if the broker is away."""
    try:
        work_out_costs.delay(cdr_ids=[fact.cdr_id])
    except Exception:
        logger.warning("Record %s waits for the sweep to know its costs", fact.cdr_id, exc_info=True)


@subscribe(CdrRated)
def pay_from_wallet(fact: CdrRated) -> None:
    """A session that a wallet pays is paid from it; if the broker is away the sweep does it later."""
    if not Cdr.objects.filter(pk=fact.cdr_id, payment_kind=PaymentKind.WALLET, credits=None).exists():
        return
    try:
        collect_from_wallet.delay(cdr_id=fact.cdr_id)
    except Exception:
        logger.warning("CDR %s waits for the sweep to be paid from a wallet", fact.cdr_id, exc_info=True)


@subscribe(CdrRated)
def credit_billed_record(fact: CdrRated) -> None:
    """The credit of a record that was billed gets a credit note; the sweep does it if the broker is away."""
    if not Cdr.objects.filter(pk=fact.cdr_id, credits__isnull=False).exists():
        return
    try:
        credit_corrected_cdr.delay(cdr_id=fact.cdr_id)
    except Exception:
        logger.warning("Credit %s waits for the sweep to be put on a note", fact.cdr_id, exc_info=True)


def _mail_document(invoice_id: int) -> None:
    try:
        mail_documents.delay(invoice_ids=[invoice_id])
    except Exception:
        logger.warning("Document %s waits for the sweep to be mailed", invoice_id, exc_info=True)
