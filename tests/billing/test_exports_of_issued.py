"""Documents as they are really issued keep Peppol's rules, and every export of their books agrees."""

import csv
import datetime as dt
import io
from collections import defaultdict
from decimal import Decimal

import pytest
from pypdf import PdfReader

from billing.exports import booked, revenue, sie, tables
from billing.exports.period import Period
from billing.exports.sheets import Table, no_tick, write_csv
from billing.invoicing import documents
from billing.invoicing.credits import credit_invoice
from billing.invoicing.drafts import Draft
from billing.invoicing.issuing import issue
from billing.invoicing.lines import of_cdrs, with_what_lines_need
from billing.invoicing.peppol_rules import violations
from billing.invoicing.receipts import issue_receipt
from billing.ledger import periods
from billing.models import Cdr, Invoice, JournalLine
from tests.billing.invoice_builders import (
    NOON,
    cdr_of,
    company_account,
    credit_of,
    operator_that_issues,
    person_account,
)
from tests.billing.sie_reader import read

pytestmark = pytest.mark.django_db
MARCH, APRIL, MAY = dt.date(2026, 3, 1), dt.date(2026, 4, 1), dt.date(2026, 5, 1)
NOW = dt.datetime(2026, 3, 31, 20, tzinfo=dt.UTC)
LOCKED = dt.datetime(2026, 4, 5, 8, tzinfo=dt.UTC)


@pytest.fixture
def operator(db):
    return operator_that_issues(iban="SE4550000000058398257466", bic="ESSESESS")


@pytest.fixture
def company(operator):
    return company_account(
        operator, registration_number="556016-0680", vat_number="SE556016068001", language="sv",
        reference="Anna", country="SE",
    )  # fmt: skip


def invoiced(account, **facts) -> Invoice:
    """Four sessions of awkward amounts on one invoice."""
    sessions = (("61.11", "12.345"), ("0.99", "0.2"), ("123.45", "31.337"), ("250.02", "50"))
    cdrs = [cdr_of(account, gross=gross, kwh=kwh) for gross, kwh in sessions]
    loaded = with_what_lines_need(Cdr.objects.filter(pk__in=[cdr.pk for cdr in cdrs]))
    draft = Draft(
        operator_id=account.operator_id, account=account, kind=Invoice.Kind.INVOICE, currency="SEK",
        invoice_date=NOW.date(), lines=tuple(of_cdrs(loaded, language="sv")), period_start=MARCH,
        period_end=APRIL,
        **facts,
    )  # fmt: skip
    return issue(draft, now=NOW)


def march(operator, locked_at=None) -> Period:
    return Period(operator.pk, MARCH, APRIL, locked_at, LOCKED)


def rows(table: Table) -> list[dict[str, str]]:
    file = io.BytesIO()
    write_csv(table, file, tick=no_tick)
    return list(csv.DictReader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline="")))


def test_an_issued_invoice_keeps_every_rule_of_peppol(operator, company) -> None:
    invoice = invoiced(company)
    assert invoice.payable == Decimal("435.57")
    assert violations(documents.ubl(invoice)) == []
    pages = PdfReader(io.BytesIO(documents.pdf(invoice))).pages
    assert "435,57" in pages[0].extract_text()


def test_rounding_to_whole_kronor_keeps_the_rules_too(operator, company) -> None:
    operator.seller_profile.rounds_to_krona = True
    operator.seller_profile.save()
    invoice = invoiced(company)
    assert (invoice.payable, violations(documents.ubl(invoice))) == (Decimal("436.00"), [])


def test_its_credit_note_keeps_them_as_well(operator, company) -> None:
    credit = credit_invoice(invoiced(company), reason="Fel taxa", now=NOW, by=None)
    assert violations(documents.ubl(credit)) == []
    assert documents.pdf(credit) == documents.pdf(Invoice.objects.get(pk=credit.pk))


def test_a_receipt_is_set_in_the_drivers_language(operator) -> None:
    receipt = issue_receipt(cdr_of(person_account(operator)), now=NOW)
    text = PdfReader(io.BytesIO(documents.pdf(receipt))).pages[0].extract_text()
    assert "Receipt" in text
    assert "61.11" in text


def test_every_export_of_the_month_says_the_same_sums(operator, company) -> None:
    invoice, receipt = invoiced(company), issue_receipt(cdr_of(person_account(operator)), now=NOW)
    cdrs, earned = rows(tables.cdrs(march(operator))), rows(revenue.revenue(march(operator)))
    assert sum(Decimal(row["gross"]) for row in cdrs) == invoice.payable + receipt.payable
    assert sum(Decimal(row["net"]) for row in earned) == sum(Decimal(row["net"]) for row in cdrs)
    assert sum(int(row["sessions"]) for row in earned) == len(cdrs) == 5
    assert {row["document"] for row in cdrs} == {invoice.full_number, receipt.full_number}
    file = io.BytesIO()
    sie.write(march(operator), file, tick=no_tick)
    in_file: dict[str, Decimal] = defaultdict(Decimal)
    for voucher in read(file.getvalue()).vouchers:
        for line in voucher.transactions:
            in_file[line.account] += line.amount
    in_books: dict[str, Decimal] = defaultdict(Decimal)
    for posted in JournalLine.objects.filter(entry__operator=operator).select_related("account"):
        in_books[posted.account.number] += posted.amount
    assert {k: v for k, v in in_file.items() if v} == {k: v for k, v in in_books.items() if v}
    sales = -sum(amount for number, amount in in_file.items() if number.startswith("30"))
    assert sales == sum(Decimal(row["net"]) for row in cdrs)


def test_a_credit_after_the_lock_is_in_the_next_months_export_and_in_no_other(operator, company) -> None:
    cdr = cdr_of(company)
    periods.lock_month(operator.pk, month=MARCH, by=None, now=LOCKED)
    credit = credit_of(cdr, at=LOCKED + dt.timedelta(days=1))
    assert list(booked.cdrs(march(operator, LOCKED))) == [cdr]
    assert list(booked.cdrs(Period(operator.pk, APRIL, MAY, None, LOCKED))) == [credit]


def test_a_free_session_is_exported_on_its_own_day(operator, company) -> None:
    free = cdr_of(company, gross="0.00", kwh="5", at=NOON)
    assert list(booked.cdrs(march(operator))) == [free]
    assert list(booked.cdrs(Period(operator.pk, APRIL, MAY, None, LOCKED))) == []


def test_a_free_session_rated_after_the_lock_does_not_change_the_locked_month(operator, company) -> None:
    cdr_of(company)
    periods.lock_month(operator.pk, month=MARCH, by=None, now=LOCKED)
    cdr_of(company, gross="0.00", kwh="5", rated_at=LOCKED + dt.timedelta(hours=1))
    assert booked.cdrs(march(operator, LOCKED)).count() == 1


def test_a_credited_session_counts_as_none_in_the_revenue(operator, company) -> None:
    credit_of(cdr_of(company), at=NOON + dt.timedelta(hours=2))
    (row,) = rows(revenue.revenue(march(operator)))
    assert (row["sessions"], row["energy_kwh"], row["gross"]) == ("0", "0.000", "0.00")
