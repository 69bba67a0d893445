"""The monthly run bills every account once, whatever happens to the workers."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from django.db import connection

from billing import tasks
from billing.invoicing import runs
from billing.invoicing.billable import expected, total_of
from billing.invoicing.drafts import MissingSellerFacts
from billing.invoicing.progress import progress as how_far
from billing.invoicing.receipts import issue_receipt
from billing.models import (
    BilledCdr,
    CostCentre,
    Invoice,
    InvoiceDocument,
    InvoiceRun,
    InvoiceRunItem,
    InvoiceSeries,
    SellerProfile,
)
from tests.billing.invoice_builders import (
    NOON,
    NOW,
    balance,
    cdr_of,
    company_account,
    credit_of,
    operator_that_issues,
    person_account,
    place_of,
)
from tests.factories import IdTokenFactory

pytestmark = pytest.mark.django_db
MARCH, APRIL = dt.date(2026, 3, 1), dt.date(2026, 4, 1)
State = InvoiceRunItem.State


def started(operator, **changes) -> InvoiceRun:
    facts = {"period_start": MARCH, "period_end": APRIL, "invoice_date": APRIL, "by": None, "now": NOW}
    return runs.start_run(operator, **(facts | changes))


def finished(run: InvoiceRun) -> None:
    for item_ids in runs.pending_batches(run):
        runs.issue_items(run.pk, item_ids=item_ids, now=NOW)
    for item_ids in runs.unrendered_batches(run):
        runs.render_items(run.pk, item_ids=item_ids, now=NOW)
    assert runs.finish(run, now=NOW)
    run.refresh_from_db()


def test_every_account_gets_one_invoice_with_all_its_sessions_of_the_month() -> None:
    operator = operator_that_issues()
    accounts = [person_account(operator) for _ in range(3)]
    for account in accounts:
        for day in (1, 2):
            cdr_of(account, at=NOON + dt.timedelta(days=day))
    run = started(operator)
    finished(run)
    assert (run.state, run.items.filter(state=State.ISSUED, is_rendered=True).count()) == ("done", 3)
    assert [
        (invoice.full_number, invoice.payable, invoice.lines.count(), invoice.documents.count())
        for invoice in run.invoices.order_by("number").select_related("series")
    ] == [(f"F-{number}", Decimal("122.22"), 2, 2) for number in (1, 2, 3)]
    progress = how_far(run)
    assert (progress.percent, progress.done, progress.amount) == (100, 3, (("SEK", Decimal("366.66")),))


def test_what_is_billed_ended_in_the_month_where_the_books_are_kept() -> None:
    operator = operator_that_issues()
    account = person_account(operator)
    # midnight in Stockholm is at 22:00 UTC on the last of March
    in_time = cdr_of(account, at=dt.datetime(2026, 3, 31, 20, 59, 59, tzinfo=dt.UTC))
    cdr_of(account, at=dt.datetime(2026, 3, 31, 21, 0, tzinfo=dt.UTC))
    late = cdr_of(account, at=dt.datetime(2026, 1, 5, tzinfo=dt.UTC))
    finished(started(operator))
    billed = set(BilledCdr.objects.values_list("cdr", flat=True))
    assert billed == {in_time.pk, late.pk}
    assert Invoice.objects.get().period_start == dt.date(2026, 1, 5)


def test_what_is_free_paid_otherwise_credited_or_on_a_receipt_is_not_billed() -> None:
    operator = operator_that_issues()
    account = person_account(operator)
    cdr_of(account, gross="0.00")
    cdr_of(person_account(operator, collection="card"))
    credit_of(cdr_of(account))
    issue_receipt(cdr_of(account), now=NOW)
    assert expected(operator, before=APRIL) == []
    run = started(operator)
    finished(run)
    assert (run.items.count(), run.invoices.count(), run.state) == (0, 0, "done")


def test_the_preview_says_what_the_run_then_bills() -> None:
    operator = operator_that_issues()
    account = company_account(operator)
    for _ in range(4):
        cdr_of(account)
    rows = expected(operator, before=APRIL)
    assert [(row.account, row.sessions, row.gross) for row in rows] == [(account, 4, Decimal("244.44"))]
    assert (Invoice.objects.count(), InvoiceSeries.objects.count()) == (0, 0)
    run = started(operator)
    finished(run)
    assert run.invoices.get().payable == total_of(rows)


def test_starting_the_same_month_again_is_the_same_run_and_bills_nothing_twice() -> None:
    operator = operator_that_issues()
    cdr_of(person_account(operator))
    first = started(operator)
    finished(first)
    again = started(operator)
    finished(again)
    assert (first, Invoice.objects.count()) == (again, 1)
    assert balance(operator, "unbilled") == Decimal(0)


def test_a_period_that_has_not_ended_and_a_seller_without_facts_are_refused() -> None:
    operator = operator_that_issues()
    with pytest.raises(ValueError, match="ended"):
        started(operator, invoice_date=dt.date(2026, 3, 31))
    SellerProfile.objects.all().delete()
    with pytest.raises(MissingSellerFacts):
        started(operator)
    assert InvoiceRun.objects.count() == 0


def test_a_fleets_invoice_is_in_the_order_of_its_cost_centres() -> None:
    operator = operator_that_issues()
    account = company_account(operator)
    north, south = IdTokenFactory(), IdTokenFactory()
    CostCentre.objects.create(account=account, code="200", name="South").id_tokens.add(south)
    CostCentre.objects.create(account=account, code="100", name="North").id_tokens.add(north)
    for token in (south, None, north, south):
        cdr_of(account, token=token)
    finished(started(operator))
    found = list(Invoice.objects.get().lines.values_list("cost_centre", flat=True))
    assert found == ["", "100 North", "200 South", "200 South"]


def test_one_account_that_cannot_be_billed_does_not_stop_the_others_and_is_tried_again() -> None:
    operator = operator_that_issues()
    good, bad = person_account(operator), person_account(operator)
    cdr_of(good)
    cdr_of(bad)
    bad.payment_terms_days = 32_000  # due after the end of the calendar
    bad.save()
    run = started(operator, invoice_date=dt.date(9990, 1, 1))
    finished(run)
    assert run.state == "failed"
    assert [item.state for item in run.items.order_by("account")] == [State.ISSUED, State.FAILED]
    assert "range" in run.items.get(account=bad).error
    bad.payment_terms_days = 10
    bad.save()
    finished(started(operator, invoice_date=dt.date(9990, 1, 1)))
    numbers = sorted(run.invoices.values_list("number", flat=True))
    assert (numbers, InvoiceRun.objects.get().state) == ([1, 2], "done")


def test_sessions_in_another_currency_wait_and_the_run_says_so() -> None:
    operator = operator_that_issues()
    account = person_account(operator)
    cdr_of(account)
    cdr_of(account, currency="EUR")
    run = started(operator)
    finished(run)
    assert (run.invoices.get().currency, run.items.get().error) == (
        "SEK", "Sessions in another currency were left out: 1 EUR",
    )  # fmt: skip


def test_an_account_whose_vat_number_cannot_be_checked_waits_and_the_others_go_on(settings) -> None:
    settings.VAT_CHECK_URL = "http://127.0.0.1:9/nobody-answers"
    operator = operator_that_issues()
    for country, number in (("SE", ""), ("DE", "DE123456789")):
        cdr_of(company_account(operator, country=country, vat_number=number))
    run = started(operator)
    (item_ids,) = runs.pending_batches(run)
    assert runs.issue_items(run.pk, item_ids=item_ids, now=NOW) == 1
    waiting = run.items.get(state=State.PENDING)
    assert (waiting.account.country, "has not answered" in waiting.error) == ("DE", True)
    assert not runs.finish(run, now=NOW)
    settings.VAT_CHECK_URL, settings.VAT_CHECK_ACCEPTS_FORM = "", True
    finished(run)
    assert [invoice.is_reverse_charge for invoice in run.invoices.order_by("number")] == [False, True]


def test_the_number_of_queries_does_not_grow_with_the_accounts(django_assert_max_num_queries) -> None:
    operator = operator_that_issues()
    place = place_of(operator)
    for _ in range(12):
        account = person_account(operator)
        for _ in range(3):
            cdr_of(account, evse=place)
    run = started(operator)
    (item_ids,) = runs.pending_batches(run)
    with django_assert_max_num_queries(32):
        assert runs.issue_items(run.pk, item_ids=item_ids, now=NOW) == 12


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_the_tasks_do_a_run_to_its_end(settings) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    operator = operator_that_issues()
    cdr_of(person_account(operator))
    run = started(operator)
    tasks.continue_invoice_runs()
    run.refresh_from_db()
    assert (run.state, run.invoices.count(), InvoiceDocument.objects.count()) == ("done", 1, 2)


@pytest.mark.django_db(transaction=True)
def test_fifty_workers_at_the_same_accounts_issue_each_invoice_once() -> None:
    operator = operator_that_issues()
    place = place_of(operator)
    for _ in range(60):
        cdr_of(person_account(operator), evse=place)
    run = started(operator)
    batches = runs.pending_batches(run)

    def work(number: int) -> None:
        try:
            for shift in range(len(batches)):
                item_ids = batches[(number + shift) % len(batches)]
                runs.issue_items(run.pk, item_ids=item_ids, now=NOW)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    finished(run)
    numbers = sorted(run.invoices.values_list("number", flat=True))
    assert (run.state, numbers) == ("done", list(range(1, 61)))
    assert (BilledCdr.objects.count(), balance(operator, "unbilled")) == (60, Decimal(0))


WORKER = """
import django, sys
django.setup()
from django.utils import timezone
from django.db import transaction
from billing.invoicing import runs
from billing.models import InvoiceRun
run = InvoiceRun.objects.get()
batches = runs.pending_batches(run)
runs.issue_items(run.pk, item_ids=batches[0], now=timezone.now())
print("issued", flush=True)
with transaction.atomic():
    runs.issue_items(run.pk, item_ids=batches[1], now=timezone.now())
    print("in the middle", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_leaves_no_gap_and_the_run_goes_on_where_it_was() -> None:
    operator = operator_that_issues()
    place = place_of(operator)
    for _ in range(2 * runs.BATCH + 5):
        cdr_of(person_account(operator), evse=place)
    run = started(operator)
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {
        "DATABASE_URL": url.geturl(), "DJANGO_SETTINGS_MODULE": "chargeportal.settings.testing",
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as worker:
        assert worker.stdout is not None
        assert [worker.stdout.readline().strip() for _ in range(2)] == ["issued", "in the middle"]
        worker.send_signal(signal.SIGKILL)
        worker.wait(60)
    before = {row["number"]: row for row in run.invoices.values()}
    assert sorted(before) == list(range(1, runs.BATCH + 1))
    finished(run)
    after = {row["number"]: row for row in run.invoices.values()}
    assert sorted(after) == list(range(1, 2 * runs.BATCH + 6))
    assert {number: after[number] for number in before} == before
    assert BilledCdr.objects.count() == 2 * runs.BATCH + 5
