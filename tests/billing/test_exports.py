"""Exports: made once in the background, the same bytes for locked days, and never without a record of who."""

import csv
import datetime as dt
import hashlib
import io
import threading
import zipfile
from decimal import Decimal

import openpyxl
import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction

from accounts.models import AuditEntry
from billing import tasks
from billing.exports import asking, downloads, kinds, making
from billing.exports.refusals import ExportRefused
from billing.exports.sheets import Table, harmless, no_tick, write_csv, write_xlsx
from billing.invoicing import documents
from billing.ledger import periods, postings
from billing.models import (
    Export,
    ExportDownload,
    ExportKind,
    InvoiceSettlement,
    Payout,
    PayoutFile,
    SellerProfile,
)
from tests.billing.document_builders import BUYER, PERSON, SELLER, book, document, fleet, line
from tests.billing.sie_reader import read
from tests.factories import MembershipFactory, OrganisationFactory

pytestmark = pytest.mark.django_db
START, END = dt.date(2026, 11, 1), dt.date(2026, 12, 1)
NOW = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
LOCKED = dt.datetime(2026, 12, 3, 8, tzinfo=dt.UTC)
State = Export.State


@pytest.fixture
def operator(db):
    made = OrganisationFactory(name="Norrsken", registration_number="556000-4615")
    SellerProfile.objects.create(
        organisation=made, legal_name=SELLER["name"], iban=SELLER["iban"], bic=SELLER["bic"]
    )
    return made


@pytest.fixture
def clerk(operator):
    return MembershipFactory(organisation=operator, role="finance").user


@pytest.fixture
def books(operator):
    """Three documents, one of them paid: posted as they are when issued."""
    made = [
        document(operator=operator),
        document(line("3", "10"), operator=operator, buyer=PERSON, kind="receipt"),
        document(operator=operator, buyer=BUYER | {"name": "=cmd|' /C calc'!A0", "peppol_id": "123"}),
    ]
    for invoice in made:
        book(invoice)
    settlement = InvoiceSettlement.objects.create(
        invoice=made[0], kind="bank", amount=made[0].payable, key="bank:1", reference="BG 7",
        settled_at=dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC),
    )  # fmt: skip
    postings.invoice_settled(settlement)
    return made


def ask(operator, kind, by=None, **facts) -> Export:
    now, days = facts.pop("clock", NOW), facts.pop("days", (START, END))
    export = asking.ask(operator, kind=kind, days=days, by=by, now=now, **facts)
    making.make(export.pk, clock=lambda: now)
    return Export.objects.get(pk=export.pk)


def content(export: Export) -> bytes:
    assert (export.state, export.error) == (State.DONE, "")
    with default_storage.open(export.path) as file:
        made = file.read()
    assert (hashlib.sha256(made).hexdigest(), len(made)) == (export.sha256, export.size_bytes)
    return made


def rows(export: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content(export).decode("utf-8-sig"), newline="")))


def test_invoices_are_rows_with_plain_numbers(operator, books) -> None:
    export = ask(operator, ExportKind.INVOICES_CSV)
    assert export.file_name == "invoices_2026-11.csv"
    assert (export.done_rows, export.total_rows) == (3, 3)
    first, second, third = rows(export)
    wanted = ("number", "kind", "customer", "net", "vat", "payable", "reverse_charge")
    assert [first[name] for name in wanted] == [
        "F-1001", "invoice", "Åkeri & Söner AB", "48.89", "12.22", "61.11", "0"
    ]  # fmt: skip
    assert third["kind"] == "receipt"
    assert second["customer"] == "'=cmd|' /C calc'!A0"


def test_the_same_invoices_in_excel_are_numbers_and_dates(operator, books) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(content(ask(operator, ExportKind.INVOICES_XLSX)))).active
    head, first, second = [list(row) for row in sheet.iter_rows(max_row=3)]
    columns = {cell.value: number for number, cell in enumerate(head)}
    payable, dated = first[columns["payable"]], first[columns["invoice_date"]]
    assert (payable.data_type, payable.value) == ("n", 61.11)
    assert (dated.is_date, dated.value.date()) == (True, dt.date(2026, 11, 2))
    name = second[columns["customer"]]
    assert (name.data_type, name.value) == ("s", "'=cmd|' /C calc'!A0")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\n=1", "  =1", "'=1", '"=1', "\uff1d1"]
)
def test_no_text_can_be_taken_for_a_formula(text) -> None:
    assert harmless(text) == f"'{text}"
    file = io.BytesIO()
    write_csv(Table(("a",), [(text,)]), file, tick=no_tick)
    assert next(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig").split("\r\n", 1)[1], newline="")))[
        0
    ].startswith("'")


