"""The accounts as Stripe knows them."""

from django.db import IntegrityError, transaction

from billing.models import BillingAccount, StripeCustomer
from billing.payments import stripe_api


def stripe_customer(account: BillingAccount) -> str:
    """The account's customer id at Stripe, made now unless it was there; raises PaymentsError.

    The idempotency key is the account's, so that after a crash the same customer is found again.
    """
    known = StripeCustomer.objects.filter(account=account).first()
    if known is not None:
        return known.stripe_id
    stripe_id = stripe_api.create_customer(
        name=account.name,
        email=account.email,
        metadata={"account": str(account.public_id), "number": account.number},
        key=f"customer:{account.public_id}",
    )
    try:
        with transaction.atomic():
            StripeCustomer.objects.create(account=account, stripe_id=stripe_id)
    except IntegrityError:  # somebody was faster
        return StripeCustomer.objects.get(account=account).stripe_id
    return stripe_id


def account_of(customer_id: str) -> BillingAccount | None:
    """The account that Stripe knows under that id."""
    known = StripeCustomer.objects.select_related("account").filter(stripe_id=customer_id).first()
    return known.account if known else None
