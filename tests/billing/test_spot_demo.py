"""The demo shows a tariff that follows the market."""

import pytest
from django.core.management import call_command
from django.utils import timezone

from billing.models import Cdr, SpotPrice, Tariff
from billing.spot.chart import charts
from billing.spot.fetching import is_complete
from sessions.models import ChargingSession


@pytest.mark.django_db
@pytest.mark.usefixtures("_handlers")
def test_the_demo_has_prices_of_today_and_tomorrow_and_a_tariff_that_follows_them():
    call_command("seed_demo", verbosity=0)
    tariff = Tariff.objects.get(dynamic_price__isnull=False)
    assert tariff.published_at is not None
    assert is_complete(timezone.localdate(), area=tariff.dynamic_price.area)
    assert [chart.area for chart in charts(now=timezone.now())] == ["SE1", "SE2", "SE3", "SE4"]
    assert (
        Cdr.objects.current().count() == ChargingSession.objects.filter(held_reason="", state="ended").count()
    )
    assert SpotPrice.objects.filter(price_per_kwh__gt=5).count() == 0
