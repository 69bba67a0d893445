"""The files of issued documents: what stands on them, what is inside them, and that they never change."""

import datetime as dt
import hashlib
import io
import unicodedata

import pytest
from django.core.files.storage import default_storage
from pypdf import PdfReader

from billing.invoicing import documents, typesetting
from billing.models import Invoice, InvoiceDocument
from tests.billing.document_builders import BUYER, EVERY_KIND, ISSUED, PERSON, credited, document, fleet, line

pytestmark = pytest.mark.django_db


def text_of(pdf: bytes) -> str:
    """The words on all pages, with plain spaces."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(unicodedata.normalize("NFKC", page.extract_text()).split()) for page in pages)


def stands(pdf: bytes, *said: str) -> list[str]:
    """Those of the texts that are not on the document."""
    text = text_of(pdf)
    return [each for each in said if each not in text]


def test_an_invoice_says_what_swedish_law_wants() -> None:
    pdf = documents.pdf(document(line(), line("1", "10", "0.12", unit="pcs", description="Parkering")))
    assert stands(
        pdf, "Faktura", "Fakturanummer", "F-1001", "2026-11-02", "Förfallodatum", "2026-12-02",
        "2026-10-01 – 2026-10-31", "Norrsken Laddning AB", "Storgatan 1", "903 26 Umeå", "556000-4615",
        "SE556000461501", "Godkänd för F-skatt", "Säte Umeå", "Åkeri & Söner AB", "Hamngatan 3",
        "556016-0680",
        "SE556016068001", "Flottan/Anna", "12,345 kWh", "3,96", "25 %", "12 %", "48,89", "12,22",
        "10,00", "1,20",
        "58,89", "13,42", "72,31 kr", "Bankgiro", "5402-9681", "1100124", "SE45 5000 0000 0583 9825 7466",
        "2026-10-03 08:12 – 09:40", "Sida 1 av 1",
    ) == []  # fmt: skip


def test_an_english_invoice_is_english() -> None:
    pdf = documents.pdf(document(language="en"))
    assert stands(pdf, "Invoice number", "Due date", "12.345 kWh", "SEK 61.11", "Payment reference") == []
    assert "Faktura" not in text_of(pdf)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("reverse charge", ("Reverse charge", "Articles 38 and 195", "DK13585628")),
        ("self-billing", ("Självfaktura", "köparen har upprättat fakturan", "Betalas ut")),
        (
            "credit note",
            ("Kreditfaktura", "Krediterar", "F-1001 (2026-11-02)", "Fel pris", "Att få tillbaka"),
        ),
        ("receipt", ("Kvitto", "Anna Öberg", "4,95", "61,11", "12,22")),
    ],
)
def test_each_kind_says_what_is_peculiar_to_it(kind: str, said: tuple[str, ...]) -> None:
    assert stands(documents.pdf(EVERY_KIND[kind]()), *said) == []


def test_a_reimbursement_is_a_statement_and_no_invoice() -> None:
    pdf = documents.pdf(document(line(rate=None), kind="reimbursement", buyer=PERSON, ocr=""))
    assert stands(pdf, "Ersättning för hemmaladdning", "ingen moms tas ut", "48,89 kr") == []
    assert PdfReader(io.BytesIO(pdf)).attachments == {}


def test_rounding_to_whole_kronor_is_shown() -> None:
    invoice = document(line())
    invoice.rounding, invoice.payable = invoice.payable.__class__("-0.11"), invoice.payable.__class__("61.00")
    assert stands(documents.pdf(invoice), "Öresavrundning", "−0,11", "61,00 kr") == []


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_rendering_again_gives_the_same_bytes(kind: str) -> None:
    invoice = EVERY_KIND[kind]()
    first = documents.pdf(invoice)
    typesetting._threads.__dict__.clear()  # as in another process
    assert documents.pdf(Invoice.objects.get(pk=invoice.pk)) == first
    read_at_once = documents.with_parts(Invoice.objects.filter(pk=invoice.pk)).get()
    assert documents.pdf(read_at_once) == first


def test_the_pdf_is_pdf_a_3_with_the_ubl_inside() -> None:
    invoice = document()
    reader = PdfReader(io.BytesIO(documents.pdf(invoice)))
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in metadata
    assert "2026-11-02T05:30:00" in metadata
    assert reader.attachments == {"F-1001.xml": [documents.ubl(invoice)]}
    file = reader.trailer["/Root"]["/AF"][0].get_object()
    assert (file["/AFRelationship"], file["/EF"]["/F"]["/Subtype"]) == ("/Alternative", "/application/xml")


def test_three_hundred_lines_run_over_pages_with_the_heads_repeated() -> None:
    reader = PdfReader(io.BytesIO(documents.pdf(fleet(300))))
    texts = [unicodedata.normalize("NFKC", page.extract_text()) for page in reader.pages]
    assert len(texts) > 10
    assert all("Beskrivning" in text for text in texts[:-1])
    assert all(f"Sida {number} av {len(texts)}" in text for number, text in enumerate(texts, start=1))
    assert "Faktura F-1001" in texts[1]
    assert "ABC 299" in "".join(texts[-2:])


def test_the_time_stands_once_where_the_description_has_it_already() -> None:
    pdf = documents.pdf(document(line(description="Laddning 2026-10-03 08:12–09:40, Stortorget")))
    assert text_of(pdf).count("08:12") == 1


def test_a_period_of_one_day_is_one_date() -> None:
    one_day = {"period_start": dt.date(2026, 10, 3), "period_end": dt.date(2026, 10, 4)}
    assert stands(documents.pdf(document(**one_day)), "Period 2026-10-03 Kundnummer") == []


def test_cost_centres_have_subtotals_that_add_up_to_the_net() -> None:
    pdf = documents.pdf(fleet(30))
    assert stands(
        pdf, "Hemtjänst", "Delsumma Hemtjänst", "574,38", "Delsumma Park & gata", "970,78",
        "Utan kostnadsställe", "1 367,17", "2 912,33",
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        '#strong[x] "quoted" \\ back', "$x^2$ <b>&amp; @label #sys.inputs", "שלום עולם", "مرحبا",
        "漢字 株式会社", "🚗⚡", "\u202egnihtemos", "a\u0000b\u0007c", "Łódź Ωmega Київ Ðåß",
    ],
)  # fmt: skip
def test_any_name_can_be_set_and_none_is_read_as_markup(name: str) -> None:
    invoice = document(
        line(description=name.replace("\0", "")), buyer=BUYER | {"name": name.replace("\0", "")}
    )
    pdf = documents.pdf(invoice)
    assert b"strong" not in pdf[:100]
    if name.isascii() and name.isprintable():
        assert "".join(name.split()) in text_of(pdf).replace(" ", "")
    assert documents.pdf(invoice) == pdf


def test_every_letter_that_is_let_through_can_be_drawn() -> None:
    everything = "".join(chr(code) for code in range(0x20, 0x3000))
    shown = "".join(dict.fromkeys(typesetting.drawable(everything)))
    assert len(shown) > 880
    documents.pdf(document(line(description=shown[:200]), buyer=BUYER | {"name": shown}))


def test_storing_lays_both_files_down_with_their_digests() -> None:
    invoice = document()
    stored = documents.store(invoice, ISSUED)
    assert [each.kind for each in stored] == ["pdf", "ubl"]
    for each in stored:
        with default_storage.open(each.path) as file:
            content = file.read()
        assert each.path.startswith("invoices/2026/11/")
        assert (each.sha256, each.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
        assert documents.content_of(each) == content


def test_storing_twice_changes_nothing() -> None:
    invoice = document()
    first = [(d.pk, d.path, d.sha256) for d in documents.store(invoice, ISSUED)]
    again = [(d.pk, d.path, d.sha256) for d in documents.store(Invoice.objects.get(pk=invoice.pk), ISSUED)]
    assert again == first
    assert InvoiceDocument.objects.count() == 2


def test_a_reimbursement_is_stored_as_pdf_only() -> None:
    stored = documents.store(document(line(rate=None), kind="reimbursement", buyer=PERSON), ISSUED)
    assert [each.kind for each in stored] == ["pdf"]


def test_a_file_that_the_storage_lost_is_made_again_the_same() -> None:
    stored = documents.store(credited(), ISSUED)[0]
    default_storage.delete(stored.path)
    assert hashlib.sha256(documents.content_of(stored)).hexdigest() == stored.sha256


def test_many_documents_are_read_in_few_queries(django_assert_num_queries) -> None:
    for _ in range(3):
        document(operator=Invoice.objects.first().operator if Invoice.objects.exists() else None)
    with django_assert_num_queries(4):
        for invoice in documents.with_parts(Invoice.objects.order_by("pk")):
            documents.pdf(invoice)
