"""A month is closed when everything is done, and its figures are what the books say."""

import datetime as dt
from decimal import Decimal

import pytest

from billing import closing
from billing.closing import State
from billing.invoicing import runs
from billing.invoicing.drafts import Draft
from billing.invoicing.issuing import issue
from billing.invoicing.settling import open_amount, settle
from billing.ledger import periods
from billing.ledger.posting import Event, Posting, post
from billing.models import (
    BillingAccount,
    Export,
    ExportDownload,
    Invoice,
    JournalEntry,
    LedgerPeriod,
    Plan,
    Reconciliation,
    Subscription,
    SubscriptionMonth,
    WebhookEvent,
)
from billing.payments import subscriptions
from sessions.models import ChargingSession, UnmatchedStop
from tests.billing.invoice_builders import (
    APRIL_1,
    NOW,
    cdr_of,
    company_account,
    credit_of,
    operator_that_issues,
)
from tests.factories import SessionFactory, UserFactory

pytestmark = pytest.mark.django_db
MARCH = dt.date(2026, 3, 1)


@pytest.fixture
def account(db) -> BillingAccount:
    return company_account(operator_that_issues())


@pytest.fixture
def frida(db):
    return UserFactory(name="Frida", email="frida@example.test")


def items(account: BillingAccount) -> dict[str, closing.Item]:
    return {item.key: item for item in closing.checklist(account.operator_id, month=MARCH)}


def states(account: BillingAccount) -> dict[str, str]:
    return {key: str(item.state) for key, item in items(account).items()}


def amounts(item: closing.Item) -> list[Decimal | int]:
    return [value for _what, value in item.figures]


def invoiced(account: BillingAccount) -> list[Invoice]:
    """The month's invoices, with their documents."""
    run = runs.start_run(
        account.operator, period_start=MARCH, period_end=APRIL_1, invoice_date=APRIL_1, by=None, now=NOW
    )
    ids = list(run.items.values_list("pk", flat=True))
    runs.issue_items(run.pk, item_ids=ids, now=NOW)
    runs.render_items(run.pk, item_ids=ids, now=NOW)
    assert runs.finish(run, now=NOW)
    return list(Invoice.objects.filter(run=run))


def exported(account: BillingAccount, by) -> None:
    export = Export.objects.create(
        operator=account.operator,
        kind="sie",
        period_start=MARCH,
        period_end=APRIL_1,
        state="done",
        requested_at=NOW,
    )
    ExportDownload.objects.create(export=export, user=by, taken_at=NOW)


def test_a_month_without_anything_has_nothing_to_do_but_the_vouchers(account):
    assert states(account) == {
        "unrated": "not_applicable", "holds": "done", "unmatched_stops": "done",
        "invoice_run": "not_applicable",
        "billed": "not_applicable", "reconciled": "not_applicable", "webhooks": "not_applicable",
        "wallets": "not_applicable", "receivable": "not_applicable", "unbilled": "not_applicable",
        "deferred": "not_applicable", "balanced": "done", "rendered": "not_applicable", "exported": "open",
    }  # fmt: skip


def test_charging_that_is_not_invoiced_keeps_the_month_open(account, frida):
    cdr_of(account, gross="125.00")
    cdr_of(account, gross="61.11")
    found = items(account)
    assert (found["invoice_run"].state, found["invoice_run"].count) == (State.OPEN, 1)
    assert amounts(found["billed"]) == [2, 2, Decimal("186.11")]
    assert amounts(found["unbilled"]) == [Decimal("148.89"), Decimal("148.89")]
    assert found["unbilled"].state is State.DONE
    with pytest.raises(closing.CannotClose, match="invoices are made"):
        closing.close_month(account.operator_id, month=MARCH, by=frida, now=NOW)
    assert not LedgerPeriod.objects.filter(locked_at__isnull=False).exists()


def test_an_invoiced_and_exported_month_closes_and_keeps_its_figures(account, frida):
    cdr_of(account, gross="125.00")
    (invoice,) = invoiced(account)
    exported(account, frida)
    settle(invoice, kind="bank", amount=Decimal("25.00"), key="part", now=NOW)
    assert {key for key, item in items(account).items() if item.hinders} == set()
    row = closing.close_month(account.operator_id, month=MARCH, by=frida, now=NOW)
    assert (row.locked_at, row.locked_by) == (NOW, frida)
    kept = {item["key"]: item for item in row.checklist["closed_with"]}
    assert kept["unbilled"]["figures"][0][1] == "100.00"
    with pytest.raises(periods.CannotLock):
        closing.close_month(account.operator_id, month=MARCH, by=frida, now=NOW)


