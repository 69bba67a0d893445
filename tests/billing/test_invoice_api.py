"""Documents, customers and runs over the API: who sees them, who acts, and once."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.invoicing import runs
from billing.invoicing.issuing import issue
from billing.models import Invoice, InvoiceRun
from tests.api.conftest import API, client_of, ids, problem
from tests.billing.invoice_builders import NOW, cdr_of, company_account, operator_that_issues, person_account
from tests.billing.test_invoice_issuing import draft_of
from tests.factories import MembershipFactory, OrganisationFactory, UserFactory

pytestmark = pytest.mark.django_db


def finance_of(operator):
    return MembershipFactory(organisation=operator, role="finance").user


@pytest.fixture
def invoice() -> Invoice:
    account = person_account(operator_that_issues())
    return issue(draft_of(account, cdr_of(account), cdr_of(account)), now=NOW)


def test_the_customer_sees_the_own_document_line_by_line(invoice: Invoice) -> None:
    [row] = client_of(invoice.account.user).get(f"{API}/invoices/").json()["results"]
    assert (row["number"], row["kind"], row["payable"], row["open_amount"]) == (
        "F-1", "invoice", "122.22", "122.22",
    )  # fmt: skip
    assert [line["gross"] for line in row["lines"]] == ["61.11", "61.11"]
    assert [total["vat"] for total in row["vat_totals"]] == ["24.45"]


def test_strangers_see_nothing(invoice: Invoice) -> None:
    for stranger in (UserFactory(), finance_of(OrganisationFactory(name="Elsewhere"))):
        client = client_of(stranger)
        for resource in ("invoices", "billing-accounts", "invoice-runs"):
            assert ids(client.get(f"{API}/{resource}/")) == []
        for tail in ("", "pdf/", "ubl/"):
            assert client.get(f"{API}/invoices/{invoice.public_id}/{tail}").status_code == 404


def test_finance_credits_a_session_and_the_customer_cannot(invoice: Invoice) -> None:
    address = f"{API}/invoices/{invoice.public_id}/credit/"
    cdr = invoice.lines.first().cdr
    wish = {"reason": "Broken", "cdrs": [str(cdr.public_id)]}
    assert problem(client_of(invoice.account.user).post(address, wish, format="json"))[0] == 403
    answer = client_of(finance_of(invoice.operator)).post(address, wish, format="json")
    assert (answer.status_code, answer.json()["payable"], answer.json()["credits"]) == (201, "-61.11", "F-1")
    again = client_of(finance_of(invoice.operator)).post(address, wish, format="json")
    assert problem(again)[0] == 400
    assert Invoice.objects.count() == 2


def test_open_documents_can_be_asked_for(invoice: Invoice) -> None:
    client = client_of(invoice.account.user)
    assert ids(client.get(f"{API}/invoices/?open=true"), "number") == ["F-1"]
    assert ids(client.get(f"{API}/invoices/?open=false"), "number") == []


def test_the_files_are_the_same_each_time(invoice: Invoice) -> None:
    client = client_of(invoice.account.user)
    for kind, start in (("pdf", b"%PDF"), ("ubl", b"<?xml")):
        first, second = (client.get(f"{API}/invoices/{invoice.public_id}/{kind}/") for _ in range(2))
        assert first.content.startswith(start)
        assert first.content == second.content


def test_finance_starts_a_run_once(settings) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    operator = operator_that_issues()
    cdr_of(company_account(operator))
    wish = {"operator": str(operator.public_id), "month": "2026-03", "invoice_date": "2026-04-01"}
    client = client_of(finance_of(operator))
    answers = [client.post(f"{API}/invoice-runs/", wish, format="json") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert (answers[0].json()["accounts"], InvoiceRun.objects.count()) == (1, 1)
    early = client.post(f"{API}/invoice-runs/", wish | {"invoice_date": "2026-03-30"}, format="json")
    assert problem(early)[0] == 400
    support = MembershipFactory(organisation=operator, role="support").user
    assert problem(client_of(support).post(f"{API}/invoice-runs/", wish, format="json"))[0] == 403
    assert InvoiceRun.objects.count() == 1


def test_the_lists_cost_the_same_however_many_rows_there_are(invoice: Invoice) -> None:
    client = client_of(finance_of(invoice.operator))

    def queries(resource: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"{API}/{resource}/").status_code == 200
        return len(captured)

    def begin(day: int) -> None:
        runs.start_run(
            invoice.operator, period_start=dt.date(2020, 1, day), period_end=dt.date(2020, 2, day),
            invoice_date=dt.date(2026, 1, 1), by=None, now=NOW,
        )  # fmt: skip

    begin(1)
    resources = ("invoices", "billing-accounts", "invoice-runs")
    one = [queries(resource) for resource in resources]
    for day in (2, 3):
        begin(day)
        account = person_account(invoice.operator)
        issue(draft_of(account, cdr_of(account)), now=NOW)
    assert [queries(resource) for resource in resources] == one


def test_a_customers_account_says_how_it_pays(invoice: Invoice) -> None:
    [row] = client_of(invoice.account.user).get(f"{API}/billing-accounts/").json()["results"]
    assert (row["number"], row["collection"], row["cost_centres"]) == (invoice.account.number, "invoice", [])
    assert Decimal(invoice.payable) == Decimal("122.22")
