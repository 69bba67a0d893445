"""Day-ahead prices of the past fortnight and of tomorrow, and a tariff that follows them in Umeå."""

import datetime as dt
import math
import random
from decimal import Decimal

from accounts.models import Organisation
from billing.models import (
    BiddingArea,
    DynamicPrice,
    OffPeakIncentive,
    PriceComponent,
    SpotPrice,
    Tariff,
    TariffAssignment,
    TariffElement,
)
from billing.spot.fetching import market_day
from stations.models import Location

QUARTER = dt.timedelta(minutes=15)
DAYS_BACK = 14
#: Kronor per kWh around which an area's prices swing; the south is dearer.
_LEVELS = {BiddingArea.SE1: 0.28, BiddingArea.SE2: 0.30, BiddingArea.SE3: 0.55, BiddingArea.SE4: 0.72}


def seed_spot_prices(*, now: dt.datetime) -> None:
    """Every quarter of an hour of these days has a believable price in each area."""
    chance = random.Random(11)  # noqa: S311  (a demo, no secret)
    today = now.astimezone(dt.UTC).date()
    prices = []
    for days in range(-DAYS_BACK, 2):
        start, end = market_day(today + dt.timedelta(days=days))
        weather = chance.uniform(0.6, 1.4)
        for number in range(round((end - start) / QUARTER)):
            at = start + number * QUARTER
            shape = _shape(number / 4) * weather
            prices += [_price(area, at, level * shape, now=now) for area, level in _LEVELS.items()]
    SpotPrice.objects.bulk_create(prices)


def seed_dynamic_tariff(operator: Organisation, *, since: dt.datetime) -> None:
    """A tariff that follows the market, with a floor and a cap and a discount at night."""
    tariff = Tariff.objects.create(operator=operator, name="Rörligt pris", idle_grace_minutes=15)
    element = TariffElement.objects.create(tariff=tariff, position=1)
    for kind, price in (("ENERGY", "4.95"), ("PARKING_TIME", "30.00")):
        PriceComponent.objects.create(element=element, type=kind, price=Decimal(price))
    DynamicPrice.objects.create(
        tariff=tariff,
        area=BiddingArea.SE2,
        add_percent=Decimal(5),
        add_per_kwh=Decimal("1.60"),
        floor_per_kwh=Decimal("1.20"),
        cap_per_kwh=Decimal("6.00"),
        fallback_per_kwh=Decimal("3.96"),
    )
    OffPeakIncentive.objects.create(
        tariff=tariff, name="Nattrabatt", start_time=dt.time(23), end_time=dt.time(5), percent=Decimal(10)
    )
    tariff.published_at = since
    tariff.save(update_fields=["published_at"])
    umea = Location.objects.get(operator=operator, city="Umeå")
    TariffAssignment.objects.create(tariff=tariff, location=umea, valid_from=since)


def _shape(hour: float) -> float:
    """Low at night and around noon, peaks in the morning and the evening."""
    peaks = math.exp(-(((hour - 8) / 1.8) ** 2)) + 1.3 * math.exp(-(((hour - 18.5) / 2.2) ** 2))
    return 0.55 + peaks - 0.7 * math.exp(-(((hour - 13) / 2) ** 2))


def _price(area: str, at: dt.datetime, per_kwh: float, *, now: dt.datetime) -> SpotPrice:
    return SpotPrice(
        area=area,
        starts_at=at,
        ends_at=at + QUARTER,
        price_per_kwh=Decimal(str(round(per_kwh, 5))),
        source="demo",
        imported_at=now,
    )
