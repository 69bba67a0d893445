"""Issued documents as the database wants them: totals are the sums of the lines."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import Organisation
from billing.invoicing.vat import category_of
from billing.ledger.postings import IssuedDocument, documents_issued
from billing.models import BillingAccount, Invoice, InvoiceLine, InvoiceSeries, InvoiceVat
from tests.factories import LocationFactory, OrganisationFactory

ISSUED = dt.datetime(2026, 11, 2, 5, 30, tzinfo=dt.UTC)
SELLER = {
    "name": "Norrsken Laddning AB", "registration_number": "556000-4615", "vat_number": "SE556000461501",
    "street": "Storgatan 1", "postal_code": "903 26", "city": "Umeå", "country": "SE", "seat": "Umeå",
    "email": "ekonomi@norrsken.example", "phone": "090-10 20 30", "has_f_tax": True, "bankgiro": "5402-9681",
    "plusgiro": "", "iban": "SE4550000000058398257466", "bic": "ESSESESS", "peppol_scheme": "0007",
    "peppol_id": "5560004615",
}  # fmt: skip
BUYER = {
    "name": "Åkeri & Söner AB", "number": "O000017", "email": "faktura@akeri.example",
    "street": "Hamngatan 3",
    "postal_code": "111 47", "city": "Stockholm", "country": "SE", "registration_number": "556016-0680",
    "vat_number": "SE556016068001", "reference": "Flottan/Anna", "peppol_scheme": "0007",
    "peppol_id": "5560160680", "is_business": True,
}  # fmt: skip
PERSON = {"name": "Anna Öberg", "number": "P000002", "email": "anna@example.test", "is_business": False}
CODES = {"invoice": "F", "credit_note": "KR", "receipt": "K", "self_billing": "S-7", "reimbursement": "E"}


def line(
    energy_kwh: str = "12.345", price: str = "3.96", rate: str | None = "0.25", **facts: Any
) -> dict[str, Any]:
    """A line of energy at a price without VAT; its amounts are rounded to the öre."""
    quantity, unit_price = Decimal(energy_kwh), Decimal(price)
    net = (quantity * unit_price).quantize(Decimal("0.01"))
    vat = (net * Decimal(rate or 0)).quantize(Decimal("0.01"))
    return {
        "dimension": "ENERGY", "description": "Laddning, Stortorget 1", "quantity": quantity, "unit": "kWh",
        "unit_price_net": unit_price, "vat_rate": None if rate is None else Decimal(rate), "net": net,
        "vat": vat,
        "gross": net + vat, "started_at": dt.datetime(2026, 10, 3, 6, 12, tzinfo=dt.UTC),
        "ended_at": dt.datetime(2026, 10, 3, 7, 40, tzinfo=dt.UTC),
    } | facts  # fmt: skip


@transaction.atomic
def document(
    *lines: dict[str, Any],
    kind: str = "invoice",
    operator: Organisation | None = None,
    account: BillingAccount | None = None,
    issued_at: dt.datetime = ISSUED,
    **facts: Any,
) -> Invoice:
    """An issued document with these lines (one by default) in the next number of its series."""
    operator = operator or OrganisationFactory(registration_number="556000-4615")
    series, _ = InvoiceSeries.objects.get_or_create(
        issuer=operator, code=CODES[kind], defaults={"next_number": 1001}
    )
    chosen = list(lines) or [line()]
    reverse = facts.get("is_reverse_charge", False)
    sums: dict[tuple[str, Decimal], Decimal] = defaultdict(Decimal)
    mixed = len({each["vat_rate"] is None for each in chosen}) > 1
    for each in chosen:
        category = category_of(each["vat_rate"], is_reverse_charge=reverse, is_mixed=mixed)
        sums[category, Decimal(0) if reverse else each["vat_rate"] or Decimal(0)] += each["net"]
    vat_rows = [(c, r, net, (net * r).quantize(Decimal("0.01"))) for (c, r), net in sums.items()]
    total_net, total_vat = sum(row[2] for row in vat_rows), sum(row[3] for row in vat_rows)
    payable = sum(each["gross"] for each in chosen)
    issued_date = issued_at.date()
    invoice = Invoice.objects.create(
        operator=operator, account=account, kind=kind, series=series, number=series.next_number,
        total_net=total_net, total_vat=total_vat, rounding=payable - total_net - total_vat, payable=payable,
        issued_at=issued_at, **{
            "invoice_date": issued_date, "due_date": issued_date + dt.timedelta(days=30), "currency": "SEK",
            "language": "sv", "seller": SELLER, "buyer": BUYER, "ocr": "1100124",
            "period_start": dt.date(2026, 10, 1),
            "period_end": dt.date(2026, 11, 1),
        } | facts,
    )  # fmt: skip
    InvoiceSeries.objects.filter(pk=series.pk).update(next_number=series.next_number + 1)
    InvoiceLine.objects.bulk_create(
        InvoiceLine(invoice=invoice, position=position, **each)
        for position, each in enumerate(chosen, start=1)
    )
    InvoiceVat.objects.bulk_create(
        InvoiceVat(invoice=invoice, category=c, rate=r, net=net, vat=vat) for c, r, net, vat in vat_rows
    )
    return Invoice.objects.get(pk=invoice.pk)


def credited(**facts: Any) -> Invoice:
    """A credit note of everything on an invoice."""
    original = document()
    turned = line("-12.345")
    return document(
        turned, kind="credit_note", operator=original.operator, credits=original, reason="Fel pris", **facts
    )


def abroad(**facts: Any) -> Invoice:
    """An invoice to a company in Denmark, which accounts for the VAT itself."""
    buyer = BUYER | {
        "name": "Ladeselskabet A/S", "country": "DK", "city": "København", "postal_code": "1050",
        "registration_number": "13585628", "vat_number": "DK13585628", "peppol_scheme": "0184",
        "peppol_id": "13585628",
    }  # fmt: skip
    return document(line(rate=None), is_reverse_charge=True, buyer=buyer, language="en", **facts)


def fleet(rows: int = 300, **facts: Any) -> Invoice:
    """An invoice of many sessions by cars of two cost centres, and one of none."""
    place = LocationFactory(name="Stortorget")
    centres = ["Hemtjänst", "Park & gata", ""]
    lines = [
        line(
            f"{10 + number % 40}.{number % 1000:03}",
            description=f"Laddning, Stortorget {number % 6 + 1}, ABC {number:03}",
            cost_centre=centres[number * 3 // rows] if rows > 2 else "",
            location=place,
            started_at=dt.datetime(2026, 10, 1, tzinfo=dt.UTC) + dt.timedelta(hours=2 * number),
            ended_at=dt.datetime(2026, 10, 1, 1, 5, tzinfo=dt.UTC) + dt.timedelta(hours=2 * number),
        )
        for number in range(rows)
    ]
    return document(*lines, **facts)


EVERY_KIND = {
    "invoice": document,
    "english invoice": lambda: document(language="en"),
    "two rates": lambda: document(line(), line("3", "10", "0.12", unit="pcs", dimension="FEE")),
    "no VAT on a line": lambda: document(line(), line("1", "25", None, unit="pcs", dimension="FLAT")),
    "credit note": credited,
    "reverse charge": abroad,
    "receipt": lambda: document(kind="receipt", buyer=PERSON, ocr=""),
    "self-billing": lambda: document(kind="self_billing", ocr=""),
    "fleet": lambda: fleet(30),
}


def book(invoice: Invoice) -> Invoice:
    """The document is in the ledger, as it is when it was issued."""
    lines = list(invoice.lines.all())
    rates = [each.vat_rate for each in lines]
    no = [False] * len(lines)
    documents_issued([IssuedDocument(invoice, lines, list(invoice.vat_totals.all()), rates, no)])
    return invoice
