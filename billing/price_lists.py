"""What charging costs at an outlet, told before a session: the tariff that holds there, in plain numbers.

Prices are listed in the order that AFIR asks for (Article 5(4)): per kWh, per minute, per session, other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing import rating
from billing.models import PriceComponent, Tariff, TariffElement
from billing.price_groups import ANYBODY, Driver
from billing.rating.quantities import us_from_datetime
from billing.rating.quotes import quote
from billing.spot.market import prices_between
from billing.tariff_selection import tariffs_at
from billing.tariffs.afir import legal_order
from billing.tariffs.wording import when_words
from chargeportal.common.money import round_half_up

_PRICE_DIGITS = 4
_MARKET_PERIOD = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """One price including VAT, and when it holds in words; ``when`` is empty when it always does.

    ``is_now`` where a price that follows the market is that of the moment, not the one without a market.
    """

    kind: str
    price: Decimal
    when: str
    for_reservation: bool = False
    follows_market: bool = False
    is_now: bool = False


@dataclass(frozen=True, slots=True)
class ListedDiscount:
    """What is taken off the price of a kWh, a percentage or an amount including VAT, and when."""

    name: str
    when: str
    percent: Decimal | None
    per_kwh: Decimal | None


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
    listed: tuple[ListedPrice, ...] = ()
    discounts: tuple[ListedDiscount, ...] = ()
    idle_grace_minutes: int = 0
    least: Decimal | None = None
    most: Decimal | None = None
    most_a_day: Decimal | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged for."""
        return not any(each.price or each.follows_market for each in self.listed) and not self.least


def price_lists(
    evse_ids: Iterable[int], *, at: dt.datetime, driver: Driver = ANYBODY
) -> dict[int, PriceList]:
    """The price list that holds for the driver at each outlet then; outlets without one are left out."""
    tariffs = tariffs_at(evse_ids, at=at, driver=driver)
    lists = {tariff.pk: price_list_of(tariff, at=at) for tariff in set(tariffs.values())}
    return {evse_id: lists[tariff.pk] for evse_id, tariff in tariffs.items()}


def price_list_of(tariff: Tariff, *, at: dt.datetime | None = None) -> PriceList:
    """The tariff's prices including VAT; ``varies`` when a dimension has more than one or is restricted.

    A price that follows the market is that of ``at``, the fallback when no time is given.
    """
    elements = list(tariff.elements.all())
    # of one kind the price that always holds comes first, then the exceptions
    listed = sorted(
        _listed(tariff, elements, at=at), key=lambda each: (legal_order(each.kind), bool(each.when))
    )
    in_session = [each for each in listed if not each.for_reservation]
    price = {each.kind: each.price for each in reversed(in_session)}
    kind = PriceComponent.Type
    return PriceList(
        tariff_id=tariff.pk,
        currency=tariff.currency,
        per_kwh=price.get(kind.ENERGY),
        per_charging_hour=price.get(kind.TIME),
        per_parking_hour=price.get(kind.PARKING_TIME),
        per_start=price.get(kind.FLAT),
        includes_vat=tariff.tax_included != Tariff.TaxIncluded.NOT_APPLICABLE,
        varies=any(element.restrictions for element in elements)
        or len(price) < len(in_session)
        or any(each.follows_market for each in listed)
        or bool(tariff.incentives.all()),
        listed=tuple(listed),
        discounts=tuple(_discounts(tariff)),
        idle_grace_minutes=tariff.idle_grace_minutes,
        least=_bound(tariff, tariff.min_price),
        most=_bound(tariff, tariff.max_price),
        most_a_day=tariff.day_cap,
    )


def _listed(
    tariff: Tariff, elements: Iterable[TariffElement], *, at: dt.datetime | None
) -> Iterator[ListedPrice]:
    dynamic = getattr(tariff, "dynamic_price", None)
    for element in elements:
        for component in element.price_components.all():
            follows = dynamic is not None and component.type == PriceComponent.Type.ENERGY
            yield ListedPrice(
                kind=component.type,
                price=_market(tariff, component, at=at) if follows else _incl_vat(tariff, component),
                when=when_words(element.restrictions),
                for_reservation=bool(element.restrictions.get("reservation")),
                follows_market=follows,
                is_now=follows and at is not None,
            )


def _incl_vat(tariff: Tariff, component: PriceComponent) -> Decimal:
    if tariff.tax_included == Tariff.TaxIncluded.NO and component.vat_percent:
        return component.price * (100 + component.vat_percent) / 100
    return component.price


def _market(tariff: Tariff, component: PriceComponent, *, at: dt.datetime | None) -> Decimal:
    """What a kWh costs at the time including VAT, by the engine's own rule for dynamic prices."""
    ocpi = tariff.as_ocpi()
    instant = at or tariff.updated_at
    known = []
    if at is not None:
        area = ocpi["x_dynamic"]["area"]
        known = prices_between(at, at + _MARKET_PERIOD, area=area, currency=tariff.currency)
    ocpi["x_dynamic"] = ocpi["x_dynamic"] | {"prices": [price.as_evidence() for price in known]}
    parsed = rating.parse_tariff(ocpi)
    if parsed.dynamic is None:
        return component.price
    vat = None if tariff.tax_included == Tariff.TaxIncluded.NOT_APPLICABLE else component.vat_percent
    found = quote(
        parsed.dynamic,
        at_us=us_from_datetime(instant),
        vat_rate=None if vat is None else Fraction(vat) / 100,
        tax_included=rating.TaxIncluded.YES,
    )
    return round_half_up(found.price, digits=_PRICE_DIGITS)


def _discounts(tariff: Tariff) -> Iterator[ListedDiscount]:
    for incentive in tariff.incentives.all():
        yield ListedDiscount(
            name=incentive.name,
            when=when_words(incentive.as_ocpi()["restrictions"]),
            percent=incentive.percent,
            per_kwh=incentive.per_kwh,
        )


def _bound(tariff: Tariff, bound: dict[str, Any] | None) -> Decimal | None:
    """The least or most a session costs including VAT; without VAT where the tariff has none."""
    names: tuple[str, ...] = ("after_taxes", "incl_vat")
    if tariff.tax_included == Tariff.TaxIncluded.NOT_APPLICABLE:
        names = (*names, "before_taxes", "excl_vat")
    found = [bound[name] for name in names if bound and bound.get(name) is not None]
    return Decimal(str(found[0])) if found else None