def test_ordinary_texts_and_negative_numbers_stay_as_they_are() -> None:
    assert [harmless(text) for text in ("Åsa", "1-2", "a=b", "", "it's")] == ["Åsa", "1-2", "a=b", "", "it's"]
    file = io.BytesIO()
    write_csv(Table(("a", "b"), [(Decimal("-1.50"), None)]), file, tick=no_tick)
    assert file.getvalue() == b"\xef\xbb\xbfa,b\r\n-1.50,\r\n"


def test_control_characters_do_not_break_a_sheet() -> None:
    file = io.BytesIO()
    write_xlsx(Table(("a",), [("x\u0007y",)]), file, tick=no_tick)
    assert openpyxl.load_workbook(io.BytesIO(file.getvalue())).active["A2"].value == "xy"


def test_the_journal_has_debit_and_credit_and_the_trial_balance_is_nought(operator, books) -> None:
    lines = rows(ask(operator, ExportKind.LEDGER_CSV))
    assert sum(Decimal(row["debit"]) for row in lines) == sum(Decimal(row["credit"]) for row in lines)
    assert {row["account"] for row in lines} >= {"1510", "2611", "1930"}
    balance = rows(ask(operator, ExportKind.TRIAL_BALANCE_CSV))
    assert sum(Decimal(row["closing"]) for row in balance) == 0
    assert {row["account"]: row["closing"] for row in balance}["1930"] == "61.11"


def test_payments_are_what_moved_money(operator, books) -> None:
    (row,) = rows(ask(operator, ExportKind.PAYMENTS_CSV))
    assert [row[n] for n in ("date", "kind", "document", "customer_number", "amount", "reference")] == [
        "2026-11-20", "bank", "F-1001", "O000017", "61.11", "BG 7"
    ]  # fmt: skip


def test_collection_lists_what_was_overdue_at_the_end_of_the_days(operator, books) -> None:
    later = (dt.date(2026, 12, 1), dt.date(2027, 1, 1))
    listed = rows(ask(operator, ExportKind.COLLECTION_CSV, days=later))
    assert [(row["number"], row["open"], row["days_overdue"]) for row in listed] == [
        ("K-1001", "37.50", "29"),
        ("F-1002", "61.11", "29"),
    ]
    assert rows(ask(operator, ExportKind.COLLECTION_CSV)) == []


def test_vouchers_are_accepted_by_the_strict_reader(operator, books) -> None:
    export = ask(operator, ExportKind.SIE)
    assert export.file_name == "vouchers_2026-11.si"
    assert [voucher.text for voucher in read(content(export)).vouchers] == [
        "Fakturor 2026-11-02 (2 st)", "Kvitton 2026-11-02 (1 st)", "Bankbetalningar 2026-11-20 (1 st)"
    ]  # fmt: skip
    by_entry = ask(operator, ExportKind.SIE, parameters={"per": "entry"})
    assert len(read(content(by_entry)).vouchers) == 4


def test_the_peppol_zip_holds_what_keeps_the_rules_and_says_why_the_rest_stays_out(operator, books) -> None:
    bundle = zipfile.ZipFile(io.BytesIO(content(ask(operator, ExportKind.PEPPOL_ZIP))))
    assert bundle.namelist() == ["F-1001.xml", "refused.csv"]
    assert bundle.read("F-1001.xml") == documents.ubl(books[0])
    (refused,) = csv.DictReader(io.StringIO(bundle.read("refused.csv").decode("utf-8-sig"), newline=""))
    assert (refused["number"], refused["rule"]) == ("F-1002", "PEPPOL-COMMON-R049")


def test_the_pdf_zip_holds_every_document_as_it_was_stored(operator, books) -> None:
    documents.store(books[0], NOW)
    bundle = zipfile.ZipFile(io.BytesIO(content(ask(operator, ExportKind.PDF_ZIP))))
    assert sorted(bundle.namelist()) == ["F-1001.pdf", "F-1002.pdf", "K-1001.pdf"]
    assert bundle.read("F-1001.pdf") == documents.pdf(books[0])


def test_payouts_of_the_days_are_the_banks_file(operator, books) -> None:
    payouts = PayoutFile.objects.create(
        operator=operator, message_id="NK-1", execution_date=END, currency="SEK", total=Decimal("61.11"),
        count=1, created_at=NOW - dt.timedelta(days=5),
    )  # fmt: skip
    Payout.objects.create(
        file=payouts, invoice=books[0], name="Värd AB", iban="SE4550000000058398257466",
        amount=Decimal("61.11"), reference="S-7-1",
    )  # fmt: skip
    export = ask(operator, ExportKind.SEPA)
    assert export.file_name == "payouts_2026-11.xml"
    assert b"<EndToEndId>S-7-1</EndToEndId>" in content(export)
    none = ask(operator, ExportKind.SEPA, days=(dt.date(2026, 1, 1), dt.date(2026, 2, 1)))
    assert (none.state, none.error) == (State.FAILED, "No payout file was made in these days.")


