"""What stands on a document, worded and formatted, ready to be set: the data of the template."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from billing.invoicing.document_words import Words, words_of
from billing.models import Invoice, InvoiceLine, InvoiceVat
from chargeportal.common.formats import NO_BREAK_SPACE, format_number, format_percent, format_quantity
from chargeportal.common.formats import format_money as money_text
from chargeportal.common.money import Money, round_half_up

ZONE = "Europe/Stockholm"
_MOST_PRICE_DIGITS = 4
_GROUP = 4
Kind = Invoice.Kind
_OWED_BY_US = {Kind.SELF_BILLING, Kind.REIMBURSEMENT}


def facts(invoice: Invoice, *, lines: list[InvoiceLine], vat_totals: list[InvoiceVat]) -> dict[str, Any]:
    """The data of the template; every value is text in the invoice's language."""
    words = words_of(invoice.language)
    return {
        "language": "en" if invoice.language.startswith("en") else "sv",
        "title": f"{words.heading[invoice.kind]} {invoice.full_number}",
        "heading": words.heading[invoice.kind],
        "number": invoice.full_number,
        "words": {"to": words.to, "page": words.page, "of": words.of},
        "attachment": {"name": f"{invoice.full_number}.xml", "description": words.attachment},
        "seller": {"name": _text(invoice.seller, "name")},
        "buyer": _buyer(invoice, words),
        "facts": _facts(invoice, words),
        "pay": _pay(invoice, words),
        "notes": _notes(invoice, words),
        "columns": _columns(invoice, words),
        "groups": _groups(invoice, lines, words),
        "vat-columns": [words.vat_rate, words.vat_base, words.vat],
        "vat": [_vat_row(invoice, total) for total in vat_totals]
        if invoice.kind != Kind.REIMBURSEMENT
        else [],
        "totals": _totals(invoice, words),
        "total": [_total_word(invoice, words), _money(invoice, abs(invoice.payable))],
        "terms": _terms(invoice, words),
        "footer": _footer(invoice.seller, words),
    }


def _text(facts_of: dict[str, Any], name: str) -> str:
    return str(facts_of.get(name) or "").strip()


def _money(invoice: Invoice, amount: Decimal) -> str:
    return money_text(Money(amount, invoice.currency), invoice.language)


def _amount(invoice: Invoice, amount: Decimal) -> str:
    return format_number(amount, invoice.language, digits=2)


def _place(party: dict[str, Any]) -> list[str]:
    town = f"{_text(party, 'postal_code')} {_text(party, 'city')}".strip()
    country = _text(party, "country")
    return [each for each in (_text(party, "street"), town, country if country != "SE" else "") if each]


def _buyer(invoice: Invoice, words: Words) -> dict[str, Any]:
    buyer = invoice.buyer
    is_person = not buyer.get("is_business", True)
    lines = _place(buyer) or [_text(buyer, "email")]
    ids = [
        f"{label} {_text(buyer, key)}"
        for label, key in (
            (words.organisation_number, "registration_number"),
            (words.vat_number, "vat_number"),
        )
        if _text(buyer, key) and not is_person
    ]
    return {
        "name": _text(buyer, "name") or words.guest,
        "lines": [each for each in lines if each],
        "ids": ids,
    }


def _facts(invoice: Invoice, words: Words) -> list[list[str]]:
    rows = [[words.number[invoice.kind], invoice.full_number], [words.date, f"{invoice.invoice_date}"]]
    if invoice.kind in {Kind.INVOICE, Kind.SELF_BILLING}:
        rows.append([words.due, f"{invoice.due_date}"])
    if invoice.credits is not None:
        original = f"{invoice.credits.full_number} ({invoice.credits.invoice_date})"
        rows.append([words.credits, original])
    rows.append([words.period, _period(invoice)])
    rows.append([words.customer_number, _text(invoice.buyer, "number")])
    rows.append([words.reference, _text(invoice.buyer, "reference")])
    return [row for row in rows if row[1]]


def _period(invoice: Invoice) -> str:
    if invoice.period_start is None or invoice.period_end is None:
        return ""
    last = invoice.period_end - dt.timedelta(days=1)
    return f"{last}" if last == invoice.period_start else f"{invoice.period_start} – {last}"


def _pay(invoice: Invoice, words: Words) -> dict[str, Any] | None:
    """The framed amount, with where and when to pay it on invoices."""
    rows: list[list[str]] = []
    if invoice.kind == Kind.INVOICE and invoice.payable > 0:
        seller = invoice.seller
        rows = [
            [words.due, f"{invoice.due_date}"],
            [words.bankgiro, _text(seller, "bankgiro")],
            [words.plusgiro, _text(seller, "plusgiro") if not _text(seller, "bankgiro") else ""],
            [words.ocr, invoice.ocr],
        ]
    return {
        "label": _total_word(invoice, words),
        "amount": _money(invoice, abs(invoice.payable)),
        "rows": [row for row in rows if row[1]],
    }


def _total_word(invoice: Invoice, words: Words) -> str:
    if invoice.kind in _OWED_BY_US:
        return words.paid_out if invoice.payable >= 0 else words.to_pay
    if invoice.kind == Kind.RECEIPT or getattr(invoice.credits, "kind", "") in _OWED_BY_US:
        return words.total
    return words.to_pay if invoice.payable >= 0 and invoice.kind == Kind.INVOICE else words.to_credit


def _notes(invoice: Invoice, words: Words) -> list[str]:
    """What the law wants said in words."""
    notes = []
    if invoice.kind == Kind.CREDIT_NOTE and invoice.reason:
        notes.append(f"{words.credit_reason}: {invoice.reason}")
    if invoice.is_reverse_charge:
        notes.append(words.reverse_charge)
    if invoice.kind == Kind.SELF_BILLING:
        notes.append(words.self_billing)
    if invoice.kind == Kind.REIMBURSEMENT:
        notes.append(words.reimbursement)
    return notes


