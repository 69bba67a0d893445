"""Rows for the lists of payments and of the card processor's balance."""

import datetime as dt
from decimal import Decimal

from billing.models import (
    BalanceTransaction,
    BillingAccount,
    Dispute,
    Payment,
    Reconciliation,
    Refund,
    WebhookEvent,
)
from tests.billing.invoice_builders import company_account

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)


def add_payment(operator, user):
    count = Payment.objects.count()
    account = BillingAccount.objects.filter(operator=operator).first() or company_account(operator)
    payment = Payment.objects.create(
        operator=operator, account=account, purpose="invoice", currency="SEK", requested=Decimal(100),
        authorised=Decimal(100), captured=Decimal(100), state="succeeded",
        stripe_payment_intent=f"pi_{count}", idempotency_key=f"key {count}", settled_at=NOON,
    )  # fmt: skip
    Refund.objects.create(payment=payment, amount=Decimal(1), idempotency_key=f"refund {count}")
    return payment


def add_dispute(operator, user):
    payment = add_payment(operator, user)
    Dispute.objects.create(
        payment=payment, stripe_id=f"du_{payment.pk}", amount=Decimal(100), reason="fraudulent",
        status="needs_response", opened_at=NOON,
    )  # fmt: skip


def add_message(operator, user):
    count = WebhookEvent.objects.count()
    WebhookEvent.objects.create(
        stripe_id=f"evt_{count}", type="payout.paid", payload={}, created_at=NOON, received_at=NOON
    )


def add_movement(operator, user):
    count = BalanceTransaction.objects.count()
    BalanceTransaction.objects.create(
        stripe_id=f"txn_{count}", operator=operator, type="charge", amount=Decimal(100), fee=Decimal("3.30"),
        net=Decimal("96.70"), currency="SEK", created_at=NOON, available_at=NOON,
    )  # fmt: skip


def add_reconciliation(operator, user):
    day = NOON.date() + dt.timedelta(days=Reconciliation.objects.count())
    difference = {
        "kind": "missing_here", "what": "charge", "reference": "=cmd()", "payment": "", "ours": "",
        "theirs": "40.00",
    }  # fmt: skip
    return Reconciliation.objects.create(
        operator=operator, day=day, currency="SEK", ours=Decimal(60), theirs=Decimal(100), fees=Decimal(3),
        differences=[difference], checked_at=NOON,
    )  # fmt: skip


PAYMENT_LISTS = {
    "billing_payment": add_payment,
    "billing_dispute": add_dispute,
    "billing_webhookevent": add_message,
    "billing_balancetransaction": add_movement,
    "billing_reconciliation": add_reconciliation,
}
#: Those that only finance sees.
FINANCE_LISTS = set(PAYMENT_LISTS) - {"billing_payment"}
