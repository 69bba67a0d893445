"""Our documents keep the rules of Peppol, and documents that do not are found out."""

import xml.etree.ElementTree as ET
from decimal import Decimal

import pytest

from billing.invoicing import documents
from billing.invoicing.peppol_rules import violations
from billing.invoicing.ubl import NotAnInvoice
from billing.models import Invoice
from tests.billing.document_builders import (
    BUYER,
    EVERY_KIND,
    PERSON,
    SELLER,
    abroad,
    credited,
    document,
    line,
)

pytestmark = pytest.mark.django_db
NAMES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def broken(invoice: Invoice) -> set[str]:
    return {each.rule for each in violations(documents.ubl(invoice))}


def value(xml: bytes, path: str) -> str | None:
    return ET.fromstring(xml).findtext(path, None, NAMES)  # noqa: S314 - our own


@pytest.mark.parametrize("kind", [kind for kind in EVERY_KIND if kind != "receipt"])
def test_every_kind_of_document_keeps_the_rules(kind: str) -> None:
    assert violations(documents.ubl(EVERY_KIND[kind]())) == []


def test_a_persons_receipt_lacks_only_what_a_person_has_not() -> None:
    assert broken(document(kind="receipt", buyer=PERSON)) == {"PEPPOL-EN16931-R010", "BR-11"}


def test_a_reimbursement_is_no_invoice() -> None:
    with pytest.raises(NotAnInvoice):
        documents.ubl(document(line(rate=None), kind="reimbursement"))


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("PEPPOL-EN16931-R010", {"buyer": BUYER | {"peppol_id": "", "country": "NO"}}),
        ("PEPPOL-EN16931-R003", {"buyer": BUYER | {"reference": "", "number": ""}}),
        ("PEPPOL-COMMON-R049", {"buyer": BUYER | {"peppol_id": "5560160681"}}),
        ("PEPPOL-COMMON-R040", {"buyer": BUYER | {"peppol_scheme": "0088", "peppol_id": "7300010000000"}}),
        ("BR-11", {"buyer": BUYER | {"country": ""}}),
        ("BR-06", {"seller": SELLER | {"name": ""}}),
        ("BR-S-02", {"seller": SELLER | {"vat_number": ""}}),
        ("BR-CO-09", {"buyer": BUYER | {"vat_number": "556016068001"}}),
        ("SE-R-001", {"seller": SELLER | {"vat_number": "SE5560004615"}}),
        ("SE-R-002", {"seller": SELLER | {"vat_number": "SE55600046150A"}}),
        ("SE-R-003", {"seller": SELLER | {"registration_number": "556000A615"}}),
        ("SE-R-004", {"seller": SELLER | {"registration_number": "55600046"}}),
        ("SE-R-013", {"seller": SELLER | {"registration_number": "556000-4616"}}),
        ("SE-R-007", {"seller": SELLER | {"bankgiro": "123"}}),
        ("BR-29", {"period_start": "2026-11-01", "period_end": "2026-10-01"}),
    ],
)
def test_facts_that_break_a_rule_are_found(rule: str, facts: dict) -> None:
    assert rule in broken(document(**facts))


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("XML", b"</Invoice>", b""),
        ("PEPPOL-EN16931-R004", b"billing:3.0", b"billing:2.0"),
        ("PEPPOL-EN16931-R001", b"billing:01:1.0", b"billing:02:1.0"),
        ("BR-02", b"<cbc:ID>F-1001</cbc:ID>", b""),
        ("BR-03", b"<cbc:IssueDate>2026-11-02</cbc:IssueDate>", b""),
        ("BR-04", b">380<", b">381<"),
        ("BR-05", b"<cbc:DocumentCurrencyCode>SEK</cbc:DocumentCurrencyCode>", b""),
        ("PEPPOL-EN16931-R008", b">Flottan/Anna<", b"><"),
        ("PEPPOL-EN16931-R051", b'TaxableAmount currencyID="SEK"', b'TaxableAmount currencyID="EUR"'),
        ("BR-CO-10", b'ionAmount currencyID="SEK">48.89', b'ionAmount currencyID="SEK">48.90'),
        ("BR-CO-13", b'siveAmount currencyID="SEK">48.89', b'siveAmount currencyID="SEK">48.88'),
        ("BR-CO-15", b'siveAmount currencyID="SEK">61.11', b'siveAmount currencyID="SEK">61.12'),
        ("BR-CO-16", b'PayableAmount currencyID="SEK">61.11', b'PayableAmount currencyID="SEK">61.00'),
        ("BR-CO-17", b">12.22<", b">12.23<"),
        ("SE-R-006", b"<cbc:Percent>25<", b"<cbc:Percent>24<"),
        ("BR-23", b' unitCode="KWH"', b""),
        ("BR-25", b"<cbc:Name>Laddning, Stortorget 1</cbc:Name>", b""),
        ("BR-27", b">3.96<", b">-3.96<"),
        ("PEPPOL-EN16931-R120", b">3.96<", b">3.97<"),
        ("BR-61", b"<cbc:ID>54029681</cbc:ID>", b""),
        ("BR-62", b' schemeID="0007">5560004615</cbc:EndpointID>', b">5560004615</cbc:EndpointID>"),
        ("UBL-DT-01", b">61.11<", b">61.110<"),
    ],
)  # fmt: skip
def test_a_changed_document_is_found_out(rule: str, old: bytes, new: bytes) -> None:
    xml = documents.ubl(document())
    assert old in xml
    assert rule in {each.rule for each in violations(xml.replace(old, new, 1 if rule == "BR-CO-10" else -1))}