LOCKABLE = [kind for kind in ExportKind if kind != ExportKind.SEPA]


@pytest.mark.parametrize("kind", LOCKABLE)
def test_an_export_of_a_locked_month_is_the_same_bytes_again(operator, books, kind) -> None:
    periods.lock_month(operator.pk, month=START, by=None, now=LOCKED)
    first = ask(operator, kind, clock=LOCKED + dt.timedelta(hours=1))
    made = content(first)
    default_storage.delete(first.path)  # so that it is written anew
    with time_machine.travel(LOCKED + dt.timedelta(days=70)):
        again = ask(operator, kind, clock=LOCKED + dt.timedelta(days=70))
    assert again.path != first.path
    assert content(again) == made


def test_a_locked_months_export_stays_when_a_name_was_changed_since(operator, books) -> None:
    periods.lock_month(operator.pk, month=START, by=None, now=LOCKED)
    first = ask(operator, ExportKind.LEDGER_CSV, clock=LOCKED + dt.timedelta(hours=1))
    operator.ledger_accounts.filter(number="1930").update(name="Bank")
    again = ask(operator, ExportKind.LEDGER_CSV, clock=LOCKED + dt.timedelta(days=1))
    assert again.sha256 == first.sha256
    assert content(again) == content(first)


def test_a_document_that_comes_after_the_lock_is_exported_with_the_next_month(operator, books) -> None:
    periods.lock_month(operator.pk, month=START, by=None, now=LOCKED)
    late = document(
        operator=operator, issued_at=LOCKED + dt.timedelta(days=1), invoice_date=dt.date(2026, 11, 30)
    )
    book(late)
    november = rows(ask(operator, ExportKind.INVOICES_CSV, clock=LOCKED))
    december = rows(ask(operator, ExportKind.INVOICES_CSV, days=(END, dt.date(2027, 1, 1))))
    assert [row["number"] for row in november] == ["F-1001", "F-1002", "K-1001"]
    assert [row["number"] for row in december] == [late.full_number]


