"""Sessions as stations tell them, and tariffs to price them by."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest

from billing.models import PriceComponent, Tariff, TariffAssignment, TariffElement
from stations.models import ChargingStation
from tests.billing.stripe_fixture import stripe_fake
from tests.sessions.conftest import NOON, _handlers, card, driver, says, says_201, station

__all__ = ["_handlers", "card", "driver", "make_tariff", "says", "says_201", "station", "stripe_fake"]

MakeTariff = Callable[..., Tariff]


@pytest.fixture
def make_tariff(station: ChargingStation) -> MakeTariff:
    """A tariff of the station's operator; without a place it holds everywhere."""

    def make(
        name: str = "Everyday", *, vat: str | None = "25", place: dict | None = None, **prices: str
    ) -> Tariff:
        tax_included = prices.pop("tax_included", "YES")
        tariff = Tariff.objects.create(
            operator=station.location.operator, name=name, tax_included=tax_included
        )
        element = TariffElement.objects.create(tariff=tariff)
        for kind, price in prices.items():
            PriceComponent.objects.create(
                element=element,
                type=kind,
                price=Decimal(price),
                vat_percent=None if vat is None else Decimal(vat),
            )
        TariffAssignment.objects.create(
            tariff=tariff, valid_from=NOON - dt.timedelta(days=1), **(place or {})
        )
        return tariff

    return make
