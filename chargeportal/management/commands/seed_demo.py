"""``manage.py seed_demo``: the demo network, once."""

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from accounts.models import Organisation
from chargeportal.demo import billing, history, network, people, plans, spot


class Command(BaseCommand):
    help = "Seed the demo network, people, prices, sessions and invoices; does nothing the second time."

    def handle(self, *args: Any, **options: Any) -> None:
        """The demo is in the database, whole or not at all."""
        if Organisation.objects.filter(name=network.OPERATOR_NAME).exists():
            self.stdout.write("The demo is there already.")
            return
        now = timezone.now()
        with transaction.atomic():
            operator = network.seed_operator()
            people.seed_people(operator)
            network.seed_stations(network.seed_locations(operator))
            network.seed_tariffs(operator, since=now - dt.timedelta(days=120))
            spot.seed_spot_prices(now=now)
            spot.seed_dynamic_tariff(operator, since=now - dt.timedelta(days=120))
            billing.seed_customers(operator)
            plans.seed_plans(operator)
            billing.seed_past_months(now=now)
            history.seed_history(now=now)
            billing.seed_invoices(operator, now=now)
        self.stdout.write("The demo is seeded.")
