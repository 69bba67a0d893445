"""Writes a payout file as a credit transfer initiation, ISO 20022 pain.001.001.03.

Source: ISO 20022 message definition; EPC 132-08 for the letters that banks accept. Euro payments are SEPA
transfers; Swedish kronor go as ordinary ones (NURG).
"""

import datetime as dt
import re
import unicodedata
import xml.etree.ElementTree as ET
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.exports.bank_accounts import is_bic, is_iban, plain_iban
from billing.exports.refusals import ExportRefused
from billing.models import Payout, PayoutFile, SellerProfile

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"
_MOST_NAME, _MOST_REFERENCE, _MOST_TEXT = 70, 35, 140
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_NEAREST = str.maketrans({"Ø": "O", "ø": "o", "Æ": "AE", "æ": "ae", "ß": "ss", "&": "+", "ł": "l", "Ł": "L"})


def write(payout_file: PayoutFile) -> bytes:
    """The file for the bank; the same bytes each time.

    Raises: ExportRefused, naming every payment that the bank would send back, or what our side lacks.
    """
    profile = SellerProfile.objects.filter(organisation=payout_file.operator_id).first()
    payouts = list(payout_file.payouts.order_by("pk"))
    _refuse_faults(payout_file, profile, payouts)
    root = ET.Element("Document", {"xmlns": NAMESPACE})
    initiation = ET.SubElement(root, "CstmrCdtTrfInitn")
    name = plain(profile.legal_name if profile else "")[:_MOST_NAME]
    _group_header(initiation, payout_file, name)
    batch = _batch(initiation, payout_file, name, profile)
    for payout in payouts:
        _transfer(batch, payout, payout_file.currency)
    ET.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="utf-8") + b"\n"


def plain(text: str) -> str:
    """The text in the letters every bank accepts: accents gone, anything else a space."""
    bare = unicodedata.normalize("NFKD", text.translate(_NEAREST))
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return re.sub(r" {2,}", " ", _NOT_ALLOWED.sub(" ", bare)).strip().lstrip("/")


def faults(payout_file: PayoutFile, profile: SellerProfile | None, payouts: list[Payout]) -> list[str]:
    """Everything for which a bank would send the file back."""
    found = []
    if profile is None or not is_iban(profile.iban):
        found.append(_("The operator's own IBAN is missing or wrong. Enter it under Seller's facts."))
    elif profile.bic and not is_bic(profile.bic):
        found.append(_("The operator's own BIC is wrong."))
    if not payouts:
        found.append(_("The file has no payments."))
    for payout in payouts:
        if not is_iban(payout.iban):
            found.append(
                _("%(name)s: the IBAN %(iban)s is wrong.") % {"name": payout.name, "iban": payout.iban}
            )
        if payout.bic and not is_bic(payout.bic):
            found.append(_("%(name)s: the BIC %(bic)s is wrong.") % {"name": payout.name, "bic": payout.bic})
        if not plain(payout.name):
            found.append(_("A payment has no name that a bank can read."))
    total = sum((payout.amount for payout in payouts), Decimal(0))
    if payouts and (total, len(payouts)) != (payout_file.total, payout_file.count):
        found.append(_("The payments do not add up to the file's total."))
    return found


def _refuse_faults(payout_file: PayoutFile, profile: SellerProfile | None, payouts: list[Payout]) -> None:
    found = faults(payout_file, profile, payouts)
    if found:
        raise ExportRefused(" ".join(found))


def _add(parent: ET.Element, path: str, text: str = "", **attributes: str) -> ET.Element:
    element = parent
    for name in path.split("/"):
        element = ET.SubElement(element, name, attributes if name == path.rsplit("/", 1)[-1] else {})
    element.text = text or None
    return element


def _group_header(parent: ET.Element, payout_file: PayoutFile, name: str) -> None:
    header = _add(parent, "GrpHdr")
    _add(header, "MsgId", plain(payout_file.message_id)[:_MOST_REFERENCE])
    created = payout_file.created_at.astimezone(dt.UTC)
    _add(header, "CreDtTm", f"{created:%Y-%m-%dT%H:%M:%S}Z")
    _add(header, "NbOfTxs", str(payout_file.count))
    _add(header, "CtrlSum", f"{payout_file.total:.2f}")
    _add(header, "InitgPty/Nm", name)


def _batch(
    parent: ET.Element, payout_file: PayoutFile, name: str, profile: SellerProfile | None
) -> ET.Element:
    batch = _add(parent, "PmtInf")
    _add(batch, "PmtInfId", plain(payout_file.message_id)[:_MOST_REFERENCE])
    _add(batch, "PmtMtd", "TRF")
    _add(batch, "BtchBookg", "true")
    _add(batch, "NbOfTxs", str(payout_file.count))
    _add(batch, "CtrlSum", f"{payout_file.total:.2f}")
    is_sepa = payout_file.currency == "EUR"
    _add(batch, "PmtTpInf/SvcLvl/Cd", "SEPA" if is_sepa else "NURG")
    _add(batch, "ReqdExctnDt", payout_file.execution_date.isoformat())
    _add(batch, "Dbtr/Nm", name)
    debtor = _add(batch, "DbtrAcct")
    _add(debtor, "Id/IBAN", plain_iban(profile.iban if profile else ""))
    _add(debtor, "Ccy", payout_file.currency)
    _agent(batch, "DbtrAgt", profile.bic if profile else "")
    _add(batch, "ChrgBr", "SLEV" if is_sepa else "SHAR")
    return batch


def _agent(parent: ET.Element, name: str, bic: str) -> None:
    if bic.strip():
        _add(parent, f"{name}/FinInstnId/BIC", bic.strip().upper())
    else:
        _add(parent, f"{name}/FinInstnId/Othr/Id", "NOTPROVIDED")


def _transfer(batch: ET.Element, payout: Payout, currency: str) -> None:
    transfer = _add(batch, "CdtTrfTxInf")
    reference = plain(payout.reference)[:_MOST_REFERENCE] or f"PAYOUT-{payout.pk}"
    _add(transfer, "PmtId/EndToEndId", reference)
    _add(transfer, "Amt/InstdAmt", f"{payout.amount:.2f}", Ccy=currency)
    if payout.bic:
        _agent(transfer, "CdtrAgt", payout.bic)
    _add(transfer, "Cdtr/Nm", plain(payout.name)[:_MOST_NAME])
    _add(transfer, "CdtrAcct/Id/IBAN", plain_iban(payout.iban))
    _add(transfer, "RmtInf/Ustrd", reference[:_MOST_TEXT])
