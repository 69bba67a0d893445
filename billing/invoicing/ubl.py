"""Documents as UBL 2.1 for Peppol BIS Billing 3.0 and BIS Self-Billing 3.0.

Source: docs.peppol.eu/poacc/billing/3.0. The order of the elements is that of the UBL schema. Amounts of a
credit note are positive there, because the document itself says that it is a credit.
"""

import datetime as dt
import xml.etree.ElementTree as ET
from decimal import Decimal
from typing import NamedTuple

from billing.invoicing.document_words import words_of
from billing.invoicing.ubl_parties import add_delivery_country, add_party
from billing.invoicing.ubl_xml import CAC, CBC, add, add_amount, text_of
from billing.invoicing.vat import REVERSE, category_of, is_mixed
from billing.models import Invoice, InvoiceLine, InvoiceVat

BILLING = (
    "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
)
SELF_BILLING = (
    "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0",
    "urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0",
)
INVOICE_NS = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT_NOTE_NS = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"

#: UN/ECE Recommendation 20, by the units of our lines.
UNIT_CODES = {"kWh": "KWH", "Wh": "WHR", "h": "HUR", "min": "MIN", "s": "SEC", "month": "MON", "day": "DAY"}
PIECES = "C62"
#: UNCL5189/VATEX: why a category other than S bears no VAT.
_EXEMPTIONS = {
    "AE": ("VATEX-EU-AE", "Reverse charge"),
    "E": ("", "Exempt from VAT"),
    "O": ("VATEX-EU-O", "Not subject to VAT"),
}
_CREDIT_TRANSFER, _CARD = "30", "48"
Kind = Invoice.Kind


class NotAnInvoice(ValueError):
    """A reimbursement statement is no invoice, so it has no UBL."""


class _Document(NamedTuple):
    """What the parts of a document need to know of it."""

    invoice: Invoice
    lines: list[InvoiceLine]
    sign: int
    is_credit: bool
    is_mixed: bool


def document(invoice: Invoice, *, lines: list[InvoiceLine], vat_totals: list[InvoiceVat]) -> bytes:
    """The UBL Invoice or CreditNote, UTF-8, the same bytes each time. Raises: NotAnInvoice."""
    if invoice.kind == Kind.REIMBURSEMENT:
        raise NotAnInvoice(invoice.full_number)
    is_credit = invoice.kind == Kind.CREDIT_NOTE
    mixed = is_mixed(lines)
    made = _Document(invoice, lines, -1 if is_credit else 1, is_credit, mixed)
    name, namespace = ("CreditNote", CREDIT_NOTE_NS) if is_credit else ("Invoice", INVOICE_NS)
    root = ET.Element(name, {"xmlns": namespace, "xmlns:cac": CAC, "xmlns:cbc": CBC})
    _head(root, made)
    _parties(root, made)
    _payment(root, made)
    _vat(root, made, vat_totals)
    _totals(root, made)
    for line in lines:
        _line(root, made, line)
    ET.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="utf-8") + b"\n"


def _head(root: ET.Element, made: _Document) -> None:
    invoice = made.invoice
    is_self_billed = Kind.SELF_BILLING in {invoice.kind, getattr(invoice.credits, "kind", "")}
    customization, profile = SELF_BILLING if is_self_billed else BILLING
    add(root, "cbc:CustomizationID", customization)
    add(root, "cbc:ProfileID", profile)
    add(root, "cbc:ID", invoice.full_number)
    add(root, "cbc:IssueDate", invoice.invoice_date.isoformat())
    if made.is_credit:
        add(root, "cbc:CreditNoteTypeCode", "261" if is_self_billed else "381")
    else:
        add(root, "cbc:DueDate", invoice.due_date.isoformat())
        add(root, "cbc:InvoiceTypeCode", "389" if is_self_billed else "380")
    add(root, "cbc:Note", _note(invoice))
    add(root, "cbc:DocumentCurrencyCode", invoice.currency)
    add(root, "cbc:BuyerReference", text_of(invoice.buyer, "reference") or text_of(invoice.buyer, "number"))
    if invoice.period_start and invoice.period_end:
        period = ET.SubElement(root, "cac:InvoicePeriod")
        add(period, "cbc:StartDate", invoice.period_start.isoformat())
        add(period, "cbc:EndDate", (invoice.period_end - dt.timedelta(days=1)).isoformat())
    if invoice.credits is not None:
        original = ET.SubElement(ET.SubElement(root, "cac:BillingReference"), "cac:InvoiceDocumentReference")
        add(original, "cbc:ID", invoice.credits.full_number)
        add(original, "cbc:IssueDate", invoice.credits.invoice_date.isoformat())


def _note(invoice: Invoice) -> str:
    """The one note a Peppol document may have."""
    words = words_of(invoice.language)
    said = [
        f"{words.credit_reason}: {invoice.reason}"
        if invoice.reason and invoice.kind == Kind.CREDIT_NOTE
        else "",
        words.reverse_charge if invoice.is_reverse_charge else "",
        words.self_billing if invoice.kind == Kind.SELF_BILLING else "",
    ]
    return " ".join(each for each in said if each)


def _parties(root: ET.Element, made: _Document) -> None:
    invoice = made.invoice
    supplier = ET.SubElement(root, "cac:AccountingSupplierParty")
    add_party(supplier, invoice.seller, says_f_tax=True)
    customer = ET.SubElement(root, "cac:AccountingCustomerParty")
    add_party(customer, invoice.buyer)
    if invoice.is_reverse_charge:
        add_delivery_country(root, invoice)


