"""Two clicks, two tabs, the message and the return, two workers: one hold, one start, one charge."""

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from billing import cdrs
from billing.models import BillingAccount, GuestCheckout, Invoice, Payment, Wallet, WalletEntry
from billing.payments import guest, wallets
from sessions.models import ChargingSession, StartRequest
from stations.models import Evse, StationCommand
from tests.billing.stripe_fixture import Stripe, stripe_fake
from tests.billing.test_guest_checkout import evse
from tests.factories import UserFactory

__all__ = ["evse", "stripe_fake"]
pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 10


def all_at_once(act: Callable[[], object]) -> list[object]:
    """What each of many threads got or raised, all of them let go at the same moment."""
    gate = threading.Barrier(AT_ONCE)

    def one(_number: int) -> object:
        gate.wait(timeout=60)
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def test_a_guest_is_paid_started_and_charged_once(evse: Evse, stripe_fake: Stripe) -> None:
    token = guest.new_token()
    found = all_at_once(
        lambda: guest.open_checkout(evse, token=token, email="", language="en", now=timezone.now()).pk
    )
    checkout = GuestCheckout.objects.get()
    assert set(found) == {checkout.pk}
    stripe_fake.pay(guest.payment_page(checkout, success_url="http://a.test/", cancel_url="http://a.test/"))

    all_at_once(lambda: guest.advance(checkout.pk, now=timezone.now()))
    request = StartRequest.objects.get()
    assert StationCommand.objects.count() == 1

    session = ChargingSession.objects.create(
        station=evse.station, evse=evse, connector_number=1, transaction_ref="77", ocpp_version="1.6",
        id_token=request.id_token, id_token_uid=request.id_token.uid, authorization_status="accepted",
        started_at=timezone.now() - dt.timedelta(minutes=30), start_received_at=timezone.now(),
        ended_at=timezone.now() - dt.timedelta(minutes=10), state="ended", meter_start_wh=0,
        meter_stop_wh=10_000, energy_wh=10_000,
    )  # fmt: skip
    StartRequest.objects.update(state="started", session=session)
    assert cdrs.rate_session(session.pk, now=timezone.now()) is not None
    outcomes = all_at_once(lambda: guest.advance(checkout.pk, now=timezone.now()).state)
    assert "done" in outcomes
    payment, receipt = Payment.objects.get(), Invoice.objects.get()
    assert (payment.state, payment.captured, payment.authorised) == ("succeeded", 60, 500)
    assert [(s.kind, s.amount) for s in receipt.settlements.all()] == [("payment", 60)]
    assert stripe_fake.store.objects[payment.stripe_payment_intent]["amount_received"] == 6000


def test_a_wallet_is_never_overdrawn_by_many_at_once(evse: Evse) -> None:
    account = BillingAccount.objects.create(
        operator=evse.station.location.operator, user=UserFactory(), number="P1", name="Anna"
    )
    wallet = Wallet.objects.create(account=account, balance=0)
    by = UserFactory()
    wallets.adjust(wallet, amount=30, text="gift", by=by, now=timezone.now())
    outcomes = all_at_once(
        lambda: wallets.adjust(wallet, amount=-10, text="out", by=by, now=timezone.now()).balance_after
    )
    wallet.refresh_from_db()
    assert sum(isinstance(outcome, wallets.NotThisAmount) for outcome in outcomes) == AT_ONCE - 3
    assert (wallet.balance, WalletEntry.objects.count()) == (0, 4)
