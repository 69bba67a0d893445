"""The exports pages of the admin: finance asks, watches and takes; nobody else does."""

import datetime as dt

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.urls import reverse

from accounts.models import AuditEntry
from billing.exports import asking, making
from billing.models import Export, ExportDownload, ExportSchedule
from tests.admin.conftest import browser, colleague, operator, stranger, superuser
from tests.billing.document_builders import book, document
from tests.factories import MembershipFactory, OrganisationFactory

__all__ = ["browser", "colleague", "operator", "stranger", "superuser"]
pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
DAYS = (dt.date(2026, 11, 1), dt.date(2026, 12, 1))


@pytest.fixture
def finance(colleague):
    return colleague("finance")


@pytest.fixture
def export(operator, finance):
    book(document(operator=operator))
    return asking.ask(operator, kind="invoices_csv", days=DAYS, by=finance, now=NOW)


def page(export, name: str = "change") -> str:
    return reverse(f"admin:billing_export_{name}", args=[export.pk])


def test_finance_asks_for_an_export_and_comes_to_its_page(operator, finance, browser) -> None:
    client = browser(finance)
    with time_machine.travel(NOW, tick=False):
        form = client.get(reverse("admin:billing_export_add"))
        assert b'value="2026-11-01"' in form.content
        answer = client.post(
            reverse("admin:billing_export_add"),
            {"operator": operator.pk, "kind": "sie", "period_start": "2026-11-01", "last_day": "2026-11-30",
             "per": "entry", "currency": ""},
        )  # fmt: skip
    export = Export.objects.get()
    assert answer.headers["Location"] == page(export)
    assert (export.kind, export.period_start, export.period_end) == ("sie", *DAYS)
    assert (export.parameters, export.requested_by, export.requested_at) == ({"per": "entry"}, finance, NOW)
    assert AuditEntry.objects.filter(act="export.asked", actor=finance).count() == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"last_day": "2026-10-31"}, "ends before it begins"),
        ({"last_day": "2036-10-31"}, "longer than three years"),
        ({"currency": "kronor"}, "Enter a valid value"),
    ],
)
def test_a_wrong_form_says_what_is_wrong(operator, finance, browser, changed, said) -> None:
    data = {"operator": operator.pk, "kind": "sie", "period_start": "2026-11-01", "last_day": "2026-11-30"}
    answer = browser(finance).post(reverse("admin:billing_export_add"), data | changed)
    assert said in answer.content.decode()
    assert Export.objects.count() == 0


def test_nobody_exports_the_books_of_another_operator(finance, browser) -> None:
    elsewhere = OrganisationFactory()
    data = {"operator": elsewhere.pk, "kind": "sie", "period_start": "2026-11-01", "last_day": "2026-11-30"}
    assert browser(finance).post(reverse("admin:billing_export_add"), data).status_code == 200
    assert Export.objects.count() == 0


def test_the_page_asks_again_until_the_export_is_made(export, finance, browser) -> None:
    client = browser(finance)
    assert b'hx-trigger="load delay:1s"' in client.get(page(export)).content
    Export.objects.update(state="running", done_rows=40, total_rows=100, heartbeat_at=NOW)
    fragment = client.get(page(export, "progress")).content.decode()
    assert 'value="40"' in fragment
    assert "40 of 100 rows" in fragment
    Export.objects.update(state="waiting")
    making.make(export.pk, clock=lambda: NOW)
    done = client.get(page(export, "progress")).content.decode()
    assert "hx-trigger" not in done
    assert "Download invoices_2026-11.csv" in done


def test_taking_the_file_is_in_the_history(export, finance, browser) -> None:
    making.make(export.pk, clock=lambda: NOW)
    client = browser(finance)
    answer = client.post(page(export, "download"))
    made = b"".join(answer.streaming_content)
    export.refresh_from_db()
    with default_storage.open(export.path) as file:
        assert made == file.read()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="invoices_2026-11.csv"'
    assert ExportDownload.objects.get().user == finance
    assert str(finance) in client.get(page(export)).content.decode()
    assert "1 ×" in client.get(reverse("admin:billing_export_changelist")).content.decode()


