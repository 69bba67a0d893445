"""Documents are issued once, numbered without gaps, add up to the öre and stand in the books."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from billing.invoicing import lines
from billing.invoicing.drafts import (
    AlreadyBilled,
    Draft,
    DraftLine,
    EmptyDraft,
    MissingSellerFacts,
    MixedCurrencies,
)
from billing.invoicing.issuing import issue, issue_all
from billing.models import BilledCdr, BillingAccount, Cdr, Invoice, InvoiceSeries, JournalEntry
from tests.billing.invoice_builders import (
    APRIL_1,
    NOW,
    balance,
    cdr_of,
    company_account,
    operator_that_issues,
    person_account,
)
from tests.factories import OrganisationFactory

pytestmark = pytest.mark.django_db


def draft_of(account: BillingAccount, *cdrs: Cdr, **changes) -> Draft:
    rows = lines.with_what_lines_need(Cdr.objects.filter(pk__in=[cdr.pk for cdr in cdrs]))
    facts = {
        "operator_id": account.operator_id, "account": account, "kind": Invoice.Kind.INVOICE,
        "currency": "SEK", "invoice_date": APRIL_1, "language": account.language,
        "lines": tuple(lines.of_cdrs(rows, language=account.language)),
    }  # fmt: skip
    return Draft(**(facts | changes))


def fee(*, net: str = "100.00", rate: str | None = "0.25", currency: str = "SEK") -> DraftLine:
    amount = Decimal(net)
    vat = Decimal(0) if rate is None else (amount * Decimal(rate)).quantize(Decimal("0.01"))
    return DraftLine(
        dimension="FEE", description="Fee", quantity=Decimal(1), unit="x", unit_price_net=amount,
        vat_rate=None if rate is None else Decimal(rate), net=amount, vat=vat, gross=amount + vat,
        currency=currency,
    )  # fmt: skip


def test_an_invoice_says_who_what_when_and_how_much() -> None:
    account = person_account(operator_that_issues())
    cdr = cdr_of(account)
    invoice = issue(draft_of(account, cdr), now=NOW)
    invoice.refresh_from_db()
    assert (invoice.full_number, invoice.invoice_date, invoice.due_date) == (
        "F-1", APRIL_1, dt.date(2026, 5, 1),
    )  # fmt: skip
    assert (invoice.total_net, invoice.total_vat, invoice.rounding, invoice.payable) == (
        Decimal("48.89"), Decimal("12.22"), Decimal("0.00"), Decimal("61.11"),
    )  # fmt: skip
    assert (invoice.seller["registration_number"], invoice.seller["bankgiro"]) == ("556677-8899", "991-2346")
    assert (invoice.buyer["name"], invoice.buyer["city"]) == ("Eva Ek", "Umeå")
    (line,) = invoice.lines.all()
    assert (line.quantity, line.unit, line.unit_price_net, line.net) == (
        Decimal("12.345"), "kWh", Decimal("3.96"), Decimal("48.89"),
    )  # fmt: skip
    assert line.description == (
        f"Charging, Square Umeå, {cdr.session.evse.evse_id}, 2026-03-10 13:00–14:00, 12.35\u00a0kWh"
    )
    assert [(v.category, v.rate, v.net, v.vat) for v in invoice.vat_totals.all()] == [
        ("S", Decimal("0.25"), Decimal("48.89"), Decimal("12.22")),
    ]
    assert BilledCdr.objects.get().invoice == invoice


def test_the_vat_is_of_the_sum_and_the_customer_pays_what_the_sessions_said() -> None:
    account = person_account(operator_that_issues())
    cdrs = [cdr_of(account) for _ in range(10)]
    invoice = issue(draft_of(account, *cdrs), now=NOW)
    # 25 % of 488.90 is 122.23 (122.225); ten times 12.22 is 122.20
    assert (invoice.total_net, invoice.total_vat, invoice.rounding, invoice.payable) == (
        Decimal("488.90"), Decimal("122.23"), Decimal("-0.03"), Decimal("611.10"),
    )  # fmt: skip


def test_whole_kronor_are_to_pay_where_the_seller_wants_that() -> None:
    account = person_account(operator_that_issues(rounds_to_krona=True))
    invoice = issue(draft_of(account, cdr_of(account)), now=NOW)
    assert (invoice.total_vat, invoice.rounding, invoice.payable) == (
        Decimal("12.22"), Decimal("-0.11"), Decimal("61.00"),
    )  # fmt: skip


def test_every_rate_has_its_own_sum() -> None:
    account = person_account(operator_that_issues())
    rows = (fee(rate="0.25"), fee(rate="0.12"), fee(rate="0.06"), fee(rate="0"), fee(rate=None))
    invoice = issue(draft_of(account, lines=rows), now=NOW)
    found = [(v.category, v.rate, v.vat) for v in invoice.vat_totals.order_by("category", "-rate")]
    assert found == [
        ("E", Decimal(0), Decimal(0)),
        ("S", Decimal("0.25"), Decimal(25)),
        ("S", Decimal("0.12"), Decimal(12)),
        ("S", Decimal("0.06"), Decimal(6)),
        ("Z", Decimal(0), Decimal(0)),
    ]
    assert invoice.payable == Decimal("543.00")


def test_issuing_turns_what_was_not_billed_into_a_receivable_with_vat() -> None:
    operator = operator_that_issues()
    account = person_account(operator)
    cdr = cdr_of(account)
    assert (balance(operator, "unbilled"), balance(operator, "sales")) == (
        Decimal("48.89"),
        Decimal("-48.89"),
    )
    issue(draft_of(account, cdr), now=NOW)
    roles = ("unbilled", "receivable", "vat_25", "sales", "rounding")
    assert [balance(operator, role) for role in roles] == [
        Decimal(0), Decimal("61.11"), Decimal("-12.22"), Decimal("-48.89"), Decimal(0),
    ]  # fmt: skip


def test_numbers_follow_each_other_per_kind_and_operator() -> None:
    first, second = (person_account(operator_that_issues(name)) for name in ("A AB", "B AB"))
    made = [
        issue(draft_of(account, lines=(fee(),), kind=kind), now=NOW)
        for account, kind in (
            (first, Invoice.Kind.INVOICE), (first, Invoice.Kind.INVOICE),
            (first, Invoice.Kind.RECEIPT), (second, Invoice.Kind.INVOICE),
        )
    ]  # fmt: skip
    assert [invoice.full_number for invoice in made] == ["F-1", "F-2", "K-1", "F-1"]
    assert [invoice.ocr for invoice in made[:3]] == ["1000000107", "1000000206", "2000000105"]


def test_a_cdr_on_two_documents_is_refused_and_no_number_is_lost() -> None:
    account = person_account(operator_that_issues())
    cdr = cdr_of(account)
    draft = draft_of(account, cdr)
    issue(draft, now=NOW)
    with pytest.raises(AlreadyBilled):
        issue(draft, now=NOW)
    assert (Invoice.objects.count(), InvoiceSeries.objects.get().next_number) == (1, 2)
    assert JournalEntry.objects.filter(kind="invoice").count() == 1


def test_of_several_documents_all_or_none_are_issued() -> None:
    account = person_account(operator_that_issues())
    cdr = cdr_of(account)
    issue(draft_of(account, cdr), now=NOW)
    with pytest.raises(AlreadyBilled):
        issue_all([draft_of(account, cdr_of(account)), draft_of(account, cdr)], now=NOW)
    assert (Invoice.objects.count(), InvoiceSeries.objects.get().next_number) == (1, 2)


def test_an_empty_draft_and_one_of_two_currencies_are_refused() -> None:
    account = person_account(operator_that_issues())
    with pytest.raises(EmptyDraft):
        issue(draft_of(account, lines=()), now=NOW)
    with pytest.raises(MixedCurrencies):
        issue(draft_of(account, lines=(fee(), fee(currency="EUR"))), now=NOW)
    assert (Invoice.objects.count(), InvoiceSeries.objects.count()) == (0, 0)


def test_an_operator_that_has_not_said_who_it_is_is_told_what_to_fill_in() -> None:
    account = person_account(OrganisationFactory())
    with pytest.raises(MissingSellerFacts, match="Seller's facts"):
        issue(draft_of(account, lines=(fee(),)), now=NOW)
    operator = operator_that_issues()
    operator.seller_profile.city = ""
    operator.seller_profile.save()
    with pytest.raises(MissingSellerFacts, match="city"):
        issue(draft_of(person_account(operator), lines=(fee(),)), now=NOW)
    assert Invoice.objects.count() == 0


def test_the_accounts_own_terms_come_before_the_sellers() -> None:
    account = company_account(operator_that_issues(payment_terms_days=20), payment_terms_days=10)
    assert issue(draft_of(account, lines=(fee(),)), now=NOW).due_date == dt.date(2026, 4, 11)
    account.payment_terms_days = None
    assert issue(draft_of(account, lines=(fee(),)), now=NOW).due_date == dt.date(2026, 4, 21)


def test_an_issued_invoice_cannot_be_changed() -> None:
    account = person_account(operator_that_issues())
    invoice = issue(draft_of(account, lines=(fee(),)), now=NOW)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(payable=0)
    invoice.refresh_from_db()
    assert invoice.payable == Decimal("125.00")


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_draw_fifty_numbers_without_a_gap() -> None:
    account = person_account(operator_that_issues())
    refused: list[Exception] = []

    def work(fails: bool) -> None:
        try:
            with transaction.atomic():
                issue(draft_of(account, lines=(fee(),)), now=NOW)
                if fails:
                    raise RuntimeError("the worker dies")  # noqa: TRY301  (as it would happen)
        except RuntimeError as died:
            refused.append(died)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(number % 5 == 0,)) for number in range(50)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert (numbers, len(refused)) == (list(range(1, 41)), 10)
