"""Payout files for the bank: pain.001.001.03, checked for structure, sums and letters."""

import datetime as dt
import re
import xml.etree.ElementTree as ET
from decimal import Decimal

import pytest

from billing.exports import sepa
from billing.exports.bank_accounts import is_bic, is_iban
from billing.exports.refusals import ExportRefused
from billing.models import Payout, PayoutFile, SellerProfile
from tests.billing.document_builders import document
from tests.factories import OrganisationFactory

pytestmark = pytest.mark.django_db
P = {"p": sepa.NAMESPACE}
SWEDISH, GERMAN = "SE45 5000 0000 0583 9825 7466", "DE89370400440532013000"
#: The order of the elements below each, as the message definition has it.
ORDER = {
    "CstmrCdtTrfInitn": ["GrpHdr", "PmtInf"],
    "GrpHdr": ["MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty"],
    "PmtInf": [
        "PmtInfId", "PmtMtd", "BtchBookg", "NbOfTxs", "CtrlSum", "PmtTpInf", "ReqdExctnDt", "Dbtr",
        "DbtrAcct",
        "DbtrAgt", "ChrgBr", "CdtTrfTxInf",
    ],
    "CdtTrfTxInf": ["PmtId", "Amt", "CdtrAgt", "Cdtr", "CdtrAcct", "RmtInf"],
}  # fmt: skip


@pytest.fixture
def operator(db):
    made = OrganisationFactory()
    SellerProfile.objects.create(
        organisation=made, legal_name="Norrsken Laddning AB & Söner", iban=SWEDISH, bic="ESSESESS"
    )
    return made


def payout_file(operator, *payees, currency: str = "SEK", **facts) -> PayoutFile:
    chosen = payees or ({"amount": "61.11"}, {"amount": "1250.00", "name": "Ærø Ladning", "iban": GERMAN})
    amounts = [Decimal(each.get("amount", "1.00")) for each in chosen]
    file = PayoutFile.objects.create(
        operator=operator, message_id="CP-2026-11", execution_date=dt.date(2026, 12, 4), currency=currency,
        total=facts.get("total", sum(amounts)), count=facts.get("count", len(chosen)),
        created_at=dt.datetime(2026, 12, 1, 9, 30, tzinfo=dt.UTC),
    )  # fmt: skip
    for number, (each, amount) in enumerate(zip(chosen, amounts, strict=True), start=1):
        Payout.objects.create(
            file=file, invoice=document(operator=operator), name=each.get("name", "Värd & Co AB"),
            iban=each.get("iban", SWEDISH), bic=each.get("bic", ""), amount=amount,
            reference=each.get("reference", f"S-7-{number}"),
        )  # fmt: skip
    return file


