"""The checks before a month is closed, each a function of the month that counts what is left to do.

A finding's figures are pairs that must be equal: what the rows say and what the books say.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import F, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.closing.month import BookMonth
from billing.ledger import reports
from billing.ledger.postings import SUBSCRIPTION
from billing.models import (
    BalanceTransaction,
    Cdr,
    Export,
    ExportKind,
    Invoice,
    InvoiceLine,
    InvoiceRun,
    InvoiceSettlement,
    LedgerAccount,
    Payment,
    PaymentKind,
    Reconciliation,
    SubscriptionMonth,
    WalletEntry,
    WebhookEvent,
)
from billing.payments.subscriptions import credited_month_ids
from chargeportal.common.money import round_half_up
from sessions.models import ChargingSession, UnmatchedStop

Role = LedgerAccount.Role
ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Finding:
    """How many things are left to do; ``applies`` is false where the month has nothing of the kind."""

    count: int
    applies: bool = True
    #: (what, amount or number) pairs; for a comparison the first two must be equal.
    figures: tuple[tuple[str | Promise, Decimal | int], ...] = field(default=())


def unrated(month: BookMonth) -> Finding:
    """Every session that ended has its record."""
    ended = ChargingSession.objects.filter(
        month.of_operator("station"),
        state=ChargingSession.State.ENDED,
        ended_at__gte=month.starts_at,
        ended_at__lt=month.ends_at,
    )
    total = ended.count()
    waiting = ended.filter(held_reason="", cdrs__isnull=True).count()
    return Finding(waiting, bool(total), ((_("sessions"), total), (_("without a price"), waiting)))


def holds(month: BookMonth) -> Finding:
    """Nobody's session waits for a decision."""
    held = ChargingSession.objects.filter(
        month.of_operator("station"), state=ChargingSession.State.ENDED, ended_at__lt=month.ends_at
    ).filter(~Q(held_reason="") | Q(reviews__decision="", reviews__isnull=False))
    return Finding(held.distinct().count())


def unmatched_stops(month: BookMonth) -> Finding:
    """No stop is left whose session nobody knows."""
    stops = UnmatchedStop.objects.filter(
        month.of_operator("station"), session=None, received_at__lt=month.ends_at
    )
    return Finding(stops.count())


def invoice_run(month: BookMonth) -> Finding:
    """The month's invoices are made, without failures."""
    run = InvoiceRun.objects.filter(
        operator=month.operator_id, period_start=month.start, period_end=month.end
    ).first()
    if run is None:
        cdrs = _unbilled_of(month).filter(payment_kind=PaymentKind.INVOICE)
        due = cdrs.values("account").distinct().count()
        return Finding(due, bool(due), ((_("customers to invoice"), due),))
    failed = run.items.filter(state="failed").count()
    left = run.items.filter(state="pending").count()
    issued = run.items.filter(state="issued").count()
    open_ = max(failed + left, int(run.state != InvoiceRun.State.DONE))
    return Finding(
        open_, figures=((_("invoices issued"), issued), (_("failed"), failed), (_("waiting"), left))
    )


def billed(month: BookMonth) -> Finding:
    """Every record that somebody pays for stands on a document."""
    cdrs = Cdr.objects.filter(
        operator=month.operator_id, ended_at__gte=month.starts_at, ended_at__lt=month.ends_at
    ).exclude(payment_kind=PaymentKind.NONE)
    total = cdrs.current().count()
    open_sessions = (
        cdrs.filter(billed__isnull=True)
        .values("session")
        .order_by()
        .annotate(owed=Sum("total_incl_vat"))
        .exclude(owed=0)
    )
    owed = list(open_sessions.values_list("owed", flat=True))
    return Finding(
        len(owed),
        bool(total),
        ((_("records"), total), (_("not on any document"), len(owed)), (_("worth"), sum(owed, ZERO))),
    )


