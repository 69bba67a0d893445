"""Accounts that pay by card, and what has been asked of the card."""

from decimal import Decimal
from typing import Any

from accounts.models import Organisation
from billing.invoicing.receipts import issue_receipt
from billing.models import BillingAccount, Card, Invoice, Payment, StripeCustomer
from billing.payments import charging, outcomes, stripe_api
from chargeportal.common.money import Money
from tests.billing.invoice_builders import NOW, cdr_of, operator_that_issues, person_account
from tests.billing.stripe_fixture import GOOD, Stripe


def card_account(
    stripe: Stripe, number: str = GOOD, *, operator: Organisation | None = None, **facts: Any
) -> BillingAccount:
    """A person who pays by card after each session, with a saved card."""
    operator = operator or operator_that_issues()
    account = person_account(operator, collection=BillingAccount.Collection.CARD, **facts)
    customer, method = stripe.customer_with_card(number)
    StripeCustomer.objects.create(account=account, stripe_id=customer)
    Card.objects.create(account=account, stripe_id=method, last4=number[-4:], brand="visa", is_default=True)
    return account


def receipt_for(account: BillingAccount, gross: str = "61.11") -> Invoice:
    """A receipt of that much, open."""
    receipt = issue_receipt(cdr_of(account, gross=gross), now=NOW)
    assert receipt is not None
    return receipt


def paid(stripe: Stripe, gross: str = "61.11", **facts: Any) -> Payment:
    """A payment of that much by card, that paid a receipt."""
    account = card_account(stripe, **facts)
    return charging.charge_invoice(receipt_for(account, gross), now=NOW, attempt_key="first")


def held(stripe: Stripe, amount: str = "200.00", *, invoice: Invoice | None = None) -> Payment:
    """An amount reserved on a saved card for a document."""
    account = invoice.account if invoice else card_account(stripe)
    assert account is not None
    card = Card.objects.get(account=account)
    payment = Payment.objects.create(
        operator=account.operator,
        account=account,
        purpose=Payment.Purpose.SESSION,
        invoice=invoice,
        card=card,
        currency="SEK",
        requested=Decimal(amount),
        idempotency_key=f"hold:{Payment.objects.count()}",
    )
    intent = stripe_api.charge_card(
        Money(Decimal(amount), "SEK"),
        customer=account.stripe_customer.stripe_id,
        card=card.stripe_id,
        text="Charging",
        payment=str(payment.public_id),
        key=payment.idempotency_key,
        hold=True,
    )
    applied = outcomes.apply_intent(intent, now=NOW)
    assert applied is not None
    return applied
