"""The receipt of one session: for guests, cards and wallets, right after it ended."""

import datetime as dt
from decimal import Decimal

from django.utils.translation import override

from billing.invoicing import books, lines, parties, tax, vat_numbers
from billing.invoicing.drafts import AlreadyBilled, Draft
from billing.invoicing.issuing import issue
from billing.models import BilledCdr, Cdr, GuestCheckout, Invoice, SellerProfile, VatNumberCheck

#: Up to this amount with VAT a simplified invoice will do, which need not name the buyer
#: (mervärdesskattelagen 2023:200, chapter 17; SEK).
SIMPLIFIED_UP_TO = Decimal(4000)


def issue_receipt(cdr: Cdr, *, now: dt.datetime) -> Invoice | None:
    """The document on which the CDR stands, a receipt issued now unless it was billed.

    None when there is nothing to pay: a free session, a credit, a CDR that has been credited. Raises
    CannotIssue, and RegisterAway when a VAT number has to be checked and cannot be.
    """
    billed = _billed(cdr)
    if billed is not None or not _is_payable(cdr):
        return billed
    try:
        return issue(_draft(cdr, now=now), now=now)
    except AlreadyBilled:
        return _billed(cdr)


def is_simplified(receipt: Invoice) -> bool:
    """Whether the receipt needs less on it than a full invoice."""
    return receipt.kind == Invoice.Kind.RECEIPT and abs(receipt.payable) <= SIMPLIFIED_UP_TO


def _billed(cdr: Cdr) -> Invoice | None:
    found = BilledCdr.objects.select_related("invoice__series").filter(cdr=cdr.pk).first()
    return found.invoice if found else None


def _is_payable(cdr: Cdr) -> bool:
    return (
        cdr.total_incl_vat > 0
        and cdr.operator_id is not None
        and cdr.credits_id is None
        and not Cdr.objects.filter(credits=cdr.pk).exists()
    )


def _draft(cdr: Cdr, *, now: dt.datetime) -> Draft:
    account = cdr.account
    guest = GuestCheckout.objects.filter(session=cdr.session_id).first() if account is None else None
    language = account.language if account else guest.language if guest else "sv"
    with override(language):
        buyer = parties.guest_facts(guest.email if guest else "") if account is None else None
    treatment = tax.treatment_of(account, seller_country=_seller_country(cdr), check=_check(cdr, now=now))
    (loaded,) = lines.with_what_lines_need(Cdr.objects.filter(pk=cdr.pk))
    return Draft(
        operator_id=loaded.operator_id or 0,
        account=account,
        kind=Invoice.Kind.RECEIPT,
        currency=loaded.currency,
        invoice_date=books.day_of(now),
        language=language,
        buyer=buyer,
        period_start=books.day_of(loaded.started_at),
        period_end=books.day_of(loaded.ended_at) + dt.timedelta(days=1),
        is_reverse_charge=treatment.is_reverse_charge,
        vat_check=treatment.vat_check,
        lines=tuple(
            lines.of_cdrs([loaded], language=language, is_reverse_charge=treatment.is_reverse_charge)
        ),
    )


def _seller_country(cdr: Cdr) -> str:
    profile = SellerProfile.objects.filter(organisation=cdr.operator_id).first()
    return profile.country if profile else "SE"


def _check(cdr: Cdr, *, now: dt.datetime) -> VatNumberCheck | None:
    if cdr.account is None:
        return None
    return vat_numbers.checked(cdr.account, seller_country=_seller_country(cdr), now=now)
