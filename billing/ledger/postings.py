"""What each money event means in the books.

A CDR earns its net amount (unbilled); the invoice or receipt turns it into a receivable and brings the
VAT; payments, wallets, credit notes and losses lessen the receivable. VAT is posted with the document
that states it, so reverse charge is known by then.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Sum

from billing.ledger.posting import Event, Posting, post, post_many
from billing.models import (
    Cdr,
    Dispute,
    Invoice,
    InvoiceLine,
    InvoiceSettlement,
    InvoiceVat,
    JournalEntry,
    JournalLine,
    LedgerAccount,
    Refund,
    SubscriptionMonth,
    WalletEntry,
)

Role = LedgerAccount.Role

SUBSCRIPTION = "SUBSCRIPTION"
HOST_FEE = "HOST_FEE"

_SALES = {
    Decimal("0.25"): Role.SALES,
    Decimal("0.12"): Role.SALES_REDUCED_12,
    Decimal("0.06"): Role.SALES_REDUCED_6,
}
_VAT = {Decimal("0.25"): Role.VAT_25, Decimal("0.12"): Role.VAT_12, Decimal("0.06"): Role.VAT_6}
#: Documents in which the operator owes: the host's share, a driver's charging at home.
_OWED_BY_US = (Invoice.Kind.SELF_BILLING, Invoice.Kind.REIMBURSEMENT)
_PAID_FROM = {
    InvoiceSettlement.Kind.PAYMENT: Role.CARD_CLEARING,
    InvoiceSettlement.Kind.REFUND: Role.CARD_CLEARING,
    InvoiceSettlement.Kind.BANK: Role.BANK,
    InvoiceSettlement.Kind.WALLET: Role.WALLET,
    InvoiceSettlement.Kind.WRITE_OFF: Role.BAD_DEBT,
}


def local_date(at: dt.datetime, time_zone: str = "Europe/Stockholm") -> dt.date:
    """The calendar day of an instant where the books are kept."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def sales_role(vat_rate: Decimal | None) -> str:
    """The role of the income account for a VAT rate."""
    return _SALES.get(vat_rate.normalize() if vat_rate is not None else Decimal(0), Role.SALES_NO_VAT)


