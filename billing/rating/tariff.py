"""Tariffs as the rating engine knows them: the OCPI structure, parsed once into exact numbers.

`parse_tariff` takes an OCPI Tariff object of 2.2.1 or 2.3.0 (a dict as `json.loads` gives it). What it
accepts it can price; anything it does not know, such as a restriction of a later OCPI version, is refused
rather than priced as if it were absent. Keys that begin with `x_` are ours (`billing.rating.extensions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from billing.rating import reading
from billing.rating.extensions import (
    DayCap,
    DynamicPrice,
    Incentive,
    read_day_cap,
    read_dynamic,
    read_incentives,
)
from billing.rating.reading import at
from billing.rating.restrictions import Restrictions, read_restrictions


class Dimension(StrEnum):
    """What a price component counts."""

    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    FLAT = "FLAT"


class TaxIncluded(StrEnum):
    """Whether the prices of a tariff contain the tax (OCPI 2.3.0); 2.2.1 knows only NO."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """One price: per kWh, per hour or once. `vat_rate` is a fraction (0.25), None where no VAT applies."""

    dimension: Dimension
    price: Decimal
    vat_rate: Decimal | None
    step_size: int


@dataclass(frozen=True, slots=True)
class TariffElement:
    """Price components that are active together, while the restrictions match."""

    components: tuple[PriceComponent, ...]
    restrictions: Restrictions


@dataclass(frozen=True, slots=True)
class PriceLimit:
    """A lower or upper bound for the whole session; None leaves that side unbounded."""

    excl: Decimal | None
    incl: Decimal | None


@dataclass(frozen=True, eq=False)
class Tariff:
    """A parsed tariff. Two tariffs are the same only if they are the same object; parse once, rate often.

    The last four fields are ours and not OCPI's: see `billing.rating.extensions`.
    """

    id: str
    currency: str
    country_code: str
    tax_included: TaxIncluded
    elements: tuple[TariffElement, ...]
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    idle_grace_s: Decimal = Decimal(0)
    dynamic: DynamicPrice | None = None
    incentives: tuple[Incentive, ...] = ()
    day_cap: DayCap | None = None


def parse_tariff(ocpi: Mapping[str, Any]) -> Tariff:
    """Return the tariff with exact numbers; raise InvalidTariff naming the field that cannot be priced."""
    source = reading.mapping(ocpi, "tariff")
    elements = reading.sequence(source.get("elements"), "elements")
    return Tariff(
        id=str(source.get("id") or ""),
        currency=reading.currency(source.get("currency"), "currency"),
        country_code=str(source.get("country_code") or "").upper(),
        tax_included=reading.choice(TaxIncluded)(source.get("tax_included") or "NO", "tax_included"),
        elements=tuple(_element(element, at("elements", index)) for index, element in enumerate(elements)),
        min_price=_limit(source.get("min_price"), "min_price"),
        max_price=_limit(source.get("max_price"), "max_price"),
        idle_grace_s=reading.non_negative(source.get("x_idle_grace_s") or 0, "x_idle_grace_s"),
        dynamic=read_dynamic(source.get("x_dynamic"), "x_dynamic"),
        incentives=read_incentives(source.get("x_incentives"), "x_incentives"),
        day_cap=read_day_cap(source.get("x_day_cap"), "x_day_cap"),
    )


def _element(source: Any, path: str) -> TariffElement:
    element = reading.mapping(source, path)
    components = reading.sequence(element.get("price_components"), f"{path}.price_components")
    return TariffElement(
        components=tuple(
            _component(component, at(f"{path}.price_components", index))
            for index, component in enumerate(components)
        ),
        restrictions=read_restrictions(element.get("restrictions"), f"{path}.restrictions"),
    )


def _component(source: Any, path: str) -> PriceComponent:
    component = reading.mapping(source, path)
    vat_percent = component.get("vat")
    return PriceComponent(
        dimension=reading.choice(Dimension)(component.get("type"), f"{path}.type"),
        price=reading.non_negative(component.get("price"), f"{path}.price"),
        vat_rate=None if vat_percent is None else reading.percent(vat_percent, f"{path}.vat"),
        step_size=reading.whole(component.get("step_size") or 0, f"{path}.step_size"),
    )


def _limit(source: Any, path: str) -> PriceLimit | None:
    """Read a PriceLimit of 2.3.0 (before_taxes, after_taxes) or a Price of 2.2.1 (excl_vat, incl_vat)."""
    if source is None:
        return None
    limit = reading.mapping(source, path)
    return PriceLimit(
        excl=_first_of(limit, ("before_taxes", "excl_vat"), path),
        incl=_first_of(limit, ("after_taxes", "incl_vat"), path),
    )


def _first_of(source: Mapping[str, Any], names: tuple[str, ...], path: str) -> Decimal | None:
    for name in names:
        if source.get(name) is not None:
            return reading.non_negative(source[name], f"{path}.{name}")
    return None
