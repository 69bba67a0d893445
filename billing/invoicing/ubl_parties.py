"""Seller and buyer of a UBL document: electronic address, VAT number, registration, and where goods went."""

import re
import xml.etree.ElementTree as ET
from typing import Any

from billing.invoicing.ubl_xml import add, text_of
from billing.models import Invoice

ORGANISATION_NUMBER, VAT_NUMBER = "0007", "9955"
F_TAX = "Godkänd för F-skatt"
_TEN_DIGITS = re.compile(r"\d{10}")


def add_party(parent: ET.Element, facts: dict[str, Any], *, says_f_tax: bool = False) -> None:
    """The party with everything that is known of it, in the order of the schema."""
    party = ET.SubElement(parent, "cac:Party")
    scheme, address = endpoint(facts)
    add(party, "cbc:EndpointID", address, schemeID=scheme)
    _address(party, facts)
    vat_number = text_of(facts, "vat_number").replace(" ", "")
    if vat_number:
        _tax_scheme(party, vat_number, "VAT")
    if says_f_tax and facts.get("has_f_tax") and text_of(facts, "country") == "SE":
        _tax_scheme(party, F_TAX, "TAX")
    legal = ET.SubElement(party, "cac:PartyLegalEntity")
    add(legal, "cbc:RegistrationName", text_of(facts, "name"))
    number = registration(facts)
    add(legal, "cbc:CompanyID", number, schemeID=ORGANISATION_NUMBER if _is_swedish(facts, number) else "")
    if says_f_tax and text_of(facts, "seat"):
        add(legal, "cbc:CompanyLegalForm", f"Säte: {text_of(facts, 'seat')}")
    if says_f_tax:
        _contact(party, facts)


def add_delivery_country(root: ET.Element, invoice: Invoice) -> None:
    """Reverse charge says when and to which country the electricity was supplied."""
    delivery = ET.SubElement(root, "cac:Delivery")
    supplied = invoice.period_end or invoice.invoice_date
    add(delivery, "cbc:ActualDeliveryDate", min(supplied, invoice.invoice_date).isoformat())
    address = ET.SubElement(ET.SubElement(delivery, "cac:DeliveryLocation"), "cac:Address")
    country = ET.SubElement(address, "cac:Country")
    add(country, "cbc:IdentificationCode", text_of(invoice.buyer, "country"))


def endpoint(facts: dict[str, Any]) -> tuple[str, str]:
    """Scheme and electronic address in Peppol: what was entered, else the Swedish organisation number."""
    if text_of(facts, "peppol_id"):
        scheme = text_of(facts, "peppol_scheme") or ORGANISATION_NUMBER
        return scheme, text_of(facts, "peppol_id").replace(" ", "")
    number = registration(facts)
    return (ORGANISATION_NUMBER, number) if _is_swedish(facts, number) else ("", "")


def registration(facts: dict[str, Any]) -> str:
    """The registration number without hyphen and spaces; a person's is nobody's business."""
    if facts.get("is_business") is False:
        return ""
    return re.sub(r"[\s-]", "", text_of(facts, "registration_number"))


def _is_swedish(facts: dict[str, Any], number: str) -> bool:
    return text_of(facts, "country") == "SE" and bool(_TEN_DIGITS.fullmatch(number))


def _address(party: ET.Element, facts: dict[str, Any]) -> None:
    if not text_of(facts, "country"):
        return
    address = ET.SubElement(party, "cac:PostalAddress")
    add(address, "cbc:StreetName", text_of(facts, "street"))
    add(address, "cbc:CityName", text_of(facts, "city"))
    add(address, "cbc:PostalZone", text_of(facts, "postal_code"))
    add(ET.SubElement(address, "cac:Country"), "cbc:IdentificationCode", text_of(facts, "country"))


def _tax_scheme(party: ET.Element, company_id: str, scheme: str) -> None:
    element = ET.SubElement(party, "cac:PartyTaxScheme")
    add(element, "cbc:CompanyID", company_id)
    add(ET.SubElement(element, "cac:TaxScheme"), "cbc:ID", scheme)


def _contact(party: ET.Element, facts: dict[str, Any]) -> None:
    phone, email = text_of(facts, "phone"), text_of(facts, "email")
    if phone or email:
        contact = ET.SubElement(party, "cac:Contact")
        add(contact, "cbc:Telephone", phone)
        add(contact, "cbc:ElectronicMail", email)
