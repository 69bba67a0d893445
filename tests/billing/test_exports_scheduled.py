"""Exports that come by themselves: when, of which days, once each, by mail or into the outbox."""

import datetime as dt
import threading
from pathlib import Path

import pytest
from django.core import mail
from django.db import connection

from billing.exports import delivering, making, schedules
from billing.models import Export, ExportDownload, ExportSchedule
from tests.billing.document_builders import book, document
from tests.factories import MembershipFactory, OrganisationFactory

pytestmark = pytest.mark.django_db
#: Wednesday, five in the morning in Stockholm (winter time).
FIVE = dt.datetime(2026, 12, 2, 4, tzinfo=dt.UTC)
NOW = FIVE + dt.timedelta(minutes=3)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.fixture
def operator(db):
    return OrganisationFactory(name="Norrsken")


@pytest.fixture
def outbox(tmp_path, settings) -> Path:
    settings.EXPORT_OUTBOX_DIR = str(tmp_path / "outbox")
    return tmp_path / "outbox"


def schedule(operator, **facts) -> ExportSchedule:
    return ExportSchedule.objects.create(
        operator=operator,
        created_by=MembershipFactory(organisation=operator, role="finance").user,
        **{
            "kind": "invoices_csv", "frequency": "daily", "delivery": "folder", "next_at": FIVE,
        } | facts,
    )  # fmt: skip


def made(operator, **facts) -> Export:
    """The export of a schedule that has just run."""
    schedule(operator, **facts)
    schedules.run_due(now=NOW)
    export = Export.objects.get()
    making.make(export.pk, clock=lambda: NOW)
    return Export.objects.get()


@pytest.mark.parametrize(
    ("frequency", "after", "expected"),
    [
        ("daily", "2026-12-02T03:59", "2026-12-02T04:00"),
        ("daily", "2026-12-02T04:00", "2026-12-03T04:00"),
        ("daily", "2026-03-28T05:00", "2026-03-29T03:00"),  # the clocks go forward: still five in the morning
        ("daily", "2026-10-24T05:00", "2026-10-25T04:00"),  # and back
        ("weekly", "2026-12-02T04:00", "2026-12-07T04:00"),
        ("monthly", "2026-12-02T04:00", "2027-01-01T04:00"),
        ("monthly", "2026-06-30T23:00", "2026-07-01T03:00"),
    ],
)
def test_the_next_time_is_five_in_the_morning(frequency, after, expected) -> None:
    assert schedules.next_time(frequency, after=at(after)) == at(expected)


@pytest.mark.parametrize(
    ("frequency", "when", "days"),
    [
        ("daily", "2026-12-02T04:00", ("2026-12-01", "2026-12-02")),
        ("weekly", "2026-12-07T04:00", ("2026-11-30", "2026-12-07")),
        ("monthly", "2027-01-01T04:00", ("2026-12-01", "2027-01-01")),
        ("monthly", "2026-03-01T04:00", ("2026-02-01", "2026-03-01")),
    ],
)
def test_an_export_is_of_the_last_whole_days(frequency, when, days) -> None:
    assert tuple(str(day) for day in schedules.days_of(frequency, at=at(when))) == days


def test_what_is_due_asks_once_and_moves_on(operator) -> None:
    due = schedule(operator)
    schedule(operator, next_at=NOW + dt.timedelta(hours=1))
    schedule(operator, is_active=False)
    assert schedules.run_due(now=NOW) == 1
    assert schedules.run_due(now=NOW) == 0
    due.refresh_from_db()
    assert due.next_at == FIVE + dt.timedelta(days=1)
    export = Export.objects.get()
    assert (export.schedule, export.requested_by) == (due, due.created_by)
    assert (export.period_start, export.period_end) == (dt.date(2026, 12, 1), dt.date(2026, 12, 2))


def test_times_that_were_missed_are_made_up_for_day_by_day(operator) -> None:
    schedule(operator, next_at=FIVE - dt.timedelta(days=3))
    assert schedules.run_due(now=NOW) == 4
    starts = Export.objects.order_by("period_start").values_list("period_start", flat=True)
    assert [day.day for day in starts] == [28, 29, 30, 1]


@pytest.mark.django_db(transaction=True)
def test_of_many_beats_at_once_one_asks(operator) -> None:
    schedule(operator)
    results, barrier = [], threading.Barrier(5)

    def beat() -> None:
        barrier.wait()
        results.append(schedules.run_due(now=NOW))
        connection.close()

    threads = [threading.Thread(target=beat) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sorted(results) == [0, 0, 0, 0, 1]
    assert Export.objects.count() == 1


def test_the_outbox_gets_the_whole_file_under_a_name_of_its_own(operator, outbox) -> None:
    book(document(operator=operator, issued_at=at("2026-12-01T09:00")))
    export = made(operator)
    assert delivering.deliver(export.pk, now=NOW)
    (file,) = [each for each in outbox.rglob("*") if each.is_file()]
    assert file == delivering.outbox_path(export)
    assert file.parent.name == str(operator.public_id)
    assert file.name == f"2026-12-01_{export.public_id.hex[:8]}_invoices_2026-12-01.csv"
    assert len(file.read_bytes()) == export.size_bytes
    assert b"F-1001" in file.read_bytes()


def test_a_delivery_is_made_and_recorded_once(operator, outbox) -> None:
    export = made(operator)
    assert delivering.deliver(export.pk, now=NOW)
    assert not delivering.deliver(export.pk, now=NOW)
    taken = ExportDownload.objects.get()
    assert (taken.user, taken.export) == (None, export)
    assert Export.objects.get().delivered_at == NOW


def test_a_mail_carries_the_file(operator) -> None:
    export = made(operator, delivery="email", recipient="books@example.test")
    delivering.deliver(export.pk, now=NOW)
    (message,) = mail.outbox
    assert message.to == ["books@example.test"]
    assert message.subject.startswith("Norrsken: ")
    ((name, content, media_type),) = message.attachments
    assert (name, media_type) == ("invoices_2026-12-01.csv", "text/csv")
    assert len(content if isinstance(content, bytes) else content.encode()) == export.size_bytes


def test_a_large_file_is_linked_to_and_not_sent(operator, settings) -> None:
    settings.EXPORT_MAIL_LIMIT_BYTES = 10
    export = made(operator, delivery="email", recipient="books@example.test")
    delivering.deliver(export.pk, now=NOW)
    (message,) = mail.outbox
    assert message.attachments == []
    assert f"{settings.SITE_ADDRESS}/admin/billing/export/{export.pk}/change/" in message.body
    assert ExportDownload.objects.count() == 0


def test_a_lost_delivery_is_found_by_the_sweep(operator, outbox) -> None:
    export = made(operator)
    assert delivering.undelivered_ids(now=NOW + dt.timedelta(minutes=1)) == []
    assert delivering.undelivered_ids(now=NOW + dt.timedelta(minutes=6)) == [export.pk]
    delivering.deliver(export.pk, now=NOW)
    assert delivering.undelivered_ids(now=NOW + dt.timedelta(minutes=6)) == []


def test_what_a_person_asked_for_is_not_delivered(operator) -> None:
    export = made(operator)
    Export.objects.update(schedule=None)
    assert not delivering.deliver(export.pk, now=NOW)