def _payment(root: ET.Element, made: _Document) -> None:
    invoice, seller = made.invoice, made.invoice.seller
    accounts = _accounts(seller) if invoice.kind != Kind.RECEIPT else []
    for account, branch in accounts:
        means = _means(root, _CREDIT_TRANSFER, invoice)
        payee = ET.SubElement(means, "cac:PayeeFinancialAccount")
        add(payee, "cbc:ID", account)
        if branch:
            add(ET.SubElement(payee, "cac:FinancialInstitutionBranch"), "cbc:ID", branch)
    if invoice.kind == Kind.RECEIPT:
        _means(root, _CARD, invoice)
    words = words_of(invoice.language)
    terms = words.receipt_terms if invoice.kind == Kind.RECEIPT else f"{words.due}: {invoice.due_date}"
    add(ET.SubElement(root, "cac:PaymentTerms"), "cbc:Note", terms)


def _means(root: ET.Element, code: str, invoice: Invoice) -> ET.Element:
    means = ET.SubElement(root, "cac:PaymentMeans")
    add(means, "cbc:PaymentMeansCode", code)
    add(means, "cbc:PaymentID", invoice.ocr)
    return means


def _accounts(seller: dict) -> list[tuple[str, str]]:
    """Where to pay: Swedish giros as SE-R-007 to 012 want them, and the IBAN."""
    digits = {
        key: text_of(seller, key).replace("-", "").replace(" ", "")
        for key in ("bankgiro", "plusgiro", "iban")
    }
    found = [
        (digits["bankgiro"], "SE:BANKGIRO"),
        (digits["plusgiro"], "SE:PLUSGIRO"),
        (digits["iban"], text_of(seller, "bic")),
    ]
    return [each for each in found if each[0]]


def _vat(root: ET.Element, made: _Document, vat_totals: list[InvoiceVat]) -> None:
    invoice = made.invoice
    total = ET.SubElement(root, "cac:TaxTotal")
    add_amount(total, "cbc:TaxAmount", invoice.total_vat * made.sign, invoice.currency)
    for each in vat_totals:
        subtotal = ET.SubElement(total, "cac:TaxSubtotal")
        add_amount(subtotal, "cbc:TaxableAmount", each.net * made.sign, invoice.currency)
        add_amount(subtotal, "cbc:TaxAmount", each.vat * made.sign, invoice.currency)
        _category(subtotal, "cac:TaxCategory", each.category, each.rate, says_why=True)


def _category(parent: ET.Element, name: str, category: str, rate: Decimal, *, says_why: bool = False) -> None:
    element = ET.SubElement(parent, name)
    add(element, "cbc:ID", category)
    if category != "O":
        add(element, "cbc:Percent", _plain(rate * 100))
    if says_why and category in _EXEMPTIONS:
        code, reason = _EXEMPTIONS[category]
        add(element, "cbc:TaxExemptionReasonCode", code)
        add(element, "cbc:TaxExemptionReason", reason)
    add(ET.SubElement(element, "cac:TaxScheme"), "cbc:ID", "VAT")


def _totals(root: ET.Element, made: _Document) -> None:
    invoice, sign = made.invoice, made.sign
    totals = ET.SubElement(root, "cac:LegalMonetaryTotal")
    add_amount(totals, "cbc:LineExtensionAmount", invoice.total_net * sign, invoice.currency)
    add_amount(totals, "cbc:TaxExclusiveAmount", invoice.total_net * sign, invoice.currency)
    with_vat = (invoice.total_net + invoice.total_vat) * sign
    add_amount(totals, "cbc:TaxInclusiveAmount", with_vat, invoice.currency)
    if invoice.rounding:
        add_amount(totals, "cbc:PayableRoundingAmount", invoice.rounding * sign, invoice.currency)
    add_amount(totals, "cbc:PayableAmount", invoice.payable * sign, invoice.currency)


def _line(root: ET.Element, made: _Document, line: InvoiceLine) -> None:
    """One line; a price is never negative (BR-27), so the quantity carries the sign."""
    invoice = made.invoice
    quantity, price = line.quantity * made.sign, line.unit_price_net
    if price < 0:
        quantity, price = -quantity, -price
    element = ET.SubElement(root, "cac:CreditNoteLine" if made.is_credit else "cac:InvoiceLine")
    add(element, "cbc:ID", str(line.position))
    counted = "cbc:CreditedQuantity" if made.is_credit else "cbc:InvoicedQuantity"
    add(element, counted, _plain(quantity), unitCode=UNIT_CODES.get(line.unit, PIECES))
    add_amount(element, "cbc:LineExtensionAmount", line.net * made.sign, invoice.currency)
    add(element, "cbc:AccountingCost", line.cost_centre)
    item = ET.SubElement(element, "cac:Item")
    add(item, "cbc:Description", _when(line))
    add(item, "cbc:Name", line.description or line.dimension)
    category = category_of(line.vat_rate, is_reverse_charge=invoice.is_reverse_charge, is_mixed=made.is_mixed)
    rate = Decimal(0) if category == REVERSE else line.vat_rate or Decimal(0)
    _category(item, "cac:ClassifiedTaxCategory", category, rate)
    add_amount(ET.SubElement(element, "cac:Price"), "cbc:PriceAmount", price, invoice.currency, digits=6)


def _when(line: InvoiceLine) -> str:
    if line.started_at is None:
        return ""
    ended = f"/{line.ended_at.astimezone(dt.UTC):%Y-%m-%dT%H:%MZ}" if line.ended_at else ""
    return f"{line.started_at.astimezone(dt.UTC):%Y-%m-%dT%H:%MZ}{ended}"


def _plain(number: Decimal) -> str:
    """The number without exponent and idle zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text