def test_the_price_may_differ_from_the_amount_by_two_hundredths() -> None:
    cents = {"net": Decimal("48.91"), "vat": Decimal("12.23"), "gross": Decimal("61.14")}
    assert broken(document(line(**cents))) == set()
    more = {"net": Decimal("48.92"), "vat": Decimal("12.23"), "gross": Decimal("61.15")}
    assert broken(document(line(**more))) == {"PEPPOL-EN16931-R120"}


def test_a_credit_note_is_positive_and_names_what_it_credits() -> None:
    xml = documents.ubl(credited())
    assert value(xml, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID") == "F-1001"
    assert value(xml, "cac:LegalMonetaryTotal/cbc:PayableAmount") == "61.11"
    assert value(xml, "cac:CreditNoteLine/cbc:CreditedQuantity") == "12.345"
    assert value(xml, "cbc:CreditNoteTypeCode") == "381"
    without = xml.replace(b"<cbc:ID>F-1001</cbc:ID>", b"")
    assert "BR-55" in {each.rule for each in violations(without)}


def test_a_discount_has_a_negative_quantity_and_never_a_negative_price() -> None:
    xml = documents.ubl(document(line(), line("1", "-5", unit="pcs", description="Rabatt")))
    assert violations(xml) == []
    assert b'<cbc:InvoicedQuantity unitCode="C62">-1</cbc:InvoicedQuantity>' in xml


def test_rounding_stands_apart_and_the_sums_still_hold() -> None:
    # 3 x 0.33 of VAT on the lines, 0.32 x 3 by the sum of the nets
    lines = [line("1", "1.30") for _ in range(3)]
    invoice = document(*lines)
    assert invoice.rounding != 0
    xml = documents.ubl(invoice)
    assert violations(xml) == []
    assert value(xml, "cac:LegalMonetaryTotal/cbc:PayableRoundingAmount") == f"{invoice.rounding}"


def test_reverse_charge_needs_the_buyers_vat_number() -> None:
    xml = documents.ubl(abroad())
    assert (
        value(xml, "cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:TaxExemptionReasonCode") == "VATEX-EU-AE"
    )
    number = b"<cbc:CompanyID>DK13585628</cbc:CompanyID>"
    assert number in xml
    assert "BR-AE-02" in {each.rule for each in violations(xml.replace(number, b""))}
    other = xml.replace(b"VATEX-EU-AE", b"VATEX-EU-IC")
    assert "PEPPOL-EN16931-P0107" in {each.rule for each in violations(other)}


def test_self_billing_goes_by_its_own_specification() -> None:
    xml = documents.ubl(EVERY_KIND["self-billing"]())
    assert value(xml, "cbc:InvoiceTypeCode") == "389"
    assert "selfbilling:3.0" in (value(xml, "cbc:CustomizationID") or "")


def test_names_are_escaped_and_what_xml_cannot_hold_is_left_out() -> None:
    xml = documents.ubl(document(buyer=BUYER | {"name": 'Å & "B" <c>\u0007 漢字'}))
    path = "cac:AccountingCustomerParty/cac:Party/cac:PartyLegalEntity/cbc:RegistrationName"
    assert value(xml, path) == 'Å & "B" <c> 漢字'
