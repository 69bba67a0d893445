"""Holds a UBL document against the rules of Peppol BIS Billing 3.0 that our documents can break.

Source: OpenPEPPOL/peppol-bis-invoice-3, rules/sch: EN 16931 (BR-…), Peppol (PEPPOL-EN16931-R…) and Sweden
(SE-R-…). It is not the whole schematron: what our writer cannot produce is not looked for.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation

from billing.invoicing.peppol_parties import party_violations
from billing.invoicing.peppol_reading import Document, Violation, number_of, read
from billing.invoicing.ubl import BILLING, SELF_BILLING
from chargeportal.common.money import round_half_up

__all__ = ["Violation", "violations"]

_LINE_TOLERANCE = Decimal("0.02")
_CENT = Decimal("0.01")
_ZERO_CATEGORIES = {"AE", "E", "O", "Z"}
_SWEDISH_RATES = {Decimal(25), Decimal(12), Decimal(6)}
_CARD_NUMBER = re.compile(r"\d{13,19}")


def violations(xml: bytes) -> list[Violation]:
    """Every rule the document breaks, in the order of the rules below; none when it may be sent."""
    try:
        document = read(xml)
    except ET.ParseError as error:
        return [Violation("XML", f"The document is not well-formed: {error}")]
    found: list[Violation] = []
    for rule in _RULES:
        found.extend(rule(document))
    return found


def _identity(doc: Document) -> Iterator[Violation]:
    said = (doc.text("cbc:CustomizationID"), doc.text("cbc:ProfileID"))
    expected = SELF_BILLING if doc.type_code in {"389", "261"} else BILLING
    if said[0] != expected[0]:
        yield Violation("PEPPOL-EN16931-R004", "The specification identifier is not that of the profile")
    if said[1] != expected[1]:
        yield Violation("PEPPOL-EN16931-R001", "The business process is missing or unknown")
    for rule, path, what in (
        ("BR-02", "cbc:ID", "number"),
        ("BR-03", "cbc:IssueDate", "issue date"),
        ("BR-05", "cbc:DocumentCurrencyCode", "currency"),
    ):
        if not doc.text(path):
            yield Violation(rule, f"The document has no {what}")
    if doc.type_code not in ({"381", "261"} if doc.is_credit else {"380", "389"}):
        yield Violation("BR-04", "The type code does not fit the document")
    if not doc.text("cbc:BuyerReference") and not doc.text("cac:OrderReference/cbc:ID"):
        yield Violation("PEPPOL-EN16931-R003", "Neither a buyer's reference nor an order reference is given")


def _form(doc: Document) -> Iterator[Violation]:
    empty = [e.tag for e in doc.root.iter() if len(e) == 0 and not (e.text or "").strip()]
    if empty:
        yield Violation("PEPPOL-EN16931-R008", f"Empty elements: {', '.join(sorted(set(empty)))}")
    if len(doc.all("cbc:Note")) > 1:
        yield Violation("PEPPOL-EN16931-R002", "There is more than one note")
    currency = doc.text("cbc:DocumentCurrencyCode")
    if any(e.get("currencyID", currency) != currency for e in doc.root.iter()):
        yield Violation("PEPPOL-EN16931-R051", "An amount is in another currency than the document")


def _credit(doc: Document) -> Iterator[Violation]:
    references = doc.all("cac:BillingReference/cac:InvoiceDocumentReference")
    if doc.is_credit and not references:
        yield Violation("BR-55", "The credit note does not say what it credits")
    if any(not doc.text("cbc:ID", inside=each) for each in references):
        yield Violation("BR-55", "A preceding invoice has no number")


def _period(doc: Document) -> Iterator[Violation]:
    start, end = doc.text("cac:InvoicePeriod/cbc:StartDate"), doc.text("cac:InvoicePeriod/cbc:EndDate")
    if start and end and end < start:
        yield Violation("BR-29", "The period ends before it begins")
    for line in doc.lines:
        first, last = (doc.text(f"cac:InvoicePeriod/cbc:{n}", inside=line) for n in ("StartDate", "EndDate"))
        if first and start and first < start:
            yield Violation(
                "PEPPOL-EN16931-R110", f"{doc.line_name(line)} begins before the document's period"
            )
        if last and end and last > end:
            yield Violation("PEPPOL-EN16931-R111", f"{doc.line_name(line)} ends after the document's period")


def _totals(doc: Document) -> Iterator[Violation]:
    total = {name: doc.amount(f"cac:LegalMonetaryTotal/cbc:{name}") for name in _TOTALS}
    for name, rule in _TOTALS.items():
        if total[name] is None:
            yield Violation(rule, f"{name} is missing")
    if any(value is None for value in total.values()):
        return
    known = {name: value or Decimal(0) for name, value in total.items()}
    vat = doc.amount("cac:TaxTotal/cbc:TaxAmount") or Decimal(0)
    prepaid = doc.amount("cac:LegalMonetaryTotal/cbc:PrepaidAmount") or Decimal(0)
    rounding = doc.amount("cac:LegalMonetaryTotal/cbc:PayableRoundingAmount") or Decimal(0)
    lines = sum(
        (doc.amount("cbc:LineExtensionAmount", inside=each) or Decimal(0) for each in doc.lines), Decimal(0)
    )
    for rule, value, expected in (
        ("BR-CO-10", known["LineExtensionAmount"], lines),
        ("BR-CO-13", known["TaxExclusiveAmount"], known["LineExtensionAmount"]),
        ("BR-CO-15", known["TaxInclusiveAmount"], known["TaxExclusiveAmount"] + vat),
        ("BR-CO-16", known["PayableAmount"], known["TaxInclusiveAmount"] - prepaid + rounding),
    ):
        if value != expected:
            yield Violation(rule, f"{value} should be {expected}")
    due = doc.text("cbc:DueDate") or doc.text("cac:PaymentMeans/cbc:PaymentDueDate")
    if known["PayableAmount"] > 0 and not due and not doc.text("cac:PaymentTerms/cbc:Note"):
        yield Violation("BR-CO-25", "An amount is to be paid, but neither due date nor terms are given")


_TOTALS = {
    "LineExtensionAmount": "BR-12",
    "TaxExclusiveAmount": "BR-13",
    "TaxInclusiveAmount": "BR-14",
    "PayableAmount": "BR-15",
}


def _vat(doc: Document) -> Iterator[Violation]:
    subtotals = doc.all("cac:TaxTotal/cac:TaxSubtotal")
    if not subtotals:
        yield Violation("BR-CO-18", "There is no breakdown of VAT")
        return
    vat_amounts = [doc.amount("cbc:TaxAmount", inside=each) or Decimal(0) for each in subtotals]
    if doc.amount("cac:TaxTotal/cbc:TaxAmount") != sum(vat_amounts):
        yield Violation("BR-CO-14", "The VAT is not the sum of the VAT of the rates")
    for each, vat in zip(subtotals, vat_amounts, strict=True):
        yield from _subtotal(doc, each, vat)
    used = {_category(doc, line, "cac:Item/cac:ClassifiedTaxCategory") for line in doc.lines}
    broken_down = {_category(doc, each, "cac:TaxCategory") for each in subtotals}
    if used != broken_down:
        yield Violation("BR-S-01", "The VAT breakdown does not list the categories of the lines")


def _subtotal(doc: Document, each: ET.Element, vat: Decimal) -> Iterator[Violation]:
    category, rate = _category(doc, each, "cac:TaxCategory")
    taxable = doc.amount("cbc:TaxableAmount", inside=each) or Decimal(0)
    if vat != round_half_up(taxable * rate / 100, digits=2):
        yield Violation("BR-CO-17", f"VAT of {rate} % on {taxable} is not {vat}")
    ours = [
        doc.amount("cbc:LineExtensionAmount", inside=line) or Decimal(0)
        for line in doc.lines
        if _category(doc, line, "cac:Item/cac:ClassifiedTaxCategory") == (category, rate)
    ]
    if taxable != sum(ours, Decimal(0)):
        yield Violation(f"BR-{category}-08", f"The taxable amount {taxable} is not the sum of the lines")
    if category == "S" and rate <= 0:
        yield Violation("BR-S-05", "The standard category needs a rate")
    if category == "S" and doc.seller_country == "SE" and rate not in _SWEDISH_RATES:
        yield Violation("SE-R-006", f"{rate} % is not a Swedish VAT rate")
    if category in _ZERO_CATEGORIES and (rate or vat):
        yield Violation(f"BR-{category}-09", "The category bears no VAT")
    reason = doc.text("cac:TaxCategory/cbc:TaxExemptionReason", inside=each)
    code = doc.text("cac:TaxCategory/cbc:TaxExemptionReasonCode", inside=each)
    if category in {"AE", "E", "O"} and not (reason or code):
        yield Violation(f"BR-{category}-10", "The reason for charging no VAT is missing")
    if category == "AE" and code and code != "VATEX-EU-AE":
        yield Violation("PEPPOL-EN16931-P0107", "The reason code of reverse charge is VATEX-EU-AE")


def _category(doc: Document, inside: ET.Element, path: str) -> tuple[str, Decimal]:
    rate = doc.text(f"{path}/cbc:Percent", inside=inside)
    return doc.text(f"{path}/cbc:ID", inside=inside), number_of(rate or "0").normalize()


def _lines(doc: Document) -> Iterator[Violation]:
    if not doc.lines:
        yield Violation("BR-16", "There is no line")
    for line in doc.lines:
        yield from _line(doc, line)


def _line(doc: Document, line: ET.Element) -> Iterator[Violation]:
    name = doc.line_name(line)
    quantity_path = "cbc:CreditedQuantity" if doc.is_credit else "cbc:InvoicedQuantity"
    quantity = doc.all(quantity_path, inside=line)
    for rule, path, what in (
        ("BR-21", "cbc:ID", "number"),
        ("BR-22", quantity_path, "quantity"),
        ("BR-24", "cbc:LineExtensionAmount", "amount"),
        ("BR-25", "cac:Item/cbc:Name", "name"),
        ("BR-26", "cac:Price/cbc:PriceAmount", "price"),
        ("BR-CO-04", "cac:Item/cac:ClassifiedTaxCategory/cbc:ID", "VAT category"),
    ):
        if not doc.text(path, inside=line):
            yield Violation(rule, f"{name} has no {what}")
    if quantity and not quantity[0].get("unitCode"):
        yield Violation("BR-23", f"{name} has no unit")
    price = doc.amount("cac:Price/cbc:PriceAmount", inside=line) or Decimal(0)
    if price < 0:
        yield Violation("BR-27", f"{name} has a negative price")
    net = doc.amount("cbc:LineExtensionAmount", inside=line) or Decimal(0)
    counted = number_of(doc.text(quantity_path, inside=line) or "0")
    if abs(round_half_up(counted * price, digits=2) - net) > _LINE_TOLERANCE:
        yield Violation("PEPPOL-EN16931-R120", f"{name}: {counted} x {price} is not {net}")


def _payment(doc: Document) -> Iterator[Violation]:
    for means in doc.all("cac:PaymentMeans"):
        code = doc.text("cbc:PaymentMeansCode", inside=means)
        account = doc.text("cac:PayeeFinancialAccount/cbc:ID", inside=means)
        branch = doc.text("cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID", inside=means)
        if not code:
            yield Violation("BR-49", "A way of payment has no code")
        if code in {"30", "58"} and not account:
            yield Violation("BR-61", "A credit transfer needs an account")
        if branch == "SE:BANKGIRO" and not re.fullmatch(r"\d{7,8}", account):
            yield Violation("SE-R-007", "A bankgiro number has seven or eight digits")
        if branch == "SE:PLUSGIRO" and not re.fullmatch(r"\d{2,8}", account):
            yield Violation("SE-R-009", "A plusgiro number has two to eight digits")
    for card in doc.all("cac:PaymentMeans/cac:CardAccount/cbc:PrimaryAccountNumberID"):
        if _CARD_NUMBER.fullmatch((card.text or "").strip()):
            yield Violation("BR-51", "A whole card number stands on the document")


def _decimals(doc: Document) -> Iterator[Violation]:
    for element in doc.root.iter():
        if element.get("currencyID") is None or element.tag.endswith("}PriceAmount"):
            continue
        try:
            exponent = int(Decimal(element.text or "").as_tuple().exponent)
        except InvalidOperation:
            yield Violation("UBL-DT-01", f"{element.text!r} is not an amount")
            continue
        if exponent < int(_CENT.as_tuple().exponent):
            yield Violation("UBL-DT-01", f"{element.text} has more than two decimals")


_RULES: tuple[Callable[[Document], Iterator[Violation]], ...] = (
    _identity, _form, _credit, _period, party_violations, _totals, _vat, _lines, _payment, _decimals,
)  # fmt: skip
