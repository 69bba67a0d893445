"""Who gets which tariff, and why."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import IdToken, Membership, Organisation, User
from billing import cdrs
from billing.customers import account_of_organisation, account_of_person
from billing.models import GuestCheckout, Payment, Plan, PriceGroup, Subscription, Tariff
from billing.price_groups import Driver
from billing.tariff_selection import select_tariff, tariff_for, tariffs_at
from sessions.models import ChargingSession
from stations.models import Evse
from tests.billing.conftest import MakeTariff
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(days=1)


@pytest.fixture
def evse(station) -> Evse:
    return Evse.objects.select_related("station__location").get()


@pytest.fixture
def operator(station) -> Organisation:
    return Organisation.objects.get(kind="operator")


@pytest.fixture
def group(operator):
    def make(name: str = "Staff", **fields) -> PriceGroup:
        return PriceGroup.objects.create(operator=operator, name=name, **fields)

    return make


@pytest.fixture
def person(db) -> User:
    return User.objects.create_user("someone@example.test", "long enough words")


def host(name: str = "The mall") -> Organisation:
    return Organisation.objects.create(kind="host", name=name)


def for_group(make_tariff: MakeTariff, name: str, group: PriceGroup | None, **fields) -> Tariff:
    tariff = make_tariff(name, ENERGY="1", **fields)
    tariff.assignments.update(price_group=group)
    return tariff


def typed(tariff: Tariff, kind: str) -> Tariff:
    Tariff.objects.filter(pk=tariff.pk).update(type=kind)
    return tariff


class TestWhoIsInAGroup:
    def test_a_person_who_was_put_into_it(self, evse, make_tariff, group, person) -> None:
        staff = group()
        staff.users.add(person)
        theirs = for_group(make_tariff, "Staff", staff)
        chosen = select_tariff(evse.pk, at=NOON, driver=Driver(user_id=person.pk))
        assert (chosen.tariff, chosen.price_group) == (theirs, staff)
        assert [found.through for found in chosen.groups] == ["person"]

    def test_a_member_of_an_organisation_that_was(self, evse, make_tariff, group, person) -> None:
        staff, mall = group(), host()
        staff.organisations.add(mall)
        Membership.objects.create(user=person, organisation=mall, role="driver")
        theirs = for_group(make_tariff, "Staff", staff)
        chosen = select_tariff(evse.pk, at=NOON, driver=Driver(user_id=person.pk))
        assert (chosen.tariff, chosen.groups[0].through) == (theirs, "membership")

    def test_whoever_charges_with_an_id_token_of_the_organisation(self, evse, make_tariff, group) -> None:
        fleet, cars = group(), host()
        fleet.organisations.add(cars)
        theirs = for_group(make_tariff, "Fleet", fleet)
        chosen = select_tariff(evse.pk, at=NOON, driver=Driver(organisation_id=cars.pk))
        assert (chosen.tariff, chosen.groups[0].through) == (theirs, "id_token")

    @pytest.mark.parametrize(
        ("days", "is_in"),
        [((-10, None), True), ((0, None), True), ((1, None), False), ((-10, 1), True), ((-10, 0), False)],
    )
    def test_a_subscriber_from_the_first_day_to_the_day_it_ends(
        self, evse, operator, make_tariff, group, person, days, is_in
    ) -> None:
        started, ends = days
        today = NOON.date()
        subscribers = group("Plus")
        plan = Plan.objects.create(operator=operator, name="Plus", price_group=subscribers)
        Subscription.objects.create(
            account=account_of_person(person, operator_id=operator.pk),
            plan=plan,
            started_on=today + dt.timedelta(days=started),
            ends_on=None if ends is None else today + dt.timedelta(days=ends),
        )
        theirs = for_group(make_tariff, "Plus", subscribers)
        chosen = select_tariff(evse.pk, at=NOON, driver=Driver(user_id=person.pk))
        assert chosen.tariff == (theirs if is_in else None)
        assert [found.through for found in chosen.groups] == (["subscription"] if is_in else [])

    def test_an_organisations_subscription_holds_for_its_id_tokens(
        self, evse, operator, make_tariff, group
    ) -> None:
        subscribers, cars = group("Plus"), host()
        plan = Plan.objects.create(operator=operator, name="Plus", price_group=subscribers)
        account = account_of_organisation(cars, operator_id=operator.pk)
        Subscription.objects.create(account=account, plan=plan, started_on=NOON.date())
        theirs = for_group(make_tariff, "Plus", subscribers)
        assert tariff_for(evse.pk, at=NOON, driver=Driver(organisation_id=cars.pk)) == theirs

    def test_a_member_of_an_organisation_that_was_closed_is_not(
        self, evse, make_tariff, group, person
    ) -> None:
        staff, mall = group(), host()
        staff.organisations.add(mall)
        Membership.objects.create(user=person, organisation=mall, role="driver")
        for_group(make_tariff, "Staff", staff)
        Organisation.objects.filter(pk=mall.pk).update(is_active=False)
        assert tariff_for(evse.pk, at=NOON, driver=Driver(user_id=person.pk)) is None

    def test_another_operators_group_gives_nothing_here(self, evse, make_tariff, person) -> None:
        elsewhere = Organisation.objects.create(kind="operator", name="Elsewhere")
        theirs = PriceGroup.objects.create(operator=elsewhere, name="Staff")
        theirs.users.add(person)
        public = for_group(make_tariff, "Public", None)
        assert tariff_for(evse.pk, at=NOON, driver=Driver(user_id=person.pk)) == public


class TestTheOrder:
    def test_the_best_ranked_group_comes_first(self, evse, make_tariff, group, person) -> None:
        second, first = group("Contract", rank=20), group("Staff", rank=10)
        for each in (second, first):
            each.users.add(person)
        for_group(make_tariff, "Contract", second)
        staff = for_group(make_tariff, "Staff", first)
        assert tariff_for(evse.pk, at=NOON, driver=Driver(user_id=person.pk)) == staff

    def test_a_group_with_no_tariff_here_is_passed_over(self, evse, make_tariff, group, person) -> None:
        first, second = group("Staff", rank=10), group("Contract", rank=20)
        for each in (second, first):
            each.users.add(person)
        contract = for_group(make_tariff, "Contract", second)
        assert tariff_for(evse.pk, at=NOON, driver=Driver(user_id=person.pk)) == contract

    def test_a_groups_price_everywhere_comes_before_the_public_price_of_the_outlet(
        self, evse, make_tariff, group, person
    ) -> None:
        staff = group()
        staff.users.add(person)
        public = for_group(make_tariff, "Public", None, place={"evse": evse})
        theirs = for_group(make_tariff, "Staff", staff)
        assert tariff_for(evse.pk, at=NOON, driver=Driver(user_id=person.pk)) == theirs
        assert tariff_for(evse.pk, at=NOON) == public

    def test_within_a_group_the_most_specific_place_comes_first(
        self, evse, make_tariff, group, person
    ) -> None:
        staff = group()
        staff.users.add(person)
        driver = Driver(user_id=person.pk)
        everywhere = for_group(make_tariff, "Everywhere", staff)
        assert tariff_for(evse.pk, at=NOON, driver=driver) == everywhere
        here = for_group(make_tariff, "Here", staff, place={"location": evse.station.location})
        assert tariff_for(evse.pk, at=NOON, driver=driver) == here
        own = for_group(make_tariff, "Own", staff, place={"evse": evse})
        assert tariff_for(evse.pk, at=NOON, driver=driver) == own

    def test_who_is_in_no_group_gets_the_public_price(self, evse, make_tariff, group, person) -> None:
        public = for_group(make_tariff, "Public", None)
        for_group(make_tariff, "Staff", group(), place={"evse": evse})
        assert tariff_for(evse.pk, at=NOON, driver=Driver(user_id=person.pk)) == public

    def test_a_guest_gets_the_ad_hoc_price_even_of_a_wider_place(self, evse, make_tariff) -> None:
        public = for_group(make_tariff, "Public", None, place={"evse": evse})
        guest = Driver(is_guest=True)
        assert tariff_for(evse.pk, at=NOON, driver=guest) == public
        ad_hoc = typed(for_group(make_tariff, "Ad hoc", None), "AD_HOC_PAYMENT")
        chosen = select_tariff(evse.pk, at=NOON, driver=guest)
        assert (chosen.tariff, chosen.rule) == (ad_hoc, "ad_hoc")
        assert tariff_for(evse.pk, at=NOON) == public

    def test_people_with_an_account_do_not_pay_ad_hoc_where_there_is_a_price_for_them(
        self, evse, make_tariff, person
    ) -> None:
        driver = Driver(user_id=person.pk)
        regular = for_group(make_tariff, "Regular", None)
        ad_hoc = typed(for_group(make_tariff, "Ad hoc", None), "AD_HOC_PAYMENT")
        assert tariff_for(evse.pk, at=NOON, driver=driver) == regular
        regular.assignments.all().delete()
        assert tariff_for(evse.pk, at=NOON, driver=driver) == ad_hoc


class TestTheExplanation:
    def test_names_every_tariff_that_holds_there_in_order(self, evse, make_tariff, group, person) -> None:
        staff, other = group("Staff"), group("Fleet")
        staff.users.add(person)
        for_group(make_tariff, "Public", None)
        for_group(make_tariff, "Fleet price", other, place={"evse": evse})
        for_group(make_tariff, "Staff price", staff, place={"location": evse.station.location})
        evidence = select_tariff(evse.pk, at=NOON, driver=Driver(user_id=person.pk)).as_evidence()
        assert evidence["rule"] == "price_group"
        assert evidence["groups"] == [{"id": staff.pk, "name": "Staff", "through": "person"}]
        assert [(c["name"], c["price_group"], c["place"], c["verdict"]) for c in evidence["considered"]] == [
            ("Staff price", "Staff", "location", "chosen"),
            ("Public", None, "everywhere", "after"),
            ("Fleet price", "Fleet", "evse", "other_group"),
        ]

    def test_is_kept_with_the_charge_detail_record(self, says: Says, make_tariff, group) -> None:
        fleet, cars = group("Fleet"), host("Cars AB")
        fleet.organisations.add(cars)
        IdToken.objects.update(organisation=cars)
        for_group(make_tariff, "Public", None)
        theirs = for_group(make_tariff, "Fleet price", fleet)
        reply = says.start()
        says.stop(reply.transaction_ref, meter_stop_wh=12_000)
        cdr = cdrs.rate_session(ChargingSession.objects.get().pk, now=LATER)
        assert cdr is not None
        assert (cdr.tariff, cdr.price_group, cdr.total_incl_vat) == (theirs, fleet, Decimal("11.00"))
        assert cdr.evidence["selection"]["rule"] == "price_group"
        assert cdr.evidence["selection"]["groups"][0]["through"] == "id_token"

    def test_a_correction_keeps_the_tariff_the_session_was_billed_by(
        self, says: Says, make_tariff, group
    ) -> None:
        """The driver leaves the group, and the station tells only then that it was 12 kWh and not 11."""
        staff = group()
        staff.users.add(User.objects.get())
        for_group(make_tariff, "Public", None)
        theirs = for_group(make_tariff, "Staff", staff)
        reply = says.start()
        says.stop(reply.transaction_ref, meter_stop_wh=12_000)
        session = ChargingSession.objects.get()
        cdrs.rate_session(session.pk, now=LATER)
        staff.users.clear()
        ChargingSession.objects.update(energy_wh=12_000, meter_stop_wh=13_000)
        again = cdrs.correct_session(session.pk, now=LATER)
        assert again is not None
        assert (again.tariff, again.price_group, again.energy_wh) == (theirs, staff, 12_000)

    def test_a_guests_session_is_priced_ad_hoc(self, says: Says, evse, operator, make_tariff) -> None:
        for_group(make_tariff, "Regular", None)
        ad_hoc = typed(for_group(make_tariff, "Ad hoc", None), "AD_HOC_PAYMENT")
        reply = says.start()
        says.stop(reply.transaction_ref, meter_stop_wh=12_000)
        session = ChargingSession.objects.get()
        payment = Payment.objects.create(
            operator=operator, purpose="guest", currency="SEK", requested=500, idempotency_key="g1"
        )
        GuestCheckout.objects.create(evse=evse, session=session, payment=payment, token="t", expires_at=LATER)
        cdr = cdrs.rate_session(session.pk, now=LATER)
        assert cdr is not None
        assert (cdr.tariff, cdr.evidence["selection"]["rule"]) == (ad_hoc, "ad_hoc")


def test_choosing_costs_the_same_for_one_group_and_outlet_as_for_many(
    evse, make_tariff, group, person
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            tariffs_at(Evse.objects.values_list("pk", flat=True), at=NOON, driver=Driver(user_id=person.pk))
        return len(captured)

    def grow(number: int) -> None:
        staff = group(f"Staff {number}")
        staff.users.add(person)
        for_group(make_tariff, f"Staff {number}", staff)

    grow(1)
    at_one = queries()
    for number in (2, 3):
        Evse.objects.create(station=evse.station, number=number + 1)
        grow(number)
    assert queries() == at_one
