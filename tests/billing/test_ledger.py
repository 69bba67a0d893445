"""The books: what PostgreSQL refuses, what is posted once, and months that are locked."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from accounts.models import AuditEntry, Organisation
from billing.ledger import chart, periods
from billing.ledger.chart import NoLedgerAccount, RoleNeedsAccount
from billing.ledger.posting import DoesNotBalance, Event, Posting, post, post_many
from billing.models import JournalEntry, JournalLine, LedgerAccount, LedgerPeriod
from tests.factories import LocationFactory, OrganisationFactory, UserFactory

pytestmark = pytest.mark.django_db
Role = LedgerAccount.Role
MARCH = dt.date(2026, 3, 1)
IN_APRIL = dt.datetime(2026, 4, 2, 8, 0, tzinfo=dt.UTC)


@pytest.fixture
def operator(db: None) -> Organisation:
    return OrganisationFactory()


def sale(operator: Organisation, key: str = "cdr:1", date: dt.date = dt.date(2026, 3, 10)) -> Event:
    return Event(operator.pk, key, "cdr", date, "Laddsession", "SEK")


def earned(amount: str = "100.00") -> list[Posting]:
    return [Posting(Role.UNBILLED, Decimal(amount)), Posting(Role.SALES, -Decimal(amount))]


def enforce_now() -> None:
    """The rules that wait for the commit are checked."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def line(entry: JournalEntry, amount: str, currency: str = "SEK") -> None:
    """A line written past all our code."""
    account = entry.operator.ledger_accounts.first()
    JournalLine.objects.create(entry=entry, account=account, amount=Decimal(amount), currency=currency)


def bare_entry(
    operator: Organisation, *amounts: tuple[str, str], date: dt.date = dt.date(2026, 3, 10)
) -> None:
    """An entry written past all our code, and everything checked that the commit checks."""
    chart.open_chart(operator)
    entry = JournalEntry.objects.create(
        operator=operator, key="bare", kind="test", entry_date=date, text="", posted_at=IN_APRIL
    )
    for amount in amounts:
        line(entry, *amount)
    enforce_now()


class TestWhatTheDatabaseRefuses:
    def test_an_entry_whose_lines_do_not_add_up_to_nought(self, operator):
        with pytest.raises(DatabaseError, match="does not balance"), transaction.atomic():
            bare_entry(operator, ("10.00", "SEK"), ("-9.99", "SEK"))
        assert JournalEntry.objects.count() == 0

    @pytest.mark.parametrize("amounts", [(), (("10.00", "SEK"),)])
    def test_an_entry_with_one_line_or_none(self, amounts, operator):
        with pytest.raises(DatabaseError, match="fewer than two lines"), transaction.atomic():
            bare_entry(operator, *amounts)
        assert JournalEntry.objects.count() == 0

    def test_an_entry_that_balances_only_over_two_currencies(self, operator):
        with pytest.raises(DatabaseError, match="does not balance"), transaction.atomic():
            bare_entry(operator, ("10.00", "SEK"), ("-10.00", "EUR"))
        assert JournalEntry.objects.count() == 0

    def test_another_line_in_an_entry_that_is_posted(self, operator):
        entry = post(sale(operator), earned())
        enforce_now()
        with pytest.raises(DatabaseError, match="does not balance"), transaction.atomic():
            line(entry, "1.00")
        assert JournalLine.objects.count() == 2

    @pytest.mark.parametrize("model", [JournalEntry, JournalLine])
    def test_a_change_and_a_deletion(self, model, operator):
        post(sale(operator), earned())
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            model.objects.update(text="something else")
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            model.objects.all()._raw_delete("default")
        assert JournalEntry.objects.get().text == "Laddsession"
        assert JournalLine.objects.count() == 2

    def test_a_date_in_a_locked_month_or_before_one(self, operator):
        periods.lock_month(operator.pk, month=MARCH, by=None, now=IN_APRIL)
        for date in (dt.date(2026, 3, 31), dt.date(2025, 12, 31)):
            with pytest.raises(DatabaseError, match="is locked"), transaction.atomic():
                bare_entry(operator, ("1.00", "SEK"), ("-1.00", "SEK"), date=date)
        assert JournalEntry.objects.count() == 0

    def test_a_line_that_says_nothing(self, operator):
        with pytest.raises(DatabaseError, match="journal_line_says_something"), transaction.atomic():
            bare_entry(operator, ("0.00", "SEK"))


