"""Rows for the lists of wallets, subscriptions and guests."""

import datetime as dt
from decimal import Decimal

from django.utils import timezone

from billing.models import BillingAccount, GuestCheckout, Payment, Plan, Subscription, Wallet
from tests.factories import EvseFactory, LocationFactory, StationFactory, UserFactory


def _account(operator):
    driver = UserFactory()
    return BillingAccount.objects.create(operator=operator, user=driver, number=f"P{driver.pk}", name="Anna")


def add_wallet(operator, user):
    return Wallet.objects.create(account=_account(operator), balance=Decimal(10))


def add_plan(operator, user):
    return Plan.objects.create(
        operator=operator, name=f"Plan {Plan.objects.count()}", monthly_fee=Decimal(99)
    )


def add_subscription(operator, user):
    return Subscription.objects.create(
        account=_account(operator), plan=add_plan(operator, user), started_on=timezone.localdate()
    )


def add_guest(operator, user):
    count = GuestCheckout.objects.count()
    payment = Payment.objects.create(
        operator=operator, purpose="guest", currency="SEK", requested=500, idempotency_key=f"guest:{count}"
    )
    return GuestCheckout.objects.create(
        token=f"{count:040d}",
        evse=EvseFactory(station=StationFactory(location=LocationFactory(operator=operator))),
        payment=payment,
        expires_at=timezone.now() + dt.timedelta(hours=1),
    )


WALLET_LISTS = {
    "billing_wallet": add_wallet,
    "billing_plan": add_plan,
    "billing_subscription": add_subscription,
    "billing_guestcheckout": add_guest,
}