def _columns(invoice: Invoice, words: Words) -> list[str]:
    names = list(words.columns)
    names[4] = f"{names[4]} ({invoice.currency})"
    if invoice.kind == Kind.RECEIPT:
        names[2], names[4] = words.price_with_vat, f"{words.amount_with_vat} ({invoice.currency})"
    if invoice.kind == Kind.REIMBURSEMENT:
        names[3] = ""
    return names


def _groups(invoice: Invoice, lines: Iterable[InvoiceLine], words: Words) -> list[dict[str, Any]]:
    """The lines, by cost centre where there are any."""
    ordered = list(lines)
    if not any(line.cost_centre for line in ordered):
        return [{"name": "", "rows": [_row(invoice, line, words) for line in ordered]}]
    ordered.sort(key=lambda line: (not line.cost_centre, line.cost_centre, line.position))
    groups = []
    for centre, members in groupby(ordered, key=lambda line: line.cost_centre):
        rows = list(members)
        name = centre or words.no_cost_centre
        groups.append(
            {
                "name": name,
                "rows": [_row(invoice, line, words) for line in rows],
                "subtotal-label": f"{words.subtotal} {name}",
                "subtotal": _amount(invoice, sum((_shown(invoice, line) for line in rows), Decimal(0))),
            }
        )
    return groups


def _row(invoice: Invoice, line: InvoiceLine, words: Words) -> dict[str, str]:
    unit = words.units.get(line.unit, line.unit)
    quantity = (
        format_number(line.quantity, invoice.language, digits=3)
        if line.unit == "kWh"
        else format_quantity(line.quantity, invoice.language)
    )
    is_statement = invoice.kind == Kind.REIMBURSEMENT
    return {
        "title": line.description,
        "detail": _when(line),
        "quantity": f"{quantity}{NO_BREAK_SPACE}{unit}".strip(),
        "price": _price(invoice, line),
        "vat": ""
        if line.vat_rate is None or is_statement
        else format_percent(line.vat_rate * 100, invoice.language),
        "amount": _amount(invoice, _shown(invoice, line)),
    }


def _shown(invoice: Invoice, line: InvoiceLine) -> Decimal:
    """A consumer sees what is paid, a company what it books."""
    return line.gross if invoice.kind == Kind.RECEIPT else line.net


def _price(invoice: Invoice, line: InvoiceLine) -> str:
    price = line.unit_price_net
    if invoice.kind == Kind.RECEIPT:
        price *= 1 + (line.vat_rate or Decimal(0))
    price = round_half_up(price, digits=_MOST_PRICE_DIGITS)
    digits = max(2, -int(price.normalize().as_tuple().exponent)) if price else 2
    return format_number(price, invoice.language, digits=digits)


def _when(line: InvoiceLine) -> str:
    """When it was, on the clock of the place; nothing where the description says so already."""
    if line.started_at is None:
        return ""
    zone = ZoneInfo(line.location.time_zone if line.location else ZONE)
    start = line.started_at.astimezone(zone)
    if f"{start:%Y-%m-%d}" in line.description:
        return ""
    if line.ended_at is None:
        return f"{start:%Y-%m-%d %H:%M}"
    end = line.ended_at.astimezone(zone)
    return f"{start:%Y-%m-%d %H:%M} – {end:{'%H:%M' if end.date() == start.date() else '%Y-%m-%d %H:%M'}}"


def _vat_row(invoice: Invoice, total: InvoiceVat) -> list[str]:
    return [
        format_percent(total.rate * 100, invoice.language),
        _amount(invoice, total.net),
        _amount(invoice, total.vat),
    ]


def _totals(invoice: Invoice, words: Words) -> list[list[str]]:
    rows = [] if invoice.kind == Kind.REIMBURSEMENT else [
        [words.net, _amount(invoice, invoice.total_net)],
        [words.vat, _amount(invoice, invoice.total_vat)],
    ]  # fmt: skip
    if invoice.rounding:
        rows.append([words.rounding, _amount(invoice, invoice.rounding)])
    return rows


def _terms(invoice: Invoice, words: Words) -> list[str]:
    if invoice.kind == Kind.RECEIPT:
        return [words.receipt_terms]
    if invoice.kind == Kind.INVOICE and invoice.payable > 0:
        return [words.payment_terms if invoice.ocr else "", words.late_interest]
    return []


def _footer(seller: dict[str, Any], words: Words) -> list[list[Any]]:
    """Who the seller is, as company law and tax law want it on every document."""
    iban = _text(seller, "iban").replace(" ", "")
    labelled = (
        (words.organisation_number, _text(seller, "registration_number")),
        (words.vat_number, _text(seller, "vat_number")),
        (words.seat, _text(seller, "seat")),
    )
    identity = [f"{label} {value}" for label, value in labelled if value]
    if seller.get("has_f_tax"):
        identity.append(words.f_tax)
    accounts = (
        (words.bankgiro, _text(seller, "bankgiro")),
        (words.plusgiro, _text(seller, "plusgiro")),
        (words.iban, " ".join(iban[at : at + _GROUP] for at in range(0, len(iban), _GROUP))),
        ("BIC", _text(seller, "bic")),
    )
    columns: list[list[Any]] = [
        [words.address, [_text(seller, "name"), *_place(seller)]],
        [words.contact, [each for each in (_text(seller, "email"), _text(seller, "phone")) if each]],
        [words.company, identity],
        [words.payment, [f"{label} {value}" for label, value in accounts if value]],
    ]
    return [column for column in columns if column[1]]
