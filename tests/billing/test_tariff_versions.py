"""Versions of a tariff: published from an instant on, never edited, withdrawn before they begin."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from accounts.models import AuditEntry, User
from billing.models import (
    Cdr,
    DynamicPrice,
    OffPeakIncentive,
    PriceComponent,
    PriceGroup,
    Tariff,
    TariffAssignment,
    TariffElement,
)
from billing.tariff_selection import tariff_for
from billing.tariffs.checking import check
from billing.tariffs.publishing import (
    Holding,
    NotAllowed,
    Refused,
    State,
    end,
    extend,
    holdings_of,
    new_version,
    publish,
    state_of,
    withdraw,
)
from sessions.models import ChargingSession
from stations.models import Evse
from tests.billing.conftest import MakeTariff
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db

TOMORROW = NOON + dt.timedelta(days=1)
LATER = NOON + dt.timedelta(days=10)


@pytest.fixture
def by(db) -> User:
    return User.objects.create_user("finance@example.test", "long enough words")


@pytest.fixture
def evse(station) -> Evse:
    return Evse.objects.select_related("station__location").get()


@pytest.fixture
def draft(make_tariff: MakeTariff) -> Tariff:
    """A tariff that holds nowhere yet."""
    tariff = make_tariff(ENERGY="4.95", PARKING_TIME="60")
    tariff.assignments.all().delete()
    return tariff


@pytest.fixture
def published(draft: Tariff, by: User) -> Tariff:
    publish(draft, starts_at=NOON, holdings=[Holding()], now=NOON, by=by)
    return Tariff.objects.get(pk=draft.pk)


def spans(tariff: Tariff) -> list[tuple]:
    return list(tariff.assignments.order_by("pk").values_list("valid_from", "valid_until"))


def reprice(tariff: Tariff, price: str) -> None:
    PriceComponent.objects.filter(element__tariff=tariff, type="ENERGY").update(price=Decimal(price))


class TestPublishing:
    def test_a_draft_holds_from_the_start_that_is_given(self, draft, evse, by) -> None:
        assert state_of(draft, now=NOON) is State.DRAFT
        publish(draft, starts_at=TOMORROW, holdings=[Holding(evse_id=evse.pk)], now=NOON, by=by)
        draft = Tariff.objects.get()
        assert (draft.published_at, spans(draft)) == (NOON, [(TOMORROW, None)])
        assert state_of(draft, now=NOON) is State.SCHEDULED
        assert state_of(draft, now=TOMORROW) is State.IN_FORCE
        assert (tariff_for(evse.pk, at=NOON), tariff_for(evse.pk, at=TOMORROW)) == (None, draft)
        entry = AuditEntry.objects.get()
        assert (entry.actor, entry.act, entry.subject) == (by, "tariff.published", "tariff Everyday 1")

    def test_the_new_version_begins_where_the_old_one_ends(self, published, evse, by) -> None:
        second = new_version(published, by=by)
        reprice(second, "5.50")
        publish(second, starts_at=TOMORROW, holdings=[Holding()], now=NOON, by=by)
        assert (spans(published), spans(second)) == ([(NOON, TOMORROW)], [(TOMORROW, None)])
        almost = TOMORROW - dt.timedelta(microseconds=1)
        assert (tariff_for(evse.pk, at=almost), tariff_for(evse.pk, at=TOMORROW)) == (published, second)
        assert state_of(Tariff.objects.get(pk=published.pk), now=TOMORROW) is State.PAST

    def test_a_place_keeps_the_end_it_had(self, published, by) -> None:
        TariffAssignment.objects.update(valid_until=LATER)
        second = new_version(published, by=by)
        publish(second, starts_at=TOMORROW, holdings=holdings_of(published, at=TOMORROW), now=NOON, by=by)
        assert (spans(published), spans(second)) == ([(NOON, TOMORROW)], [(TOMORROW, LATER)])

    def test_groups_are_taken_along(self, published, by, evse) -> None:
        group = PriceGroup.objects.create(operator=published.operator, name="Staff")
        wanted = [Holding(evse_id=evse.pk, price_group_id=group.pk)]
        extend(published, starts_at=NOON, holdings=wanted, now=NOON, by=by)
        assert holdings_of(published, at=NOON) == [Holding(), *wanted]

    @pytest.mark.parametrize("twice", [False, True])
    def test_publishing_twice_publishes_once(self, draft, by, twice) -> None:
        publish(draft, starts_at=NOON, holdings=[Holding()] * (2 if twice else 1), now=NOON, by=by)
        with pytest.raises(NotAllowed, match="published already"):
            publish(draft, starts_at=NOON, holdings=[Holding()], now=NOON, by=by)
        assert TariffAssignment.objects.count() == 1

    @pytest.mark.parametrize(
        ("starts_at", "holdings", "why"),
        [
            (NOON - dt.timedelta(seconds=1), [Holding()], "past"),
            (NOON, [], "Choose where"),
        ],
    )
    def test_not_in_the_past_and_not_nowhere(self, draft, by, starts_at, holdings, why) -> None:
        with pytest.raises(NotAllowed, match=why):
            publish(draft, starts_at=starts_at, holdings=holdings, now=NOON, by=by)
        draft.refresh_from_db()
        assert (draft.published_at, TariffAssignment.objects.count()) == (None, 0)

    def test_a_tariff_with_errors_is_refused_with_the_line(self, draft, by) -> None:
        TariffElement.objects.update(restrictions={"min_kwh": 10, "max_kwh": 5})
        with pytest.raises(Refused, match="Group of prices 1: The lowest energy"):
            publish(draft, starts_at=NOON, holdings=[Holding()], now=NOON, by=by)
        draft.refresh_from_db()
        assert (draft.published_at, TariffAssignment.objects.count()) == (None, 0)

    def test_afir_is_checked_against_the_outlets_of_the_place(self, draft, evse, by) -> None:
        PriceComponent.objects.create(element=draft.elements.get(), type="FLAT", price=Decimal(5))
        Tariff.objects.update(type="AD_HOC_PAYMENT")
        Evse.objects.update(max_power_kw=150)
        draft.refresh_from_db()
        with pytest.raises(Refused, match=r"Article 5\(4\)"):
            publish(
                draft,
                starts_at=NOON,
                holdings=[Holding(location_id=evse.station.location_id)],
                now=NOON,
                by=by,
            )
        Evse.objects.update(max_power_kw=22)
        publish(
            draft, starts_at=NOON, holdings=[Holding(location_id=evse.station.location_id)], now=NOON, by=by
        )

    def test_no_warning_for_fast_outlets_that_have_a_price_of_their_own(
        self, draft, make_tariff, evse
    ) -> None:
        PriceComponent.objects.create(element=draft.elements.get(), type="FLAT", price=Decimal(5))
        Evse.objects.update(max_power_kw=150)
        wanted = [Holding(location_id=evse.station.location_id)]
        (finding,) = check(draft, holdings=wanted, at=NOON)
        assert (finding.level, finding.code) == ("warning", "afir_flat")
        make_tariff("Fast", ENERGY="7", place={"evse": evse})
        assert check(draft, holdings=wanted, at=NOON) == []

    def test_a_published_tariff_is_not_put_at_a_fast_outlet_it_may_not_hold_at(self, draft, evse, by) -> None:
        PriceComponent.objects.create(element=draft.elements.get(), type="FLAT", price=Decimal(5))
        Tariff.objects.update(type="AD_HOC_PAYMENT")
        Evse.objects.update(max_power_kw=22)
        draft.refresh_from_db()
        group = PriceGroup.objects.create(operator=draft.operator, name="Staff")
        publish(draft, starts_at=NOON, holdings=[Holding(price_group_id=group.pk)], now=NOON, by=by)
        Evse.objects.update(max_power_kw=50)
        with pytest.raises(Refused, match="start fee"):
            extend(draft, starts_at=NOON, holdings=[Holding(evse_id=evse.pk)], now=NOON, by=by)
        assert TariffAssignment.objects.count() == 1


class TestNewVersion:
    def test_is_a_copy_in_draft(self, draft, by) -> None:
        TariffElement.objects.update(restrictions={"start_time": "06:00", "end_time": "22:00"})
        DynamicPrice.objects.create(tariff=draft, fallback_per_kwh=Decimal(2))
        OffPeakIncentive.objects.create(tariff=draft, name="Night", percent=10, start_time=dt.time(22))
        Tariff.objects.update(idle_grace_minutes=15, max_price={"before_taxes": "80", "after_taxes": "100"})
        draft.refresh_from_db()
        publish(draft, starts_at=NOON, holdings=[Holding()], now=NOON, by=by)
        copy = new_version(Tariff.objects.get(), by=by)
        assert (copy.version, copy.replaces, copy.published_at) == (2, draft, None)
        own = {"id": None, "last_updated": None}
        assert copy.as_ocpi() | own == Tariff.objects.get(pk=draft.pk).as_ocpi() | own
        assert copy.dynamic_price.fallback_per_kwh == 2

    def test_only_of_the_newest_and_not_of_a_draft(self, published, by) -> None:
        second = new_version(published, by=by)
        with pytest.raises(NotAllowed, match="Version 2 replaces"):
            new_version(published, by=by)
        with pytest.raises(NotAllowed, match="draft still"):
            new_version(second, by=by)
        assert Tariff.objects.count() == 2


class TestWithdrawing:
    def test_puts_everything_back(self, published, evse, by) -> None:
        second = new_version(published, by=by)
        publish(second, starts_at=TOMORROW, holdings=[Holding()], now=NOON, by=by)
        withdraw(second, now=NOON, by=by)
        second.refresh_from_db()
        assert (spans(published), spans(second), second.published_at) == ([(NOON, None)], [], None)
        assert tariff_for(evse.pk, at=LATER) == published
        publish(second, starts_at=LATER, holdings=[Holding()], now=NOON, by=by)
        assert tariff_for(evse.pk, at=LATER) == second

    def test_not_once_it_has_begun(self, published, by) -> None:
        with pytest.raises(NotAllowed, match="It has begun"):
            withdraw(published, now=NOON, by=by)
        assert spans(published) == [(NOON, None)]

    def test_a_version_is_not_put_before_the_start_of_the_scheduled_one(self, published, by) -> None:
        second = new_version(published, by=by)
        publish(second, starts_at=LATER, holdings=[Holding()], now=NOON, by=by)
        third = new_version(Tariff.objects.get(pk=second.pk), by=by)
        with pytest.raises(NotAllowed, match="begins on"):
            publish(third, starts_at=TOMORROW, holdings=[Holding()], now=NOON, by=by)
        assert (spans(published), spans(second), spans(third)) == ([(NOON, LATER)], [(LATER, None)], [])


class TestEnding:
    def test_a_place_from_a_time_to_come(self, published, evse, by) -> None:
        end(published.assignments.get(), at=TOMORROW, now=NOON, by=by)
        assert spans(published) == [(NOON, TOMORROW)]
        assert tariff_for(evse.pk, at=TOMORROW) is None

    @pytest.mark.parametrize("at", [NOON - dt.timedelta(hours=1), NOON])
    def test_never_in_the_past_nor_before_it_began(self, published, by, at) -> None:
        with pytest.raises(NotAllowed):
            end(published.assignments.get(), at=at, now=NOON, by=by)
        assert spans(published) == [(NOON, None)]


class TestTheDatabase:
    """A published version is never edited, whoever tries."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda _: Tariff.objects.update(name="Other"),
            lambda _: Tariff.objects.update(currency="EUR"),
            lambda _: Tariff.objects.update(max_price={"after_taxes": 1}),
            lambda _: Tariff.objects.update(idle_grace_minutes=9),
            lambda _: Tariff.objects.update(published_at=None),
            lambda _: PriceComponent.objects.update(price=1),
            lambda _: PriceComponent.objects.first().delete(),
            lambda t: PriceComponent.objects.create(element=t.elements.get(), type="FLAT", price=1),
            lambda _: TariffElement.objects.update(restrictions={"min_kwh": 1}),
            lambda t: TariffElement.objects.create(tariff=t, position=2),
            lambda t: DynamicPrice.objects.create(tariff=t, fallback_per_kwh=1),
            lambda t: OffPeakIncentive.objects.create(tariff=t, name="Night", percent=10),
        ],
    )
    def test_refuses_to_change_it(self, published, change) -> None:
        before = Tariff.objects.get().as_ocpi()
        with pytest.raises(DatabaseError, match="never edited"), transaction.atomic():
            change(published)
        assert Tariff.objects.get().as_ocpi() == before

    @pytest.mark.usefixtures("published")
    def test_refuses_to_delete_it_even_when_it_holds_nowhere(self) -> None:
        TariffAssignment.objects.all().delete()
        with pytest.raises(DatabaseError, match="never edited"), transaction.atomic():
            Tariff.objects.all()._raw_delete("default")
        assert Tariff.objects.count() == 1

    def test_refuses_to_make_a_draft_of_what_was_charged_by(self, published, says: Says) -> None:
        from billing import cdrs

        reply = says.start()
        says.stop(reply.transaction_ref)
        assert cdrs.rate_session(ChargingSession.objects.get().pk, now=LATER) is not None
        assert Cdr.objects.get().tariff == published
        TariffAssignment.objects.all().delete()
        with pytest.raises(DatabaseError, match="never edited"), transaction.atomic():
            Tariff.objects.update(published_at=None)

    def test_lets_a_draft_be_changed_and_deleted(self, draft) -> None:
        reprice(draft, "3")
        Tariff.objects.update(name="Other")
        draft.delete()
        assert not Tariff.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_four_people_who_publish_at_once_publish_once(draft: Tariff) -> None:
    told: list[str] = []

    def work() -> None:
        try:
            publish(draft, starts_at=NOON, holdings=[Holding()], now=NOON, by=None)
            told.append("published")
        except NotAllowed as refusal:
            told.append(str(refusal))
        finally:
            connection.close()

    people = [threading.Thread(target=work) for _ in range(4)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    assert sorted(told) == [*["This version is published already."] * 3, "published"]
    assert TariffAssignment.objects.count() == 1