class TestPosting:
    def test_an_event_is_posted_on_the_accounts_that_play_its_roles(self, operator):
        location = LocationFactory(operator=operator)
        lines = [
            Posting(Role.RECEIVABLE, Decimal("125.00")),
            Posting(Role.UNBILLED, Decimal("-100.00"), location.pk, "energi"),
            Posting(Role.VAT_25, Decimal("-25.00")),
            Posting(Role.ROUNDING, Decimal("0.00")),
        ]
        entry = post(sale(operator, "invoice:1"), lines)
        assert entry is not None
        posted = entry.lines.values_list("account__number", "amount", "location", "text")
        assert list(posted) == [
            ("1510", Decimal("125.00"), None, ""),
            ("1790", Decimal("-100.00"), location.pk, "energi"),
            ("2611", Decimal("-25.00"), None, ""),
        ]

    def test_the_same_event_again_finds_its_entry(self, operator):
        first = post(sale(operator), earned())
        assert post(sale(operator), earned("999.00")) == first
        assert JournalLine.objects.count() == 2

    def test_two_operators_have_the_same_key_and_their_own_accounts(self, operator):
        other = OrganisationFactory()
        post_many([(sale(operator), earned()), (sale(other), earned())])
        assert JournalEntry.objects.count() == 2
        assert {(line.entry.operator_id, line.account.operator_id) for line in JournalLine.objects.all()} == {
            (operator.pk, operator.pk),
            (other.pk, other.pk),
        }

    def test_an_event_that_moves_nothing_leaves_no_entry(self, operator):
        assert post(sale(operator), [Posting(Role.SALES, Decimal(0))]) is None
        assert JournalEntry.objects.count() == 0

    def test_what_does_not_balance_is_refused_before_anything_is_written(self, operator):
        with pytest.raises(DoesNotBalance):
            post(sale(operator), [Posting(Role.UNBILLED, Decimal(1)), Posting(Role.SALES, Decimal(-2))])
        assert JournalEntry.objects.count() == 0

    def test_a_role_without_account_is_refused_and_none_of_the_batch_is_posted(self, operator):
        chart.open_chart(operator)
        operator.ledger_accounts.filter(number="1790").update(roles=[])
        LedgerAccount.objects.filter(number="1510").update(roles=["receivable", "unbilled"])
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM billing_ledgeraccount WHERE number = '6351'")
        LedgerAccount.objects.create(operator=operator, number="6351", name="Förluster", kind="expense")
        loss = [Posting(Role.BAD_DEBT, Decimal(5)), Posting(Role.RECEIVABLE, Decimal(-5))]
        with pytest.raises(NoLedgerAccount, match="bad_debt"):
            post_many([(sale(operator), earned()), (sale(operator, "loss:1"), loss)])
        assert JournalEntry.objects.count() == 0

    def test_a_thousand_events_take_as_many_queries_as_one(self, operator, django_assert_num_queries):
        post(sale(operator, "first"), earned())
        vouchers = [(sale(operator, f"cdr:{n}"), earned(f"{n + 1}.00")) for n in range(1000)]
        with django_assert_num_queries(4):  # savepoint, lock, insert, release
            assert post_many(vouchers) == 1000
        assert post_many(vouchers) == 0
        assert JournalLine.objects.count() == 2002


@pytest.mark.django_db(transaction=True)
def test_fifty_posts_of_one_event_at_once_make_one_entry():
    operator = OrganisationFactory()
    failures: list[Exception] = []
    together = threading.Barrier(50)

    def run() -> None:
        try:
            together.wait(timeout=60)
            post(sale(operator), earned())
        except Exception as error:  # noqa: BLE001 - told to the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failures == []
    assert (JournalEntry.objects.count(), JournalLine.objects.count()) == (1, 2)


