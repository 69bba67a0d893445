"""The rules of Peppol about seller and buyer, and the Swedish ones about their numbers."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from billing.invoicing.peppol_reading import Document, Violation
from billing.invoicing.references import has_luhn

_SELLER = "cac:AccountingSupplierParty/cac:Party"
_BUYER = "cac:AccountingCustomerParty/cac:Party"
_COUNTRY = "cac:PostalAddress/cac:Country/cbc:IdentificationCode"
_NAME = "cac:PartyLegalEntity/cbc:RegistrationName"
_REGISTRATION = "cac:PartyLegalEntity/cbc:CompanyID"
_F_TAX = "Godkänd för F-skatt"


def party_violations(doc: Document) -> Iterator[Violation]:
    """What is missing or wrong about the parties."""
    yield from _must_have(doc)
    yield from _numbers(doc)
    if doc.seller_country == "SE":
        yield from _swedish_seller(doc)
    for path in (_SELLER, _BUYER):
        yield from _endpoint(doc, path)


def _must_have(doc: Document) -> Iterator[Violation]:
    for rule, path, what in (
        ("PEPPOL-EN16931-R020", f"{_SELLER}/cbc:EndpointID", "The seller has no electronic address"),
        (
            "PEPPOL-EN16931-R010",
            f"{_BUYER}/cbc:EndpointID",
            "The buyer has no electronic address (Peppol id)",
        ),
        ("BR-06", f"{_SELLER}/{_NAME}", "The seller has no name"),
        ("BR-07", f"{_BUYER}/{_NAME}", "The buyer has no name"),
        ("BR-09", f"{_SELLER}/{_COUNTRY}", "The seller's address has no country"),
        ("BR-11", f"{_BUYER}/{_COUNTRY}", "The buyer's address has no country"),
    ):
        if not doc.text(path):
            yield Violation(rule, what)
    for rule, path in (("BR-62", _SELLER), ("BR-63", _BUYER)):
        if any(not each.get("schemeID") for each in doc.all(f"{path}/cbc:EndpointID")):
            yield Violation(rule, "An electronic address has no scheme")


def _numbers(doc: Document) -> Iterator[Violation]:
    seller_vat, buyer_vat = vat_number(doc, _SELLER), vat_number(doc, _BUYER)
    categories = {
        doc.text("cac:TaxCategory/cbc:ID", inside=each) for each in doc.all("cac:TaxTotal/cac:TaxSubtotal")
    }
    if "S" in categories and not seller_vat:
        yield Violation("BR-S-02", "The seller has no VAT number")
    if "AE" in categories and not (seller_vat and buyer_vat):
        yield Violation("BR-AE-02", "Reverse charge needs the VAT numbers of both")
    if "O" in categories and len(categories) > 1:
        yield Violation("BR-O-11", "What is outside VAT cannot stand beside what is not")
    if not (seller_vat or doc.text(f"{_SELLER}/{_REGISTRATION}")):
        yield Violation("BR-CO-26", "The seller has neither VAT number nor registration number")
    for number in (seller_vat, buyer_vat):
        if number and not re.match("[A-Z]{2}", number):
            yield Violation("BR-CO-09", f"{number} does not begin with a country")


def _swedish_seller(doc: Document) -> Iterator[Violation]:
    number = vat_number(doc, _SELLER)
    if number and not re.fullmatch(r"SE.{12}", number):
        yield Violation("SE-R-001", "A Swedish VAT number has 14 characters")
    elif number and not re.fullmatch(r"SE\d{12}", number):
        yield Violation("SE-R-002", "A Swedish VAT number ends in twelve digits")
    registered = doc.text(f"{_SELLER}/{_REGISTRATION}")
    if registered and not registered.isdigit():
        yield Violation("SE-R-003", "A Swedish organisation number is numeric")
    elif registered and len(registered) != 10:  # noqa: PLR2004
        yield Violation("SE-R-004", "A Swedish organisation number has ten digits")
    elif registered and not has_luhn(registered):
        yield Violation("SE-R-013", "The last digit of the organisation number is wrong")
    for each in doc.all(f"{_SELLER}/cac:PartyTaxScheme"):
        other = doc.text("cac:TaxScheme/cbc:ID", inside=each) != "VAT"
        if other and doc.text("cbc:CompanyID", inside=each) != _F_TAX:
            yield Violation("SE-R-005", f"The tax registration reads {_F_TAX}")


def _endpoint(doc: Document, path: str) -> Iterator[Violation]:
    for each in doc.all(f"{path}/cbc:EndpointID"):
        scheme, address = each.get("schemeID"), (each.text or "").strip()
        if scheme == "0007" and not (re.fullmatch(r"\d{10}", address) and has_luhn(address)):
            yield Violation("PEPPOL-COMMON-R049", f"{address} is not a Swedish organisation number")
        if scheme == "0088" and not _is_gln(address):
            yield Violation("PEPPOL-COMMON-R040", f"{address} is not a GLN")


def vat_number(doc: Document, path: str) -> str:
    """The VAT number of the party, empty where there is none."""
    schemes: list[ET.Element] = doc.all(f"{path}/cac:PartyTaxScheme")
    found = (
        doc.text("cbc:CompanyID", inside=each)
        for each in schemes
        if doc.text("cac:TaxScheme/cbc:ID", inside=each) == "VAT"
    )
    return next(found, "")


def _is_gln(text: str) -> bool:
    if not re.fullmatch(r"\d{13}", text):
        return False
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(text[:12]))
    return int(text[12]) == -weighed % 10
