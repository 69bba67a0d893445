"""Who is refused at the charger because nobody would pay."""

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.test import override_settings

from accounts.models import IdToken, Organisation, User
from billing.models import BillingAccount, Card, GuestCheckout, Payment, Wallet
from sessions import authorization
from sessions.models import ChargingSession, StartRequest
from stations.models import ChargingStation, Evse
from tests.sessions.conftest import NOON, Says

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(station: ChargingStation, card: IdToken, driver: User) -> BillingAccount:
    return BillingAccount.objects.create(
        operator=Organisation.objects.get(kind="operator"), user=driver, number="P1", name="Anna"
    )


def verdict(station: ChargingStation) -> str:
    return authorization.judge_one("CARD1", station_id=station.pk, now=NOON).status


def test_a_driver_without_an_account_is_welcome(station, card):
    assert verdict(station) == "accepted"


def test_a_blocked_account_is_refused_at_its_operator_only(station, account):
    BillingAccount.objects.update(blocked_at=NOON)
    other = Organisation.objects.create(kind="operator", name="Other")
    assert verdict(station) == "blocked"
    BillingAccount.objects.update(operator=other)
    assert verdict(station) == "accepted"


@pytest.mark.parametrize(
    ("balance", "tops_up", "has_card", "status"),
    [
        ("19.99", False, True, "no_credit"),
        ("20.00", False, False, "accepted"),
        ("0", True, True, "accepted"),
        ("0", True, False, "no_credit"),
    ],
)
def test_a_wallet_needs_money_or_a_card_that_fills_it(station, account, balance, tops_up, has_card, status):
    BillingAccount.objects.update(collection="wallet")
    fills = {"top_up_below": Decimal(50), "top_up_amount": Decimal(200)} if tops_up else {}
    Wallet.objects.create(account=account, balance=Decimal(balance), **fills)
    if has_card:
        Card.objects.create(account=account, stripe_id="pm_1", is_default=True)
    assert verdict(station) == status


def test_a_wallet_that_was_never_filled_is_empty(station, account):
    BillingAccount.objects.update(collection="wallet")
    assert verdict(station) == "no_credit"


def test_no_way_to_pay_is_refused_only_where_that_is_wanted(station, account):
    BillingAccount.objects.update(collection="card")
    assert verdict(station) == "accepted"
    with override_settings(REQUIRE_WAY_TO_PAY=True):
        assert verdict(station) == "no_credit"
        Card.objects.create(account=account, stripe_id="pm_1", is_default=True)
        assert verdict(station) == "accepted"
        BillingAccount.objects.all().update(user=User.objects.create_user("other@example.test"))
        assert verdict(station) == "no_credit"


def test_the_fleet_whose_card_it_is_pays_not_the_driver(station, account, card):
    fleet = Organisation.objects.create(kind="fleet", name="Vans")
    IdToken.objects.update(organisation=fleet)
    BillingAccount.objects.update(blocked_at=NOON)
    assert verdict(station) == "accepted"
    BillingAccount.objects.create(
        operator=account.operator, organisation=fleet, number="O1", name="Vans", blocked_at=NOON
    )
    assert verdict(station) == "blocked"


def test_a_card_handed_out_by_the_operator_itself_is_paid_by_its_driver(station, account):
    IdToken.objects.update(organisation=account.operator)
    BillingAccount.objects.update(blocked_at=NOON)
    assert verdict(station) == "blocked"


def test_many_are_asked_in_one_query(station, account, django_assert_num_queries):
    for n in range(20):
        IdToken.objects.create(uid=f"MORE{n}", user=account.user)
    shown = [authorization.Shown(f"MORE{n}", station.pk) for n in range(20)]
    with django_assert_num_queries(2):
        assert {verdict.status for verdict in authorization.judge(shown, now=NOON).values()} == {"accepted"}


@pytest.fixture
def guest(station: ChargingStation) -> SimpleNamespace:
    """A guest who has paid and whose start is on its way."""
    token = IdToken.objects.create(uid="GUEST1", type="Central", valid_until=NOON + dt.timedelta(hours=1))
    evse = station.evses.get()
    request = StartRequest.objects.create(
        evse=evse, id_token=token, requested_at=NOON, expires_at=NOON + dt.timedelta(minutes=5)
    )
    payment = Payment.objects.create(
        operator=Organisation.objects.get(),
        purpose="guest",
        currency="SEK",
        requested=500,
        idempotency_key="guest:1",
    )
    checkout = GuestCheckout.objects.create(
        token="a" * 40,
        evse=evse,
        payment=payment,
        start_request=request,
        state="starting",
        expires_at=NOON + dt.timedelta(minutes=30),
    )
    return SimpleNamespace(token=token, evse=evse, checkout=checkout, request=request)


def guest_verdict(evse: Evse) -> str:
    return authorization.judge_one("GUEST1", station_id=evse.station_id, evse_id=evse.pk, now=NOON).status


def test_a_guests_token_is_good_at_its_own_outlet_only(guest, station):
    beside = Evse.objects.create(station=station, number=2)
    elsewhere = Evse.objects.create(station=ChargingStation.objects.create(identity="OTHER"), number=1)
    assert guest_verdict(guest.evse) == "accepted"
    assert guest_verdict(beside) == "not_at_this_location"
    assert guest_verdict(elsewhere) == "not_at_this_location"


@pytest.mark.parametrize("state", ["failed", "done", "expired"])
def test_a_guests_token_ends_with_its_checkout(guest, state):
    GuestCheckout.objects.update(state=state)
    assert guest_verdict(guest.evse) == "invalid"


def test_a_guests_session_begins_at_the_charger(guest, says: Says):
    from stations.ocpp.messages import IdTokenRef

    reply = says.start(id_token=IdTokenRef("GUEST1", "Central"))
    assert reply.id_token_info.status == "accepted"
    guest.request.refresh_from_db()
    assert guest.request.session == ChargingSession.objects.get()
