"""Subscriptions on offer in the demo."""

from decimal import Decimal

from accounts.models import Organisation
from billing.models import Plan


def seed_plans(operator: Organisation) -> None:
    """A small plan with energy included, and a large one with cheaper charging."""
    Plan.objects.create(
        operator=operator,
        name="Vardag",
        description="För den som laddar borta ibland.",
        monthly_fee=Decimal(99),
        included_kwh=Decimal(20),
    )
    Plan.objects.create(
        operator=operator,
        name="Långfärd",
        description="För den som laddar ofta.",
        monthly_fee=Decimal(249),
        included_kwh=Decimal(30),
        discount_percent=Decimal(20),
    )
