"""What was issued is corrected by credit notes, to the öre, once, and what is paid is paid back."""

import threading
from decimal import Decimal

import pytest
from django.db import connection

from accounts.models import AuditEntry
from billing.invoicing.credits import (
    NothingToCredit,
    corrected_cdr_ids,
    credit_corrected_cdr,
    credit_invoice,
)
from billing.invoicing.issuing import issue
from billing.invoicing.receipts import issue_receipt
from billing.invoicing.settling import open_amount, settle
from billing.models import BilledCdr, Invoice, InvoiceSettlement
from tests.billing.invoice_builders import (
    NOW,
    balance,
    cdr_of,
    credit_of,
    operator_that_issues,
    person_account,
)
from tests.billing.test_invoice_issuing import draft_of, fee
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
Kind = InvoiceSettlement.Kind


def test_a_credit_of_all_leaves_nothing_to_pay_and_nothing_earned() -> None:
    operator = operator_that_issues(rounds_to_krona=True)
    account = person_account(operator)
    invoice = issue(draft_of(account, *[cdr_of(account) for _ in range(3)]), now=NOW)
    assert invoice.payable == Decimal(183)
    clerk = UserFactory()
    note = credit_invoice(invoice, reason="Wrong customer", now=NOW, by=clerk)
    assert (note.full_number, note.credits, note.payable, note.total_vat, note.rounding) == (
        "KR-1", invoice, Decimal(-183), -invoice.total_vat, -invoice.rounding,
    )  # fmt: skip
    assert (open_amount(invoice), open_amount(note)) == (Decimal(0), Decimal(0))
    roles = ("receivable", "unbilled", "sales", "vat_25", "rounding")
    assert [balance(operator, role) for role in roles] == [Decimal(0)] * 5
    entry = AuditEntry.objects.get(act="invoice.credited")
    assert (entry.actor, entry.details["credit_note"]) == (clerk, "KR-1")


def test_some_sessions_are_credited_and_then_the_rest() -> None:
    operator = operator_that_issues(rounds_to_krona=True)
    account = person_account(operator)
    cdrs = [cdr_of(account) for _ in range(3)]
    invoice = issue(draft_of(account, *cdrs), now=NOW)
    part = credit_invoice(invoice, reason="Twice", now=NOW, by=None, cdr_ids=[cdrs[1].pk])
    assert (part.payable, open_amount(invoice)) == (Decimal("-61.11"), Decimal("121.89"))
    assert [line.position for line in part.lines.all()] == [2]
    with pytest.raises(NothingToCredit):
        credit_invoice(invoice, reason="Again", now=NOW, by=None, cdr_ids=[cdrs[1].pk])
    rest = credit_invoice(invoice, reason="All", now=NOW, by=None)
    assert (rest.payable, open_amount(invoice)) == (Decimal("-121.89"), Decimal(0))
    assert (balance(operator, "receivable"), balance(operator, "sales")) == (Decimal(0), Decimal(0))
    with pytest.raises(NothingToCredit):
        credit_invoice(invoice, reason="Again", now=NOW, by=None)
    assert Invoice.objects.filter(kind=Invoice.Kind.CREDIT_NOTE).count() == 2


def test_what_had_been_paid_stays_open_on_the_credit_note_until_it_is_paid_back() -> None:
    operator = operator_that_issues()
    account = person_account(operator)
    invoice = issue(draft_of(account, lines=(fee(),)), now=NOW)
    settle(invoice, kind=Kind.BANK, amount=Decimal(100), key="bank:1", now=NOW)
    note = credit_invoice(invoice, reason="Wrong", now=NOW, by=None)
    assert (open_amount(invoice), open_amount(note)) == (Decimal(0), Decimal(-100))
    settle(note, kind=Kind.REFUND, amount=Decimal(-100), key="refund:1", now=NOW)
    assert open_amount(note) == Decimal(0)
    assert (balance(operator, "receivable"), balance(operator, "bank")) == (Decimal(0), Decimal(100))
    assert balance(operator, "card_clearing") == Decimal(-100)


def test_a_credit_note_cannot_be_credited() -> None:
    account = person_account(operator_that_issues())
    note = credit_invoice(issue(draft_of(account, lines=(fee(),)), now=NOW), reason="Wrong", now=NOW, by=None)
    with pytest.raises(NothingToCredit, match="new invoice"):
        credit_invoice(note, reason="Wrong", now=NOW, by=None)