def reconciled(month: BookMonth) -> Finding:
    """Each day with card payments was held against the card processor, and differences were accepted."""
    moved = BalanceTransaction.objects.filter(
        operator=month.operator_id, created_at__gte=month.starts_at, created_at__lt=month.ends_at
    )
    paid = Payment.objects.filter(
        operator=month.operator_id,
        captured__gt=0,
        settled_at__gte=month.starts_at,
        settled_at__lt=month.ends_at,
    )
    zone = month.starts_at.tzinfo
    moments = {*moved.values_list("created_at", flat=True), *paid.values_list("settled_at", flat=True)}
    days = {at.astimezone(zone).date() for at in moments if at is not None}
    checks = Reconciliation.objects.filter(
        operator=month.operator_id, day__gte=month.start, day__lt=month.end
    )
    settled = {check.day for check in checks if not check.differences or check.accepted_at}
    differing = [check for check in checks if check.differences and not check.accepted_at]
    missing = days - {check.day for check in checks}
    return Finding(
        len(missing) + len(differing),
        bool(days or checks),
        ((_("days with card payments"), len(days)), (_("checked"), len(settled)),
         (_("with differences"), len(differing))),
    )  # fmt: skip


def webhooks(month: BookMonth) -> Finding:
    """Every message of the card processor was acted upon."""
    received = WebhookEvent.objects.filter(received_at__lt=month.ends_at)
    return Finding(received.filter(handled_at=None).count(), received.exists())


def wallets(month: BookMonth) -> Finding:
    """What the books owe customers is what is in their wallets."""
    entries = WalletEntry.objects.filter(
        wallet__account__operator=month.operator_id, created_at__lt=month.ends_at
    )
    ours = entries.aggregate(total=Sum("amount"))["total"]
    return _compared(month, _("in wallets"), ours, role=Role.WALLET, sign=-1)


def receivable(month: BookMonth) -> Finding:
    """The customers' debts in the books are what is open on the documents."""
    documents = Invoice.objects.filter(
        operator=month.operator_id,
        kind__in=(Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT, Invoice.Kind.CREDIT_NOTE),
        invoice_date__lt=month.end,
    ).exclude(credits__kind__in=(Invoice.Kind.SELF_BILLING, Invoice.Kind.REIMBURSEMENT))
    settled = InvoiceSettlement.objects.filter(
        invoice__in=documents.values("pk"), settled_at__lt=month.ends_at
    ).exclude(kind=InvoiceSettlement.Kind.CREDIT)  # the credit note itself is among the documents
    asked = documents.aggregate(total=Sum("payable"))["total"]
    paid = settled.aggregate(total=Sum("amount"))["total"] or ZERO
    ours = None if asked is None else asked - paid
    return _compared(month, _("open on documents"), ours, role=Role.RECEIVABLE)


def unbilled(month: BookMonth) -> Finding:
    """What is earned and not invoiced in the books is the net of the records without a document."""
    net = _unbilled_of(month).aggregate(total=Sum("total_excl_vat"))["total"]
    return _compared(month, _("records without document, net"), net, role=Role.UNBILLED)


def deferred(month: BookMonth) -> Finding:
    """Subscription fees paid for months to come are a debt in the books; those of months over are earned."""
    billed = InvoiceLine.objects.filter(
        dimension=SUBSCRIPTION, invoice__operator=month.operator_id, invoice__invoice_date__lt=month.end
    ).aggregate(total=Sum("net"))["total"]
    months = SubscriptionMonth.objects.filter(subscription__account__operator=month.operator_id)
    credited = credited_month_ids(month.operator_id, before=month.end)
    earned = (
        months.filter(recognised_at__lt=month.ends_at)
        .exclude(pk__in=credited)
        .values_list("fee", F("subscription__plan__vat_rate"))
    )
    left = (billed or ZERO) - sum((round_half_up(fee / (1 + rate), digits=2) for fee, rate in earned), ZERO)
    late = months.filter(
        recognised_at=None, end_date__lte=month.end, invoice__invoice_date__lt=month.end
    ).count()
    found = _compared(
        month,
        _("paid for months to come, net"),
        None if billed is None else left,
        role=Role.DEFERRED,
        sign=-1,
    )
    figures = (*found.figures, *(((_("months over and not earned yet"), late),) if late else ()))
    return Finding(max(found.count, late), found.applies, figures)