class TestLockedMonths:
    def test_a_late_event_lands_on_the_first_open_day_over_the_end_of_the_year(self, operator):
        january = dt.datetime(2027, 1, 20, tzinfo=dt.UTC)
        for month in (dt.date(2026, 11, 1), dt.date(2026, 12, 1)):
            periods.lock_month(operator.pk, month=month, by=None, now=january)
        for date in (dt.date(2026, 11, 30), dt.date(2026, 12, 31), dt.date(2025, 5, 5)):
            entry = post(sale(operator, f"late:{date}", date), earned())
            assert entry is not None
            assert entry.entry_date == dt.date(2027, 1, 1)
            assert periods.first_open_date(operator.pk, wanted=date) == dt.date(2027, 1, 1)
        entry = post(sale(operator, "in time", dt.date(2027, 1, 7)), earned())
        assert entry is not None
        assert entry.entry_date == dt.date(2027, 1, 7)

    def test_months_close_one_after_another_and_not_before_they_are_over(self, operator):
        for month in (dt.date(2026, 4, 1), dt.date(2026, 5, 1)):
            with pytest.raises(periods.CannotLock, match="not over"):
                periods.lock_month(operator.pk, month=month, by=None, now=IN_APRIL)
        periods.lock_month(operator.pk, month=dt.date(2026, 1, 1), by=None, now=IN_APRIL)
        with pytest.raises(periods.CannotLock, match="month before"):
            periods.lock_month(operator.pk, month=MARCH, by=None, now=IN_APRIL)
        with pytest.raises(periods.CannotLock, match="already"):
            periods.lock_month(operator.pk, month=dt.date(2026, 1, 1), by=None, now=IN_APRIL)
        assert LedgerPeriod.objects.filter(locked_at__isnull=False).count() == 1

    def test_only_the_last_locked_month_is_opened_again_and_only_with_a_reason(self, operator):
        frida = UserFactory(email="frida@example.test")
        for month in (dt.date(2026, 2, 1), MARCH):
            periods.lock_month(operator.pk, month=month, by=frida, now=IN_APRIL)
        for month, reason in ((dt.date(2026, 2, 1), "an invoice was forgotten"), (MARCH, "  ")):
            with pytest.raises(periods.CannotLock):
                periods.unlock_month(operator.pk, month=month, by=frida, reason=reason, now=IN_APRIL)
        assert periods.is_locked(operator.pk, month=MARCH)
        row = periods.unlock_month(
            operator.pk, month=MARCH, by=frida, reason="an invoice was forgotten", now=IN_APRIL
        )
        assert not periods.is_locked(operator.pk, month=MARCH)
        assert row.checklist["opened_again"][0]["reason"] == "an invoice was forgotten"
        acts = AuditEntry.objects.order_by("pk").values_list("act", "actor")
        assert list(acts) == [("ledger.month_locked", frida.pk)] * 2 + [("ledger.month_unlocked", frida.pk)]

    def test_another_operators_books_stay_open(self, operator):
        other = OrganisationFactory()
        periods.lock_month(operator.pk, month=MARCH, by=None, now=IN_APRIL)
        entry = post(sale(other), earned())
        assert entry is not None
        assert entry.entry_date == dt.date(2026, 3, 10)


@pytest.mark.django_db(transaction=True)
def test_locking_waits_for_a_posting_under_way():
    operator = OrganisationFactory()
    chart.open_chart(operator)
    posted, seen_at_lock = threading.Event(), []

    def lock() -> None:
        try:
            posted.wait(timeout=60)
            periods.lock_month(operator.pk, month=MARCH, by=None, now=IN_APRIL)
            seen_at_lock.append(JournalEntry.objects.count())
        finally:
            connection.close()

    thread = threading.Thread(target=lock)
    thread.start()
    with transaction.atomic():
        post(sale(operator), earned())
        posted.set()
        thread.join(timeout=1)  # it cannot end while this transaction lasts
        assert thread.is_alive()
        assert not LedgerPeriod.objects.filter(locked_at__isnull=False).exists()
    thread.join(timeout=60)
    assert seen_at_lock == [1]


class TestChart:
    def test_a_role_moves_from_one_account_to_another(self, operator):
        chart.open_chart(operator)
        new = LedgerAccount.objects.create(operator=operator, number="1511", name="Kunder", kind="asset")
        chart.set_roles(new, roles=[Role.RECEIVABLE])
        assert chart.account_ids(operator.pk)["receivable"] == new.pk
        assert operator.ledger_accounts.get(number="1510").roles == []

    def test_an_account_does_not_give_up_a_role_that_nobody_else_has(self, operator):
        chart.open_chart(operator)
        sales = operator.ledger_accounts.get(number="3001")
        with pytest.raises(RoleNeedsAccount):
            chart.set_roles(sales, roles=[])
        sales.refresh_from_db()
        assert sales.roles == ["sales"]

    def test_every_role_has_an_account_in_a_new_chart(self, operator):
        assert set(chart.account_ids(operator.pk)) == set(Role.values)

    def test_opening_the_chart_again_changes_nothing(self, operator):
        chart.open_chart(operator)
        operator.ledger_accounts.filter(number="3001").update(name="Laddning", number="3051")
        chart.open_chart(operator)
        assert operator.ledger_accounts.get(number="3051").roles == ["sales"]
        assert operator.ledger_accounts.get(number="3001").roles == []