def test_what_customers_owe_is_held_against_the_documents(account):
    april = dt.date(2026, 4, 1)
    cdr_of(account, gross="125.00")
    (invoice,) = invoiced(account)
    settle(invoice, kind="bank", amount=Decimal("25.00"), key="part", now=NOW)
    (found,) = [
        item for item in closing.checklist(account.operator_id, month=april) if item.key == "receivable"
    ]
    assert amounts(found) == [open_amount(invoice), Decimal("100.00")]
    assert found.state is State.DONE


def test_books_that_say_something_else_than_the_documents_are_told(account):
    cdr_of(account, gross="125.00")
    lines = [Posting("unbilled", Decimal("1.00")), Posting("sales", Decimal("-1.00"))]
    post(Event(account.operator_id, "by hand", "manual", dt.date(2026, 3, 12), "By hand", "SEK"), lines)
    found = items(account)["unbilled"]
    assert (found.state, amounts(found)) == (State.OPEN, [Decimal("100.00"), Decimal("101.00")])
    assert found.is_blocking


def test_a_corrected_session_that_was_never_billed_is_nothing_to_bill(account):
    credit_of(cdr_of(account, gross="125.00"))
    assert items(account)["billed"].count == 0


def test_what_nobody_pays_for_need_not_be_billed(account):
    cdr_of(None, gross="125.00", operator=account.operator, payment_kind="none")
    assert items(account)["billed"].state is State.NOT_APPLICABLE


class TestSessions:
    def test_an_unrated_session_keeps_the_month_open(self, account):
        evse = cdr_of(account).session.evse
        SessionFactory(ended=True, evse=evse, started_at=dt.datetime(2026, 3, 20, tzinfo=dt.UTC))
        found = items(account)["unrated"]
        assert (found.state, found.count, found.is_blocking) == (State.OPEN, 1, True)

    def test_a_held_session_keeps_the_month_open(self, account):
        evse = cdr_of(account).session.evse
        held = SessionFactory(ended=True, evse=evse, started_at=dt.datetime(2026, 3, 20, tzinfo=dt.UTC))
        ChargingSession.objects.filter(pk=held.pk).update(held_reason="overlong")
        assert items(account)["holds"].count == 1
        assert items(account)["unrated"].count == 0

    def test_the_last_evening_of_the_month_counts_where_the_books_are_kept(self, account):
        """23:30 UTC on the last of March is the first of April in Sweden."""
        evse = cdr_of(account).session.evse
        SessionFactory(ended=True, evse=evse, started_at=dt.datetime(2026, 3, 31, 21, 30, tzinfo=dt.UTC))
        assert items(account)["unrated"].count == 0
        SessionFactory(ended=True, evse=evse, started_at=dt.datetime(2026, 3, 31, 20, 30, tzinfo=dt.UTC))
        assert items(account)["unrated"].count == 1

    def test_another_operators_sessions_do_not_matter(self, account):
        other = company_account(operator_that_issues("Elsewhere AB"))
        evse = cdr_of(other).session.evse
        SessionFactory(ended=True, evse=evse, started_at=dt.datetime(2026, 3, 20, tzinfo=dt.UTC))
        assert items(account)["unrated"].state is State.NOT_APPLICABLE