def cdr_rated(cdr: Cdr) -> JournalEntry | None:
    """The CDR's net amount is earned and not billed yet; a credit takes back what it credits."""
    if cdr.operator_id is None:
        return None
    location_id = cdr.session.station.location_id
    earned: dict[str, Decimal] = defaultdict(Decimal)
    for line in cdr.lines.all():
        earned[sales_role(line.vat_rate)] += line.amount_excl_vat
    lines = [Posting(role, -amount, location_id) for role, amount in earned.items()]
    lines.append(Posting(Role.UNBILLED, sum(earned.values(), Decimal(0)), location_id))
    return post(
        Event(
            cdr.operator_id, f"cdr:{cdr.pk}", "cdr", local_date(cdr.ended_at, cdr.time_zone),
            f"Laddsession {cdr.session.public_id}", cdr.currency, str(cdr.public_id),
        ),
        lines,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class IssuedDocument:
    """A document as it was just issued, with its rows at hand.

    For each line ``earned_rates`` has the VAT rate with which its income was posted, and ``from_income``
    whether a credit note takes back income that no credit CDR takes back; of a fee, whether it was earned.
    """

    invoice: Invoice
    lines: Sequence[InvoiceLine]
    vat_totals: Sequence[InvoiceVat]
    earned_rates: Sequence[Decimal | None]
    from_income: Sequence[bool]


def documents_issued(documents: Iterable[IssuedDocument]) -> None:
    """The documents are receivables or, where the operator owes, payables; each with its VAT."""
    post_many((_issued_event(document.invoice), _issued_lines(document)) for document in documents)


def credit_had_been_given(credit: Cdr) -> JournalEntry | None:
    """The credit of a CDR whose document had been credited by hand: its income was taken back then."""
    location_id = credit.session.station.location_id
    lines: dict[str, Decimal] = defaultdict(Decimal)
    for line in credit.lines.all():
        lines[sales_role(line.vat_rate)] += line.amount_excl_vat
    postings = [Posting(role, amount, location_id) for role, amount in lines.items()]
    postings.append(Posting(Role.UNBILLED, -sum(lines.values(), Decimal(0)), location_id))
    return post(
        Event(
            credit.operator_id or 0, f"cdr:{credit.pk}:credited-before", "cdr",
            local_date(credit.rated_at, credit.time_zone),
            f"Laddsession {credit.session.public_id}", credit.currency, str(credit.public_id),
        ),
        postings,
    )  # fmt: skip


def invoice_settled(settlement: InvoiceSettlement) -> JournalEntry | None:
    """Something has lessened what is open on an invoice; a credit note has posted itself already."""
    role = _PAID_FROM.get(InvoiceSettlement.Kind(settlement.kind))
    if role is None:
        return None
    invoice = settlement.invoice
    owed_by = _counterpart(invoice)
    amount = -settlement.amount if owed_by == Role.PAYABLE else settlement.amount
    return post(
        Event(
            invoice.operator_id, f"settlement:{settlement.key}", settlement.kind,
            local_date(settlement.settled_at), f"{settlement.get_kind_display()} {invoice.full_number}",
            invoice.currency, settlement.reference or invoice.full_number,
        ),
        [Posting(role, amount), Posting(owed_by, -amount)],
    )  # fmt: skip


def wallet_moved(entry: WalletEntry) -> JournalEntry | None:
    """A top-up, or money paid back from a wallet; what a wallet pays for is posted with the settlement."""
    other = {
        WalletEntry.Kind.TOP_UP: Role.CARD_CLEARING,
        WalletEntry.Kind.REFUND: Role.CARD_CLEARING,
        WalletEntry.Kind.ADJUSTMENT: Role.FEES,
    }.get(WalletEntry.Kind(entry.kind))
    if other is None:
        return None
    account = entry.wallet.account
    return post(
        Event(
            account.operator_id, f"wallet:{entry.key}", f"wallet_{entry.kind}", local_date(entry.created_at),
            f"{entry.get_kind_display()} {account.number}", entry.wallet.currency, account.number,
        ),
        [Posting(other, entry.amount), Posting(Role.WALLET, -entry.amount)],
    )  # fmt: skip


def top_up_lost(refund: Refund, *, amount: Decimal, at: dt.datetime) -> JournalEntry | None:
    """A top-up was given back of which the wallet had spent ``amount`` already: the operator's loss."""
    return post(
        _of_refund(refund, "lost", at=at),
        [Posting(Role.BAD_DEBT, amount), Posting(Role.CARD_CLEARING, -amount)],
    )


def top_up_found(refund: Refund, *, at: dt.datetime) -> JournalEntry | None:
    """The bank has not taken that refund after all: what was booked as lost is not."""
    lost = JournalEntry.objects.filter(operator=refund.payment.operator_id, key=f"refund:{refund.pk}:lost")
    lines = JournalLine.objects.filter(entry__in=lost, account__roles__contains=[Role.BAD_DEBT])
    amount = lines.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    return post(
        _of_refund(refund, "found", at=at),
        [Posting(Role.BAD_DEBT, -amount), Posting(Role.CARD_CLEARING, amount)],
    )


def _of_refund(refund: Refund, step: str, *, at: dt.datetime) -> Event:
    payment = refund.payment
    return Event(
        payment.operator_id, f"refund:{refund.pk}:{step}", "wallet_refund", local_date(at),
        f"Påfyllning {payment.public_id}", payment.currency, refund.stripe_id or str(payment.public_id),
    )  # fmt: skip


def subscription_earned(month: SubscriptionMonth, *, net: Decimal, date: dt.date) -> JournalEntry | None:
    """The fee of a month that is over was put aside with its invoice, and is earned now."""
    account = month.subscription.account
    return post(
        Event(
            account.operator_id, f"subscription:{month.pk}", "subscription", date,
            f"Abonnemang {account.number} {month.first_date:%Y-%m}", month.subscription.plan.currency,
            account.number,
        ),
        [Posting(Role.DEFERRED, net), Posting(Role.FEES, -net)],
    )  # fmt: skip


def dispute_moved(dispute: Dispute, *, outcome: str, at: dt.datetime) -> JournalEntry | None:
    """A contested amount has left the balance (`opened`), come back (`won`) or is lost (`lost`)."""
    debit, credit = {
        "opened": (Role.DISPUTED, Role.CARD_CLEARING),
        "won": (Role.CARD_CLEARING, Role.DISPUTED),
        "lost": (Role.BAD_DEBT, Role.DISPUTED),
    }[outcome]
    payment = dispute.payment
    return post(
        Event(
            payment.operator_id, f"dispute:{dispute.stripe_id}:{outcome}", "dispute", local_date(at),
            f"Omtvistad betalning {dispute.stripe_id}", payment.currency, dispute.stripe_id,
        ),
        [Posting(debit, dispute.amount), Posting(credit, -dispute.amount)],
    )  # fmt: skip


def _owed_as(invoice: Invoice) -> str:
    """The kind of document that says what is owed: of a credit note that of its original."""
    return invoice.credits.kind if invoice.credits is not None else invoice.kind


def _counterpart(invoice: Invoice) -> str:
    return Role.PAYABLE if _owed_as(invoice) in _OWED_BY_US else Role.RECEIVABLE


def _issued_event(invoice: Invoice) -> Event:
    return Event(
        invoice.operator_id, f"invoice:{invoice.pk}", invoice.kind, invoice.invoice_date,
        f"{invoice.get_kind_display()} {invoice.full_number}", invoice.currency, invoice.full_number,
    )  # fmt: skip


def _issued_lines(document: IssuedDocument) -> list[Posting]:
    invoice = document.invoice
    if _owed_as(invoice) in _OWED_BY_US:
        return _merged(_owed(document))
    lines = [Posting(Role.RECEIVABLE, invoice.payable), Posting(Role.ROUNDING, -invoice.rounding)]
    lines += [
        Posting(_VAT.get(total.rate.normalize(), Role.VAT_25), -total.vat) for total in document.vat_totals
    ]
    given = zip(document.lines, document.earned_rates, document.from_income, strict=True)
    for line, earned_rate, from_income in given:
        lines.extend(_turned(invoice, line, earned_rate, from_income=from_income))
    return _merged(lines)


def _owed(document: IssuedDocument) -> list[Posting]:
    invoice = document.invoice
    cost = Role.HOST_SHARE if _owed_as(invoice) == Invoice.Kind.SELF_BILLING else Role.REIMBURSEMENT
    return [
        Posting(Role.PAYABLE, -invoice.payable),
        Posting(Role.ROUNDING, invoice.rounding),
        Posting(Role.INPUT_VAT, invoice.total_vat),
        *(Posting(cost, line.net, line.location_id) for line in document.lines),
    ]


def _turned(
    invoice: Invoice, line: InvoiceLine, earned_rate: Decimal | None, *, from_income: bool
) -> list[Posting]:
    """The other side of a receivable: what was unbilled, a fee, or a fee paid in advance."""
    net, location_id = line.net, line.location_id
    is_reverse = invoice.is_reverse_charge
    if line.cdr_id is None:
        role = Role.DEFERRED if line.dimension == SUBSCRIPTION and not from_income else Role.FEES
        return [Posting(role, -net, location_id)]
    earned = sales_role(earned_rate)
    if from_income:
        return [Posting(Role.SALES_REVERSE if is_reverse else earned, -net, location_id)]
    lines = [Posting(Role.UNBILLED, -net, location_id)]
    if is_reverse:
        lines += [Posting(earned, net, location_id), Posting(Role.SALES_REVERSE, -net, location_id)]
    return lines


def _merged(lines: list[Posting]) -> list[Posting]:
    sums: dict[tuple[str, int | None], Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line.role, line.location_id] += line.amount
    return [Posting(role, amount, location_id) for (role, location_id), amount in sums.items()]