def parsed(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314 - our own


def texts(root: ET.Element, path: str) -> list[str]:
    return [each.text or "" for each in root.findall(f".//p:{path.replace('/', '/p:')}", P)]


def test_the_file_has_the_structure_of_the_message(operator) -> None:
    root = parsed(sepa.write(payout_file(operator)))
    assert root.tag == f"{{{sepa.NAMESPACE}}}Document"
    for element in root.iter():
        wanted = ORDER.get(element.tag.split("}")[1])
        if wanted:
            places = [wanted.index(child.tag.split("}")[1]) for child in element]
            assert places == sorted(places)
    assert all(len(element) or (element.text or "").strip() for element in root.iter())


def test_totals_and_counts_are_those_of_the_payments(operator) -> None:
    root = parsed(sepa.write(payout_file(operator)))
    amounts = [Decimal(each) for each in texts(root, "InstdAmt")]
    assert amounts == [Decimal("61.11"), Decimal("1250.00")]
    assert texts(root, "CtrlSum") == ["1311.11"] * 2
    assert texts(root, "NbOfTxs") == ["2"] * 2
    assert {each.get("Ccy") for each in root.findall(".//p:InstdAmt", P)} == {"SEK"}


def test_parties_accounts_and_dates_are_those_of_the_rows(operator) -> None:
    root = parsed(sepa.write(payout_file(operator)))
    assert texts(root, "Dbtr/Nm") == ["Norrsken Laddning AB + Soner"]
    assert texts(root, "DbtrAcct/Id/IBAN") == ["SE4550000000058398257466"]
    assert texts(root, "DbtrAgt/FinInstnId/BIC") == ["ESSESESS"]
    assert texts(root, "CdtrAcct/Id/IBAN") == ["SE4550000000058398257466", GERMAN]
    assert texts(root, "Cdtr/Nm") == ["Vard + Co AB", "AEro Ladning"]
    assert texts(root, "EndToEndId") == ["S-7-1", "S-7-2"]
    assert texts(root, "ReqdExctnDt") == ["2026-12-04"]
    assert texts(root, "CreDtTm") == ["2026-12-01T09:30:00Z"]


@pytest.mark.parametrize(("currency", "level", "bearer"), [("SEK", "NURG", "SHAR"), ("EUR", "SEPA", "SLEV")])
def test_euro_is_sepa_and_kronor_are_not(operator, currency, level, bearer) -> None:
    root = parsed(sepa.write(payout_file(operator, currency=currency)))
    assert (texts(root, "SvcLvl/Cd"), texts(root, "ChrgBr")) == ([level], [bearer])


def test_only_letters_that_every_bank_takes_are_used(operator) -> None:
    nasty = {"name": "Łódź <Ladda> & “Sol” 漢字 Åäö_;", "reference": "/S#7–1", "amount": "2.00"}
    root = parsed(sepa.write(payout_file(operator, nasty)))
    assert texts(root, "Cdtr/Nm") == ["Lodz Ladda + Sol Aao"]
    assert texts(root, "EndToEndId") == ["S 7 1"]
    allowed = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*")
    assert all(allowed.fullmatch((each.text or "").strip()) for each in root.iter())


def test_long_names_and_references_are_cut(operator) -> None:
    root = parsed(sepa.write(payout_file(operator, {"name": "A" * 140, "reference": "R" * 35})))
    assert (texts(root, "Cdtr/Nm"), texts(root, "EndToEndId")) == (["A" * 70], ["R" * 35])


def test_writing_again_gives_the_same_bytes(operator) -> None:
    file = payout_file(operator)
    assert sepa.write(PayoutFile.objects.get(pk=file.pk)) == sepa.write(file)


@pytest.mark.parametrize(
    ("payee", "reason"),
    [
        (
            {"name": "Värd AB", "iban": "SE4550000000058398257467"},
            "Värd AB: the IBAN SE4550000000058398257467 is wrong",
        ),
        ({"name": "Värd AB", "iban": "SE45"}, "Värd AB: the IBAN SE45 is wrong"),
        ({"name": "Värd AB", "bic": "NOPE"}, "Värd AB: the BIC NOPE is wrong"),
        ({"name": "漢字"}, "no name that a bank can read"),
    ],
)
def test_a_payment_the_bank_would_send_back_is_refused_by_name(operator, payee, reason) -> None:
    with pytest.raises(ExportRefused, match=reason):
        sepa.write(payout_file(operator, payee))


@pytest.mark.parametrize("facts", [{"total": Decimal("61.12")}, {"count": 2}])
def test_a_file_whose_payments_do_not_add_up_is_refused(operator, facts) -> None:
    with pytest.raises(ExportRefused, match="do not add up"):
        sepa.write(payout_file(operator, {"amount": "61.11"}, **facts))


def test_an_operator_without_an_account_of_its_own_is_told_so(operator) -> None:
    SellerProfile.objects.update(iban="")
    with pytest.raises(ExportRefused, match="own IBAN is missing"):
        sepa.write(payout_file(operator))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (SWEDISH, True), (GERMAN, True), ("GB82 WEST 1234 5698 7654 32", True), ("NO9386011117947", True),
        ("SE4550000000058398257467", False), ("SE455000000005839825746", False), ("", False),
        ("DE8937040044053201300\uff10", False),
    ],
)  # fmt: skip
def test_ibans_check_themselves(text, good) -> None:
    assert is_iban(text) is good


BICS = [("ESSESESS", True), ("ESSESESSXXX", True), ("ESSE", False), ("", False)]


@pytest.mark.parametrize(("text", "good"), BICS)
def test_bics_have_a_form(text, good) -> None:
    assert is_bic(text) is good
