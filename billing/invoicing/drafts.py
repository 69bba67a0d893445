"""What is going to be issued: a document without a number. Pure data, nothing of it is stored."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.models import BillingAccount, Invoice


class CannotIssue(ValueError):
    """The document cannot be issued as it is; the message says what to do about it.

    MissingSellerFacts, AlreadyBilled, EmptyDraft and MixedCurrencies are the kinds of it.
    """


class MissingSellerFacts(CannotIssue):
    """The issuer has not said what its invoices must state about it."""


class AlreadyBilled(CannotIssue):
    """A CDR of the draft stands on another document."""


class EmptyDraft(CannotIssue):
    """There is no line to issue."""


class MixedCurrencies(CannotIssue):
    """The lines are in several currencies, or in another than the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """One line, rounded: ``gross`` = ``net`` + ``vat``; ``net`` = ``quantity`` x ``unit_price_net``.

    ``vat_rate`` is a fraction, None where no VAT applies. ``earned_vat_rate`` is the rate the CDR's income
    was posted with, which reverse charge takes off the document. ``from_income`` says that a credit takes
    back income for which there is no credit CDR. A credited line has the ``position`` of its original.
    """

    dimension: str
    description: str
    quantity: Decimal
    unit: str
    unit_price_net: Decimal
    vat_rate: Decimal | None
    net: Decimal
    vat: Decimal
    gross: Decimal
    currency: str
    cdr_id: int | None = None
    location_id: int | None = None
    cost_centre: str = ""
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    earned_vat_rate: Decimal | None = None
    from_income: bool = False
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A document as it will be issued.

    ``account`` is None for a guest, whose ``buyer`` is given. ``issuer_id`` is whose series the number comes
    from, the operator's unless it is given. ``payable`` fixes the amount to pay; otherwise it is the sum of
    the lines' gross amounts, in whole kronor where the seller wants that.
    """

    operator_id: int
    account: BillingAccount | None
    kind: Invoice.Kind
    currency: str
    invoice_date: dt.date
    lines: tuple[DraftLine, ...]
    language: str = "sv"
    issuer_id: int | None = None
    series_code: str = ""
    due_date: dt.date | None = None
    period_start: dt.date | None = None
    period_end: dt.date | None = None
    seller: dict[str, Any] | None = None
    buyer: dict[str, Any] | None = None
    is_reverse_charge: bool = False
    vat_check: dict[str, Any] | None = None
    credits: Invoice | None = None
    reason: str = ""
    payable: Decimal | None = None
    #: CDRs that this document settles; by default those of its lines. A credit note of a whole CDR names the
    #: credit CDR, and none when it was credited by hand.
    billed_cdr_ids: tuple[int, ...] | None = None

    @property
    def cdr_ids(self) -> tuple[int, ...]:
        """The CDRs that are billed once the document is issued."""
        if self.billed_cdr_ids is not None:
            return self.billed_cdr_ids
        return tuple(dict.fromkeys(line.cdr_id for line in self.lines if line.cdr_id is not None))