def balanced(month: BookMonth) -> Finding:
    """Debit and credit meet."""
    found = reports.trial_balance(month.operator_id, start=month.start, end=month.end)
    debit = sum((row.debit for row in found.rows), ZERO)
    credit = sum((row.credit for row in found.rows), ZERO)
    figures = ((_("debit"), debit), (_("credit"), credit))
    return Finding(int(not found.is_balanced), figures=figures)


def rendered(month: BookMonth) -> Finding:
    """Every document of the month exists as a file."""
    issued = Invoice.objects.filter(
        operator=month.operator_id, invoice_date__gte=month.start, invoice_date__lt=month.end
    )
    total = issued.count()
    made = issued.filter(documents__kind="pdf").count()
    return Finding(total - made, bool(total), ((_("documents"), total), (_("as PDF"), made)))


def without_file(operator_id: int, *, month: dt.date) -> list[int]:
    """The month's documents that exist as rows and not as files yet."""
    book_month = BookMonth.of(operator_id, month)
    issued = Invoice.objects.filter(
        operator=operator_id, invoice_date__gte=book_month.start, invoice_date__lt=book_month.end
    )
    return list(issued.exclude(documents__kind="pdf").order_by("pk").values_list("pk", flat=True))


def exported(month: BookMonth) -> Finding:
    """The vouchers were taken over to the accounting system."""
    taken = Export.objects.filter(
        operator=month.operator_id,
        kind=ExportKind.SIE,
        state=Export.State.DONE,
        period_start__lte=month.start,
        period_end__gte=month.end,
        downloads__isnull=False,
    )
    return Finding(int(not taken.exists()))


def _unbilled_of(month: BookMonth) -> QuerySet[Cdr]:
    """Records until the end of the month that stood on no document dated before its end."""
    until = Cdr.objects.filter(operator=month.operator_id, ended_at__lt=month.ends_at)
    return until.filter(Q(billed=None) | Q(billed__invoice__invoice_date__gte=month.end))


def _compared(
    month: BookMonth, what: str | Promise, ours: Decimal | None, *, role: str, sign: int = 1
) -> Finding:
    debit = reports.balance(month.operator_id, roles=[role], before=month.end)
    books = debit if sign > 0 else ZERO - debit
    figures = ((what, ours or ZERO), (_("in the books"), books))
    return Finding(int((ours or ZERO) != books), ours is not None or bool(books), figures)


Check = Callable[[BookMonth], Finding]

#: In the order a person goes through them: (key, title, check).
ITEMS: tuple[tuple[str, str | Promise, Check], ...] = (
    ("unrated", _("Every ended session has a price"), unrated),
    ("holds", _("No session is held"), holds),
    ("unmatched_stops", _("No stop without session"), unmatched_stops),
    ("invoice_run", _("The month's invoices are made"), invoice_run),
    ("billed", _("Every record stands on a document"), billed),
    ("reconciled", _("Card payments agree with the card processor"), reconciled),
    ("webhooks", _("Every message of the card processor is handled"), webhooks),
    ("wallets", _("Wallets agree with the books"), wallets),
    ("receivable", _("Customers' debts agree with the books"), receivable),
    ("unbilled", _("Unbilled charging agrees with the books"), unbilled),
    ("deferred", _("Fees paid in advance agree with the books"), deferred),
    ("balanced", _("Debit and credit meet"), balanced),
    ("rendered", _("Every document is made as PDF"), rendered),
    ("exported", _("Vouchers taken to the accounting system (SIE)"), exported),
)

#: The month is not closed while one of these is open; the others can be acknowledged with a note.
BLOCKING = frozenset(
    {"unrated", "holds", "invoice_run", "billed", "wallets", "receivable", "unbilled", "deferred", "balanced"}
)
