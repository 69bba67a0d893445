"""Reads a UBL document for the rules: by short paths, from the document or from inside an element."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from billing.invoicing.ubl import CREDIT_NOTE_NS
from billing.invoicing.ubl_xml import CAC, CBC

_NAMES = {"cac": CAC, "cbc": CBC}


class Violation(NamedTuple):
    """A broken rule by its name in the schematron, and what is wrong in plain words."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A UBL Invoice or CreditNote."""

    root: ET.Element

    @property
    def is_credit(self) -> bool:
        """Whether it is a CreditNote."""
        return self.root.tag == f"{{{CREDIT_NOTE_NS}}}CreditNote"

    @property
    def type_code(self) -> str:
        """The UNCL1001 code of the document."""
        return self.text("cbc:CreditNoteTypeCode" if self.is_credit else "cbc:InvoiceTypeCode")

    @property
    def lines(self) -> list[ET.Element]:
        """Its lines."""
        return self.all("cac:CreditNoteLine" if self.is_credit else "cac:InvoiceLine")

    @property
    def seller_country(self) -> str:
        """ISO 3166-1 alpha-2 of the seller's address."""
        return self.text(
            "cac:AccountingSupplierParty/cac:Party/cac:PostalAddress/cac:Country/cbc:IdentificationCode"
        )

    def all(self, path: str, *, inside: ET.Element | None = None) -> list[ET.Element]:
        """The elements at the path."""
        return (self.root if inside is None else inside).findall(path, _NAMES)

    def text(self, path: str, *, inside: ET.Element | None = None) -> str:
        """The text of the first element at the path, empty where there is none."""
        return ((self.root if inside is None else inside).findtext(path, "", _NAMES) or "").strip()

    def amount(self, path: str, *, inside: ET.Element | None = None) -> Decimal | None:
        """The number at the path, None where there is none."""
        text = self.text(path, inside=inside)
        return number_of(text) if text else None

    def line_name(self, line: ET.Element) -> str:
        """How a line is called in a message."""
        return f"Line {self.text('cbc:ID', inside=line) or '?'}"


def read(xml: bytes) -> Document:
    """The document. Raises: ET.ParseError."""
    return Document(ET.fromstring(xml))  # noqa: S314 - we wrote it ourselves; nothing else is read here


def number_of(text: str) -> Decimal:
    """The number, nought for what is none: another rule complains about that."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)