def test_a_link_alone_takes_nothing(export, finance, browser) -> None:
    making.make(export.pk, clock=lambda: NOW)
    assert browser(finance).get(page(export, "download")).status_code == 405
    assert ExportDownload.objects.count() == 0


def test_what_is_not_ready_is_not_given_out(export, finance, browser) -> None:
    answer = browser(finance).post(page(export, "download"), follow=True)
    assert "The export is not ready." in answer.content.decode()
    assert ExportDownload.objects.count() == 0


def test_a_failed_export_says_why_and_can_be_tried_again(export, finance, browser) -> None:
    Export.objects.update(state="failed", error="The period is too rich.", finished_at=NOW)
    client = browser(finance)
    content = client.get(page(export)).content.decode()
    assert "The period is too rich." in content
    assert "Try again" in content
    client.post(page(export, "again"))
    export.refresh_from_db()
    assert (export.state, export.error) == ("waiting", "")


@pytest.mark.parametrize("name", ["change", "progress"])
def test_only_those_who_keep_the_books_see_the_page(export, operator, browser, name) -> None:
    url = page(export, name)
    owner = export.requested_by
    mate = MembershipFactory(organisation=operator, role="finance").user
    stranger = MembershipFactory(organisation=OrganisationFactory(), role="finance").user
    technician = MembershipFactory(organisation=operator, role="technician").user
    codes = [browser(user).get(url).status_code for user in (owner, mate, stranger, technician)]
    assert codes == [200, 200, 404, 403]


def test_a_stranger_takes_nothing_and_asks_for_nothing_again(export, browser) -> None:
    making.make(export.pk, clock=lambda: NOW)
    stranger = browser(MembershipFactory(organisation=OrganisationFactory(), role="finance").user)
    assert [stranger.post(page(export, name)).status_code for name in ("download", "again")] == [404, 404]
    assert ExportDownload.objects.count() == 0


def test_a_new_schedule_is_due_at_its_next_time(operator, finance, browser) -> None:
    data = {"operator": operator.pk, "kind": "sie", "frequency": "monthly", "delivery": "email",
            "recipient": "books@example.test", "is_active": "on"}  # fmt: skip
    with time_machine.travel(NOW, tick=False):
        answer = browser(finance).post(reverse("admin:billing_exportschedule_add"), data)
    assert answer.status_code == 302
    schedule = ExportSchedule.objects.get()
    assert schedule.next_at == dt.datetime(2027, 1, 1, 4, tzinfo=dt.UTC)
    assert schedule.created_by == finance


def test_a_schedule_by_mail_needs_an_address(operator, finance, browser) -> None:
    data = {
        "operator": operator.pk,
        "kind": "sie",
        "frequency": "daily",
        "delivery": "email",
        "is_active": "on",
    }
    answer = browser(finance).post(reverse("admin:billing_exportschedule_add"), data)
    assert "Say to which address the mail goes." in answer.content.decode()
    assert ExportSchedule.objects.count() == 0


def test_who_keeps_one_operators_books_schedules_no_exports_of_another(operator, finance, browser) -> None:
    elsewhere = MembershipFactory(
        user=finance, organisation=OrganisationFactory(), role="operator"
    ).organisation
    data = {"operator": elsewhere.pk, "kind": "sie", "frequency": "daily", "delivery": "folder"}
    assert browser(finance).post(reverse("admin:billing_exportschedule_add"), data).status_code == 200
    assert browser(finance).post(
        reverse("admin:billing_export_add"),
        {"operator": elsewhere.pk, "kind": "sie", "period_start": "2026-11-01", "last_day": "2026-11-30"},
    ).status_code == 200  # fmt: skip
    assert (ExportSchedule.objects.count(), Export.objects.count()) == (0, 0)
