"""Writes the elements of UBL; an element without content is left out (PEPPOL-EN16931-R008)."""

import re
import xml.etree.ElementTree as ET
from decimal import Decimal
from typing import Any

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
#: What XML 1.0 cannot hold at all.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text_of(facts: dict[str, Any], name: str) -> str:
    """A fact of a party as text, empty when it is not known."""
    return str(facts.get(name) or "").strip()


def add(parent: ET.Element, name: str, content: str, **attributes: str) -> None:
    """The element is the parent's last, unless it would be empty."""
    clean = _NOT_XML.sub("", content).strip()
    if clean:
        element = ET.SubElement(parent, name, {key: value for key, value in attributes.items() if value})
        element.text = clean


def add_amount(parent: ET.Element, name: str, amount: Decimal, currency: str, *, digits: int = 2) -> None:
    """The amount with its currency: two decimals, or up to six for prices."""
    text = f"{amount:.{digits}f}"
    while digits > 2 and text.endswith("0") and len(text.rsplit(".", 1)[1]) > 2:  # noqa: PLR2004  (öre)
        text = text[:-1]
    add(parent, name, text, currencyID=currency)