def test_another_operators_documents_are_in_no_export(operator, books) -> None:
    other = OrganisationFactory()
    for kind in (ExportKind.INVOICES_CSV, ExportKind.LEDGER_CSV, ExportKind.PAYMENTS_CSV):
        assert rows(ask(other, kind)) == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"days": (END, START)}, "ends before it begins"),
        ({"days": (START, dt.date(2030, 1, 1))}, "longer than three years"),
        ({"kind": "everything"}, "no such export"),
        ({"parameters": {"per": "day"}}, "no parameter per"),
        ({"kind": "sie", "parameters": {"per": "week"}}, "per cannot be week"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_plain_words(operator, facts, reason) -> None:
    with pytest.raises(ExportRefused, match=reason):
        asking.ask(operator, **{"kind": "invoices_csv", "days": (START, END), "by": None, "now": NOW} | facts)
    assert Export.objects.count() == 0


def test_asking_is_made_by_a_worker_after_the_commit(
    operator, books, clerk, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        export = asking.ask(operator, kind="invoices_csv", days=(START, END), by=clerk, now=NOW)
        assert Export.objects.get().state == State.WAITING
    assert Export.objects.get().state == State.DONE
    assert AuditEntry.objects.get(act="export.asked").subject == f"export {export.public_id}"


def test_a_failure_says_so_and_can_be_tried_again(operator, books, clerk, monkeypatch) -> None:
    from billing.exports import tables

    export = asking.ask(operator, kind="sie", days=(START, END), by=clerk, now=NOW)
    monkeypatch.setitem(kinds.MAKERS, "sie", kinds.Maker("vouchers", lambda *_: 1 / 0))  # type: ignore[arg-type]
    assert making.make(export.pk, clock=lambda: NOW)
    export.refresh_from_db()
    assert (export.state, export.error) == (
        State.FAILED,
        "Something went wrong. It has been logged. Try again.",
    )
    monkeypatch.undo()
    assert asking.ask_again(export, by=clerk, now=NOW)
    assert not asking.ask_again(export, by=clerk, now=NOW)
    making.make(export.pk, clock=lambda: NOW)
    export.refresh_from_db()
    assert (export.state, export.error) == (State.DONE, "")
    assert tables.invoices is not None


def test_a_made_export_is_not_made_again(operator, books) -> None:
    export = ask(operator, ExportKind.INVOICES_CSV)
    assert not making.make(export.pk, clock=lambda: NOW)
    assert Export.objects.get().path == export.path


def test_an_export_whose_worker_died_is_taken_up_by_the_sweep(operator, books) -> None:
    export = asking.ask(operator, kind="invoices_csv", days=(START, END), by=None, now=NOW)
    Export.objects.update(state=State.RUNNING, attempts=1, heartbeat_at=NOW)
    soon, late = NOW + dt.timedelta(minutes=2), NOW + dt.timedelta(minutes=6)
    assert making.unfinished_ids(now=soon) == []
    assert not making.make(export.pk, clock=lambda: soon)
    assert making.unfinished_ids(now=late) == [export.pk]
    with time_machine.travel(late, tick=False):
        assert tasks.sweep_exports() == 1
    export.refresh_from_db()
    assert (export.state, export.attempts) == (State.DONE, 2)


def test_what_a_slow_worker_made_does_not_count_once_another_took_over(operator, books) -> None:
    export = asking.ask(operator, kind="invoices_csv", days=(START, END), by=None, now=NOW)
    slow = making._claim(export.pk, now=NOW)
    other = making._claim(export.pk, now=NOW + dt.timedelta(minutes=6))
    assert (slow.attempts, other.attempts) == (1, 2)
    with pytest.raises(making.LostClaim):
        making._make(slow, lambda: NOW)
    export.refresh_from_db()
    assert (export.state, export.path) == (State.RUNNING, "")


def test_an_export_that_kills_its_workers_is_given_up(operator) -> None:
    asking.ask(operator, kind="invoices_csv", days=(START, END), by=None, now=NOW)
    Export.objects.update(state=State.RUNNING, attempts=making.MOST_ATTEMPTS, heartbeat_at=NOW)
    assert making.unfinished_ids(now=NOW + dt.timedelta(hours=1)) == []
    assert Export.objects.get().state == State.FAILED
    assert "shorter period" in Export.objects.get().error


def test_a_lost_message_is_sent_again_by_the_sweep(operator, books) -> None:
    export = asking.ask(operator, kind="invoices_csv", days=(START, END), by=None, now=NOW)
    assert making.unfinished_ids(now=NOW + dt.timedelta(seconds=30)) == []
    assert making.unfinished_ids(now=NOW + dt.timedelta(minutes=2)) == [export.pk]


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_told_at_once_one_makes_the_export(operator, books) -> None:
    export = asking.ask(operator, kind="invoices_csv", days=(START, END), by=None, now=NOW)
    Export.objects.update(state=State.WAITING, attempts=0)
    results, barrier = [], threading.Barrier(6)

    def work() -> None:
        barrier.wait()
        results.append(making.make(export.pk))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sorted(results) == [False] * 5 + [True]
    assert Export.objects.get().attempts == 1


def test_taking_a_file_is_on_record_for_good(operator, books, clerk) -> None:
    export = ask(operator, ExportKind.INVOICES_CSV, by=clerk)
    with downloads.take(export, by=clerk, now=NOW) as file:
        assert file.read() == content(export)
    taken = ExportDownload.objects.get()
    assert (taken.export, taken.user, taken.taken_at) == (export, clerk, NOW)
    assert AuditEntry.objects.get(act="export.taken").details["sha256"] == export.sha256
    with pytest.raises(DatabaseError), transaction.atomic():
        taken.delete()


def test_what_is_not_ready_cannot_be_taken_and_leaves_no_record(operator, clerk) -> None:
    export = asking.ask(operator, kind="invoices_csv", days=(START, END), by=clerk, now=NOW)
    with pytest.raises(ExportRefused, match="not ready"):
        downloads.take(export, by=clerk, now=NOW)
    assert ExportDownload.objects.count() == 0


def test_only_those_who_keep_the_books_of_the_operator_see_its_exports(operator, clerk) -> None:
    export = asking.ask(operator, kind="invoices_csv", days=(START, END), by=clerk, now=NOW)
    colleague = MembershipFactory(organisation=operator, role="finance").user
    operators = MembershipFactory(organisation=operator, role="operator").user
    stranger = MembershipFactory(organisation=OrganisationFactory(), role="finance").user
    seen = [list(downloads.exports_of(user)) for user in (clerk, colleague, operators, stranger)]
    assert seen == [[export], [export], [], []]


def test_many_rows_are_read_in_few_queries(operator, django_assert_max_num_queries) -> None:
    for _ in range(3):
        book(fleet(3, operator=operator))
    with django_assert_max_num_queries(25):
        assert len(rows(ask(operator, ExportKind.INVOICES_CSV))) == 3
