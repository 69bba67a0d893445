"""What charging costs at an outlet, told before a session: the tariff that holds there, in plain numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from billing.models import PriceComponent, Tariff
from billing.tariff_selection import tariffs_at


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices including VAT; None where that is not charged for. Times are priced per hour."""

    tariff_id: int
    currency: str
    per_kwh: Decimal | None
    per_charging_hour: Decimal | None
    per_parking_hour: Decimal | None
    per_start: Decimal | None
    includes_vat: bool
    varies: bool

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged for."""
        return not any((self.per_kwh, self.per_charging_hour, self.per_parking_hour, self.per_start))


def price_lists(evse_ids: Iterable[int], *, at: dt.datetime) -> dict[int, PriceList]:
    """The price list that holds at each outlet at that time; outlets without one are left out."""
    return {evse_id: price_list_of(tariff) for evse_id, tariff in tariffs_at(evse_ids, at=at).items()}


def price_list_of(tariff: Tariff) -> PriceList:
    """The tariff's prices including VAT; ``varies`` when a dimension has more than one or is restricted."""
    components: dict[str, list[PriceComponent]] = {}
    restricted = False
    for element in tariff.elements.all():
        restricted = restricted or bool(element.restrictions)
        for component in element.price_components.all():
            components.setdefault(component.type, []).append(component)
    price = {kind: _price_incl_vat(tariff, listed[-1]) for kind, listed in components.items()}
    kind = PriceComponent.Type
    return PriceList(
        tariff_id=tariff.pk,
        currency=tariff.currency,
        per_kwh=price.get(kind.ENERGY),
        per_charging_hour=price.get(kind.TIME),
        per_parking_hour=price.get(kind.PARKING_TIME),
        per_start=price.get(kind.FLAT),
        includes_vat=tariff.tax_included != Tariff.TaxIncluded.NOT_APPLICABLE,
        varies=restricted or any(len(listed) > 1 for listed in components.values()),
    )


def _price_incl_vat(tariff: Tariff, component: PriceComponent) -> Decimal:
    if tariff.tax_included == Tariff.TaxIncluded.NO and component.vat_percent:
        return component.price * (100 + component.vat_percent) / 100
    return component.price
