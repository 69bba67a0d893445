"""Facts this app publishes, delivered after the commit that makes them true."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CdrRated:
    """A charge detail record was made: a charge, or the credit of one (then ``credits`` is set)."""

    cdr_id: int


@dataclass(frozen=True, slots=True)
class InvoiceSettled:
    """Something has lessened what is open on a document."""

    invoice_id: int


@dataclass(frozen=True, slots=True)
class CreditNoteIssued:
    """A document was credited; what had been paid of it is open on the credit note, to be paid back."""

    invoice_id: int


@dataclass(frozen=True, slots=True)
class PaymentSucceeded:
    """A payment was made in full: a card was charged, or a hold captured."""

    payment_id: int


@dataclass(frozen=True, slots=True)
class PaymentFailed:
    """A card was declined; ``code`` is the bank's reason (`insufficient_funds`), or `no_card`."""

    payment_id: int
    code: str


@dataclass(frozen=True, slots=True)
class PaymentRequiresAction:
    """The bank pays only if the customer approves: a mail leads there."""

    payment_id: int


@dataclass(frozen=True, slots=True)
class ExportAsked:
    """An export waits to be made."""

    export_id: int


@dataclass(frozen=True, slots=True)
class ExportMade:
    """The export of a schedule is ready to be delivered."""

    export_id: int
