"""Finance finds documents, credits them, registers payments and runs the month; others cannot."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Organisation, User
from billing.invoicing import runs
from billing.invoicing.issuing import issue
from billing.invoicing.settling import open_amount
from billing.models import BillingAccount, Invoice, InvoiceRun, InvoiceSettlement, PayoutFile
from tests.billing.invoice_builders import (
    NOW,
    cdr_of,
    company_account,
    operator_that_issues,
    person_account,
    place_of,
)
from tests.billing.test_invoice_issuing import draft_of, fee
from tests.billing.test_settlements import agreement, host_of, march
from tests.factories import MembershipFactory, OrganisationFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:billing_invoice_changelist")


@pytest.fixture
def operator() -> Organisation:
    return operator_that_issues()


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def at(operator: Organisation, role: str = "finance") -> Client:
    return browser(MembershipFactory(organisation=operator, role=role).user)


def issued(account: BillingAccount) -> Invoice:
    return issue(draft_of(account, cdr_of(account)), now=NOW)


def page(invoice: Invoice, act: str = "") -> str:
    if act:
        name = {"credit": "credit", "bank": "bank_payment", "pdf": "download_pdf", "ubl": "download_ubl"}[act]
        return reverse(f"admin:billing_invoice_{name}", args=[invoice.pk])
    return reverse("admin:billing_invoice_change", args=[invoice.pk])


@pytest.mark.parametrize("term", ["F-1", "f-1", "Eva Ek", "1000000107"])
def test_a_document_is_found_by_number_customer_and_reference(operator: Organisation, term: str) -> None:
    account = person_account(operator)
    issued(account)
    issued(person_account(operator, name="Bo Berg"))
    answer = at(operator).get(LIST, {"q": term})
    assert [row.full_number for row in answer.context["cl"].result_list] == ["F-1"]


def test_only_people_of_the_operator_see_its_documents(operator: Organisation) -> None:
    invoice = issued(person_account(operator))
    for role in ("finance", "operator", "support"):
        assert at(operator, role).get(page(invoice)).status_code == 200
    stranger = at(OrganisationFactory(name="Elsewhere"))
    assert list(stranger.get(LIST).context["cl"].result_list) == []
    assert stranger.get(page(invoice)).status_code == 302
    for act in ("credit", "bank", "pdf", "ubl"):
        assert stranger.get(page(invoice, act)).status_code in (302, 403, 404)


def test_the_state_filter_tells_open_from_overdue_and_settled(operator: Organisation) -> None:
    invoice = issued(person_account(operator))
    client = at(operator)

    def found(state: str) -> int:
        return len(client.get(LIST, {"payment": state}).context["cl"].result_list)

    assert [found(state) for state in ("open", "overdue", "paid", "back")] == [1, 1, 0, 0]
    client.post(page(invoice, "credit"), {"reason": "Wrong"})
    assert [found(state) for state in ("open", "overdue", "paid", "back")] == [0, 0, 2, 0]


def test_finance_credits_one_session_and_then_the_rest(operator: Organisation) -> None:
    account = person_account(operator)
    cdrs = [cdr_of(account) for _ in range(2)]
    invoice = issue(draft_of(account, *cdrs), now=NOW)
    client = at(operator)
    shown = client.get(page(invoice, "credit"))
    assert "Square" in shown.content.decode()
    client.post(page(invoice, "credit"), {"reason": "Broken outlet", "sessions": [cdrs[0].pk]})
    note = Invoice.objects.get(kind="credit_note")
    assert (note.payable, note.reason, note.issued_by) == (
        Decimal("-61.11"), "Broken outlet", User.objects.get(pk=int(client.session["_auth_user_id"])),
    )  # fmt: skip
    client.post(page(invoice, "credit"), {"reason": "All of it"})
    again = client.post(page(invoice, "credit"), {"reason": "Once more"})
    assert "nothing left to credit" in again.content.decode()
    assert (open_amount(invoice), Invoice.objects.count()) == (Decimal(0), 3)


def test_support_may_look_but_not_credit(operator: Organisation) -> None:
    invoice = issued(person_account(operator))
    client = at(operator, "support")
    assert client.post(page(invoice, "credit"), {"reason": "No"}).status_code in (302, 403)
    assert Invoice.objects.count() == 1


def test_a_bank_payment_finds_its_document_and_counts_once(operator: Organisation) -> None:
    invoice = issued(person_account(operator))
    client = at(operator)
    form = {"ocr": invoice.ocr, "amount": "61.11", "paid_on": "2026-04-20", "reference": "BG 1"}
    for _ in range(2):
        answer = client.post(reverse("admin:billing_invoice_bank_payments"), form)
        assert answer.status_code == 302
    assert (open_amount(invoice), InvoiceSettlement.objects.count()) == (Decimal(0), 1)


@pytest.mark.parametrize(
    ("ocr", "why"), [("1000000108", "wrong digit"), ("1000000206", "No document"), ("F-9", "No document")]
)
def test_a_wrong_reference_is_refused(operator: Organisation, ocr: str, why: str) -> None:
    issued(person_account(operator))
    form = {"ocr": ocr, "amount": "61.11", "paid_on": "2026-04-20", "reference": "BG 1"}
    answer = at(operator).post(reverse("admin:billing_invoice_bank_payments"), form)
    assert why in answer.content.decode()
    assert InvoiceSettlement.objects.count() == 0


def test_the_files_are_downloaded(operator: Organisation) -> None:
    invoice = issued(person_account(operator))
    client = at(operator)
    assert client.get(page(invoice, "pdf")).content.startswith(b"%PDF")
    assert b"Invoice" in client.get(page(invoice, "ubl")).content[:300]


class TestRuns:
    start = reverse("admin:billing_invoicerun_start")

    def test_the_month_is_previewed_and_then_issued(self, operator: Organisation, settings) -> None:
        settings.CELERY_TASK_ALWAYS_EAGER = True
        cdr_of(person_account(operator))
        client = at(operator)
        form = {"operator": operator.pk, "month": "2026-03", "invoice_date": "2026-04-01"}
        shown = client.get(self.start, form)
        assert [row.gross for row in shown.context["rows"]] == [Decimal("61.11")]
        assert Invoice.objects.count() == 0
        answer = client.post(self.start, form)
        run = InvoiceRun.objects.get()
        assert answer["Location"] == reverse("admin:billing_invoicerun_change", args=[run.pk])
        for item_ids in runs.pending_batches(run):
            runs.issue_items(run.pk, item_ids=item_ids, now=NOW)
        progress = client.get(reverse("admin:billing_invoicerun_progress", args=[run.pk])).content.decode()
        assert "1 invoiced" in progress
        assert 'hx-trigger="every 2s"' in progress

    def test_a_month_that_has_not_ended_is_refused(self, operator: Organisation) -> None:
        form = {"operator": operator.pk, "month": "2026-03", "invoice_date": "2026-03-31"}
        answer = at(operator).post(self.start, form)
        assert "must have ended" in answer.content.decode()
        assert InvoiceRun.objects.count() == 0

    def test_strangers_and_support_cannot_start_or_see_a_run(self, operator: Organisation) -> None:
        cdr_of(person_account(operator))
        run = runs.start_run(
            operator, period_start=dt.date(2026, 3, 1), period_end=dt.date(2026, 4, 1),
            invoice_date=dt.date(2026, 4, 1), by=None, now=NOW,
        )  # fmt: skip
        form = {"operator": operator.pk, "month": "2026-02", "invoice_date": "2026-04-01"}
        stranger = at(OrganisationFactory(name="Elsewhere"))
        assert stranger.get(reverse("admin:billing_invoicerun_change", args=[run.pk])).status_code == 404
        assert stranger.post(reverse("admin:billing_invoicerun_settle", args=[run.pk])).status_code == 404
        stranger.post(self.start, form)
        at(operator, "support").post(self.start, form)
        assert InvoiceRun.objects.count() == 1


@pytest.mark.parametrize("number", [("registration_number", "556000-4616"), ("vat_number", "SE556000461601")])
def test_numbers_whose_check_digit_does_not_hold_are_refused(operator: Organisation, number) -> None:
    account = company_account(operator)
    address = reverse("admin:billing_billingaccount_change", args=[account.pk])
    client = at(operator)
    form = client.get(address).context["adminform"].form
    data = {name: form.initial.get(name) or "" for name in form.fields} | {
        number[0]: number[1],
        "country": "SE",
    }
    data |= {f"cost_centres-{key}": "0" for key in ("TOTAL_FORMS", "INITIAL_FORMS")}
    data |= {f"vat_checks-{key}": "0" for key in ("TOTAL_FORMS", "INITIAL_FORMS")}
    answer = client.post(address, data)
    assert number[0] in answer.context["adminform"].form.errors
    account.refresh_from_db()
    assert getattr(account, number[0]) == ""


def test_the_lists_cost_the_same_however_many_rows_there_are(operator: Organisation) -> None:
    client = at(operator)
    account = person_account(operator)
    place = place_of(operator)

    def queries(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    def add(count: int) -> None:
        for _ in range(count):
            issue(draft_of(account, cdr_of(account, evse=place)), now=NOW)
            start = dt.date(2020, 1 + InvoiceRun.objects.count(), 1)
            runs.start_run(
                operator, period_start=start, period_end=start + dt.timedelta(days=27),
                invoice_date=dt.date(2026, 1, 1), by=None, now=NOW,
            )  # fmt: skip
            issue(draft_of(person_account(operator), lines=(fee(),)), now=NOW)

    pages = [
        LIST,
        reverse("admin:billing_invoicerun_changelist"),
        reverse("admin:billing_billingaccount_changelist"),
    ]
    add(1)
    for address in pages:
        client.get(address)
    one = [queries(address) for address in pages]
    add(2)
    assert [queries(address) for address in pages] == one


KEPT = ("billingaccount", "sellerprofile", "revenueshareagreement", "homechargingagreement")


@pytest.mark.parametrize("name", KEPT)
def test_finance_keeps_customers_sellers_and_agreements_and_support_does_not(
    operator: Organisation, name: str
) -> None:
    client = at(operator)
    assert client.get(reverse(f"admin:billing_{name}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:billing_{name}_add")).status_code == 200
    assert at(operator, "support").get(reverse(f"admin:billing_{name}_add")).status_code == 403


class TestPayouts:
    gather = reverse("admin:billing_payoutfile_gather")

    @pytest.fixture
    def settlement(self, operator: Organisation) -> Invoice:
        operator.seller_profile.payment_terms_days = 0
        operator.seller_profile.save()
        place = place_of(operator)
        agreement(host_of(operator, vat_number=""), place)
        cdr_of(person_account(operator), evse=place)
        run = march(operator)
        at(operator).post(reverse("admin:billing_invoicerun_settle", args=[run.pk]))
        return Invoice.objects.get(kind="self_billing")

    def test_what_is_due_is_gathered_and_settled_after_it_was_confirmed(
        self, operator: Organisation, settlement: Invoice
    ) -> None:
        client = at(operator)
        assert "Go ahead" in client.get(self.gather).content.decode()
        assert PayoutFile.objects.count() == 0
        for _ in range(2):
            client.post(self.gather)
        file = PayoutFile.objects.get()
        page_of_file = reverse("admin:billing_payoutfile_change", args=[file.pk])
        assert settlement.full_number in client.get(page_of_file).content.decode()
        done = reverse("admin:billing_payoutfile_mark_paid", args=[file.pk])
        client.get(done)
        assert open_amount(settlement) == Decimal("14.67")
        client.post(done)
        assert open_amount(settlement) == Decimal(0)

    def test_strangers_and_support_gather_nothing(self, operator: Organisation, settlement: Invoice) -> None:
        at(operator, "support").post(self.gather)
        at(OrganisationFactory(name="Elsewhere")).post(self.gather)
        assert (PayoutFile.objects.count(), open_amount(settlement)) == (0, Decimal("14.67"))