class TestAcknowledging:
    def stop_without_session(self, account) -> None:
        UnmatchedStop.objects.create(
            station=cdr_of(account).session.station, transaction_ref="-1",
            occurred_at=NOW - dt.timedelta(days=9),
            received_at=NOW - dt.timedelta(days=9), payload={},
        )  # fmt: skip

    def test_what_does_not_block_is_acknowledged_with_a_note_by_a_person(self, account, frida):
        self.stop_without_session(account)
        assert items(account)["unmatched_stops"].hinders
        closing.acknowledge(
            account.operator_id, month=MARCH, key="unmatched_stops", note="a test charger", by=frida, now=NOW
        )
        item = items(account)["unmatched_stops"]
        assert item.state is State.ACKNOWLEDGED
        assert not item.hinders
        assert (
            item.acknowledged == {"note": "a test charger", "by": "Frida", "at": NOW.isoformat()}
            or item.acknowledged["note"] == "a test charger"
        )

    @pytest.mark.parametrize(
        ("key", "note"), [("billed", "never mind"), ("nonsense", "x"), ("unmatched_stops", "  ")]
    )
    def test_nothing_else_is(self, key, note, account, frida):
        with pytest.raises(closing.CannotClose):
            closing.acknowledge(account.operator_id, month=MARCH, key=key, note=note, by=frida, now=NOW)
        assert LedgerPeriod.objects.count() == 0

    def test_nothing_is_acknowledged_in_a_closed_month(self, account, frida):
        exported(account, frida)
        closing.close_month(account.operator_id, month=MARCH, by=frida, now=NOW)
        with pytest.raises(closing.CannotClose):
            closing.acknowledge(account.operator_id, month=MARCH, key="exported", note="x", by=frida, now=NOW)


class TestTheCardProcessor:
    def test_a_day_with_differences_is_open_until_they_are_accepted(self, account):
        check = Reconciliation.objects.create(
            operator=account.operator, day=dt.date(2026, 3, 5), ours=10, theirs=9, fees=0, currency="SEK",
            differences=[{"what": "missing"}], checked_at=NOW,
        )  # fmt: skip
        assert items(account)["reconciled"].count == 1
        check.accepted_at = NOW
        check.save()
        assert items(account)["reconciled"].state is State.DONE

    def test_a_message_that_was_not_handled_is_told(self, account):
        WebhookEvent.objects.create(
            stripe_id="evt_1",
            type="charge.succeeded",
            payload={},
            created_at=NOW,
            received_at=dt.datetime(2026, 3, 5, tzinfo=dt.UTC),
        )
        assert items(account)["webhooks"].count == 1


def test_a_late_credit_of_a_closed_month_lands_in_the_next_and_everything_still_agrees(account, frida):
    cdr = cdr_of(account, gross="125.00")
    invoiced(account)
    exported(account, frida)
    closing.close_month(account.operator_id, month=MARCH, by=frida, now=NOW)
    credit_of(cdr)
    assert JournalEntry.objects.latest("pk").entry_date == dt.date(2026, 4, 1)
    april = {item.key: item for item in closing.checklist(account.operator_id, month=dt.date(2026, 4, 1))}
    for key in ("receivable", "unbilled", "balanced"):
        assert april[key].state is State.DONE, april[key]


def test_the_checklist_costs_the_same_however_much_there_is(account, django_assert_max_num_queries):
    for _n in range(3):
        cdr_of(account)
    with django_assert_max_num_queries(45):
        closing.checklist(account.operator_id, month=MARCH)


class TestFeesPaidInAdvance:
    @pytest.fixture(autouse=True)
    def _fee(self, account) -> SubscriptionMonth:
        """March's fee of 100 kr, invoiced in the month itself."""
        plan = Plan.objects.create(operator=account.operator, name="Bas", monthly_fee=Decimal("100.00"))
        subscription = Subscription.objects.create(account=account, plan=plan, started_on=MARCH)
        month = subscriptions.open_month(subscription, today=MARCH)
        assert month is not None
        draft = Draft(
            operator_id=account.operator_id, account=account, kind=Invoice.Kind.INVOICE, currency="SEK",
            invoice_date=dt.date(2026, 3, 2), language=account.language,
            lines=subscriptions.fee_lines(account, MARCH, APRIL_1),
        )  # fmt: skip
        issue(draft, now=dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC))
        subscriptions.mark_billed()
        return month

    def test_a_month_that_is_over_must_be_earned_first(self, account):
        found = items(account)["deferred"]
        assert (found.state, found.count) == (State.OPEN, 1)
        assert amounts(found)[:2] == [Decimal("80.00"), Decimal("80.00")]

    def test_once_it_is_earned_nothing_is_owed(self, account):
        subscriptions.recognise(today=APRIL_1)
        found = items(account)["deferred"]
        assert (found.state, amounts(found)) == (State.DONE, [Decimal("0.00"), Decimal("0.00")])
