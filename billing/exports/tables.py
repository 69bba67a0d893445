"""The tables that are exported: what each has a row for, and its columns.

The names of the columns are for programs and are never translated. Amounts have a sign as in the books,
times are UTC, energy is in kWh.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from billing.exports import booked
from billing.exports.period import Period
from billing.exports.sheets import Table
from billing.ledger.reports import trial_balance
from billing.models import Cdr, Invoice, InvoiceSettlement, JournalLine, WalletEntry

_AT_ONCE = 2_000
_INVOICE_COLUMNS = (
    "number", "kind", "invoice_date", "due_date", "period_start", "period_end", "customer_number", "customer",
    "registration_number", "vat_number", "country", "currency", "net", "vat", "rounding", "payable",
    "reverse_charge", "payment_reference", "credits", "reason", "issued_at",
)  # fmt: skip
_CDR_COLUMNS = (
    "id", "session", "location", "station", "evse", "started_at", "ended_at", "energy_kwh", "charging_s",
    "parking_s", "tariff", "payment_kind", "customer_number", "currency", "net", "vat", "gross", "credits",
    "document", "rated_at",
)  # fmt: skip
_JOURNAL_COLUMNS = (
    "entry", "date", "kind", "text", "reference", "account", "account_name", "debit", "credit", "currency",
    "location", "posted_at",
)  # fmt: skip
_PAYMENT_COLUMNS = (
    "date",
    "kind",
    "document",
    "customer_number",
    "customer",
    "amount",
    "currency",
    "reference",
    "settled_at",
)
_BALANCE_COLUMNS = ("account", "name", "kind", "currency", "opening", "debit", "credit", "closing")


def invoices(period: Period) -> Table:
    """A row for each issued document."""
    rows = booked.invoices(period).select_related("series", "credits__series")
    return Table(_INVOICE_COLUMNS, map(_invoice, _streamed(rows)), rows.count())


def cdrs(period: Period) -> Table:
    """A row for each charge detail record, credits included."""
    rows = booked.cdrs(period).select_related(
        "session__station__location", "session__evse", "tariff", "account", "credits",
        "billed__invoice__series",
    )  # fmt: skip
    return Table(_CDR_COLUMNS, map(_cdr, _streamed(rows)), rows.count())


def journal(period: Period) -> Table:
    """A row for each line of the period's vouchers."""
    rows = (
        JournalLine.objects.filter(entry__in=booked.entries(period))
        .select_related("entry", "account", "location")
        .order_by("entry__entry_date", "entry_id", "pk")
    )
    return Table(_JOURNAL_COLUMNS, map(_journal_line, _streamed(rows)), rows.count())


def payments(period: Period) -> Table:
    """A row for each movement of money: what lessened a document, and what went into or out of wallets."""
    dates = dict(
        booked.entries(period)
        .filter(key__regex="^(settlement|wallet):")
        .order_by("entry_date", "pk")
        .values_list("key", "entry_date")
    )
    return Table(_PAYMENT_COLUMNS, _payments(dates), len(dates))


def balances(period: Period) -> Table:
    """A row for each account of the trial balance."""
    rows = [
        (r.number, r.name, r.kind, r.currency, r.opening, r.debit, r.credit, r.closing)
        for r in trial_balance(period.operator_id, start=period.start, end=period.end).rows
    ]
    return Table(_BALANCE_COLUMNS, rows, len(rows))


def _streamed(rows: QuerySet) -> Iterator[Any]:
    return rows.iterator(chunk_size=_AT_ONCE)


def _invoice(invoice: Invoice) -> tuple[Any, ...]:
    buyer = invoice.buyer
    return (
        invoice.full_number, invoice.kind, invoice.invoice_date, invoice.due_date, invoice.period_start,
        invoice.period_end, buyer.get("number", ""), buyer.get("name", ""),
        buyer.get("registration_number", ""),
        buyer.get("vat_number", ""), buyer.get("country", ""), invoice.currency, invoice.total_net,
        invoice.total_vat, invoice.rounding, invoice.payable, int(invoice.is_reverse_charge), invoice.ocr,
        invoice.credits.full_number if invoice.credits else "", invoice.reason, invoice.issued_at,
    )  # fmt: skip


def _cdr(cdr: Cdr) -> tuple[Any, ...]:
    session = cdr.session
    billed = getattr(cdr, "billed", None)
    return (
        str(cdr.public_id), str(session.public_id), str(session.station.location or ""),
        session.station.identity, session.evse.number if session.evse else None, cdr.started_at, cdr.ended_at,
        (cdr.energy_wh / 1000).quantize(Decimal("0.001")), cdr.charging_s, cdr.parking_s,
        cdr.tariff.name if cdr.tariff else "", cdr.payment_kind, cdr.account.number if cdr.account else "",
        cdr.currency, cdr.total_excl_vat, cdr.total_vat, cdr.total_incl_vat,
        str(cdr.credits.public_id) if cdr.credits else "", billed.invoice.full_number if billed else "",
        cdr.rated_at,
    )  # fmt: skip


def _journal_line(line: JournalLine) -> tuple[Any, ...]:
    entry, amount = line.entry, line.amount
    return (
        entry.pk, entry.entry_date, entry.kind, entry.text, entry.reference, line.account.number,
        line.account.name, max(amount, Decimal("0.00")), max(-amount, Decimal("0.00")), line.currency,
        str(line.location or ""), entry.posted_at,
    )  # fmt: skip


def _payments(dates: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    keys = list(dates)
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        found = _settlements(some) | _wallet_entries(some)
        yield from ((dates[key], *found[key]) for key in some if key in found)


def _settlements(keys: list[str]) -> dict[str, tuple[Any, ...]]:
    wanted = [key.removeprefix("settlement:") for key in keys if key.startswith("settlement:")]
    rows = InvoiceSettlement.objects.filter(key__in=wanted).select_related("invoice__series")
    return {
        f"settlement:{row.key}": (
            row.kind, row.invoice.full_number, row.invoice.buyer.get("number", ""),
            row.invoice.buyer.get("name", ""), row.amount, row.invoice.currency, row.reference,
            row.settled_at,
        )
        for row in rows
    }  # fmt: skip


def _wallet_entries(keys: list[str]) -> dict[str, tuple[Any, ...]]:
    wanted = [key.removeprefix("wallet:") for key in keys if key.startswith("wallet:")]
    rows = WalletEntry.objects.filter(key__in=wanted).select_related("wallet__account")
    return {
        f"wallet:{row.key}": (
            f"wallet_{row.kind}", "", row.wallet.account.number, row.wallet.account.name, row.amount,
            row.wallet.currency, row.text, row.created_at,
        )
        for row in rows
    }  # fmt: skip