def test_a_payment_told_twice_counts_once() -> None:
    account = person_account(operator_that_issues())
    invoice = issue(draft_of(account, lines=(fee(),)), now=NOW)
    for _ in range(2):
        settle(invoice, kind=Kind.PAYMENT, amount=Decimal(125), key="pi_1", now=NOW)
    assert (open_amount(invoice), balance(account.operator, "card_clearing")) == (Decimal(0), Decimal(125))
    other = issue(draft_of(account, lines=(fee(),)), now=NOW)
    with pytest.raises(ValueError, match="another document"):
        settle(other, kind=Kind.PAYMENT, amount=Decimal(125), key="pi_1", now=NOW)
    assert open_amount(other) == Decimal(125)


class TestACorrectedSession:
    def test_gets_a_credit_note_for_its_old_record_and_a_new_receipt(self) -> None:
        operator = operator_that_issues()
        account = person_account(operator, collection="card")
        old = cdr_of(account)
        receipt = issue_receipt(old, now=NOW)
        assert receipt is not None
        credit = credit_of(old)
        new = cdr_of(account, gross="50.00", session=old.session, sequence=3)
        assert corrected_cdr_ids(most=10) == [credit.pk]
        note = credit_corrected_cdr(credit.pk, now=NOW)
        assert note is not None
        assert (note.payable, note.credits, BilledCdr.objects.get(cdr=credit).invoice) == (
            Decimal("-61.11"), receipt, note,
        )  # fmt: skip
        assert credit_corrected_cdr(credit.pk, now=NOW) == note
        assert corrected_cdr_ids(most=10) == []
        second = issue_receipt(new, now=NOW)
        assert second is not None
        assert (second.payable, balance(operator, "receivable")) == (Decimal("50.00"), Decimal("50.00"))
        assert (balance(operator, "unbilled"), balance(operator, "sales")) == (Decimal(0), Decimal("-40.00"))

    def test_that_was_not_billed_needs_no_credit_note(self) -> None:
        account = person_account(operator_that_issues())
        credit = credit_of(cdr_of(account))
        assert corrected_cdr_ids(most=10) == []
        assert credit_corrected_cdr(credit.pk, now=NOW) is None
        assert Invoice.objects.count() == 0

    def test_that_had_been_credited_by_hand_is_not_credited_twice(self) -> None:
        operator = operator_that_issues()
        account = person_account(operator)
        cdr = cdr_of(account)
        invoice = issue(draft_of(account, cdr), now=NOW)
        by_hand = credit_invoice(invoice, reason="Goodwill", now=NOW, by=None)
        credit = credit_of(cdr)
        assert credit_corrected_cdr(credit.pk, now=NOW) == by_hand
        assert corrected_cdr_ids(most=10) == []
        roles = ("receivable", "unbilled", "sales", "vat_25")
        assert [balance(operator, role) for role in roles] == [Decimal(0)] * 4


class TestReceipts:
    def test_the_same_session_has_one_receipt(self) -> None:
        account = person_account(operator_that_issues(), collection="card")
        cdr = cdr_of(account)
        first, second = (issue_receipt(cdr, now=NOW) for _ in range(2))
        assert first is not None
        assert (first == second, first.full_number, first.kind) == (True, "K-1", "receipt")
        assert first.due_date == first.invoice_date

    def test_a_free_session_and_a_credited_one_get_none(self) -> None:
        account = person_account(operator_that_issues())
        assert issue_receipt(cdr_of(account, gross="0.00"), now=NOW) is None
        cdr = cdr_of(account)
        credit = credit_of(cdr)
        assert (issue_receipt(cdr, now=NOW), issue_receipt(credit, now=NOW)) == (None, None)
        assert Invoice.objects.count() == 0

    def test_a_guest_gets_one_without_an_account(self) -> None:
        receipt = issue_receipt(cdr_of(None, operator=operator_that_issues()), now=NOW)
        assert receipt is not None
        assert (receipt.account, receipt.buyer["is_business"], receipt.payable) == (
            None, False, Decimal("61.11"),
        )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_of_fifty_who_credit_and_bill_the_same_sessions_one_succeeds() -> None:
    account = person_account(operator_that_issues(), collection="card")
    cdr, billed = cdr_of(account), cdr_of(account)
    invoice = issue(draft_of(account, billed), now=NOW)
    refused: list[Exception] = []

    def work(number: int) -> None:
        try:
            if number % 2:
                issue_receipt(cdr, now=NOW)
            else:
                credit_invoice(invoice, reason="Race", now=NOW, by=None)
        except NothingToCredit as nothing:
            refused.append(nothing)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    numbers = sorted(invoice.full_number for invoice in Invoice.objects.select_related("series"))
    assert (numbers, len(refused)) == (["F-1", "K-1", "KR-1"], 24)
    assert open_amount(invoice) == Decimal(0)
