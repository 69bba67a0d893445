"""Tariffs as the rating engine knows them: the OCPI structure, parsed once into exact numbers.

`parse_tariff` takes an OCPI Tariff object of 2.2.1 or 2.3.0 (a dict as `json.loads` gives it). What it
accepts it can price; anything it does not know, such as a restriction of a later OCPI version, is refused
rather than priced as if it were absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

from billing.rating import reading
from billing.rating.reading import InvalidTariff, at


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


class ReservationRestriction(StrEnum):
    """The kind of reservation cost an element is for."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """One price: per kWh, per hour or once. `vat_rate` is a fraction (0.25), None where no VAT applies."""

    dimension: Dimension
    price: Decimal
    vat_rate: Decimal | None
    step_size: int


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element is active. All given fields must match; minima include, maxima exclude their value.

    Times and dates are the wall clock of the location. `weekdays` holds Monday as 0; empty means all.
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    weekdays: frozenset[int] = frozenset()
    min_energy_wh: Decimal | None = None
    max_energy_wh: Decimal | None = None
    min_current_a: Decimal | None = None
    max_current_a: Decimal | None = None
    min_power_w: Decimal | None = None
    max_power_w: Decimal | None = None
    min_duration_s: Decimal | None = None
    max_duration_s: Decimal | None = None
    reservation: ReservationRestriction | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) not in (None, frozenset()) for field in fields(self))


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
    """A parsed tariff. Two tariffs are the same only if they are the same object; parse once, rate often."""

    id: str
    currency: str
    country_code: str
    tax_included: TaxIncluded
    elements: tuple[TariffElement, ...]
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None


_RESTRICTION_READERS = {
    "start_time": ("start_time", reading.time_of_day),
    "end_time": ("end_time", reading.time_of_day),
    "start_date": ("start_date", reading.date_value),
    "end_date": ("end_date", reading.date_value),
    "day_of_week": ("weekdays", reading.weekdays),
    "min_kwh": ("min_energy_wh", reading.thousands),
    "max_kwh": ("max_energy_wh", reading.thousands),
    "min_current": ("min_current_a", reading.non_negative),
    "max_current": ("max_current_a", reading.non_negative),
    "min_power": ("min_power_w", reading.thousands),
    "max_power": ("max_power_w", reading.thousands),
    "min_duration": ("min_duration_s", reading.non_negative),
    "max_duration": ("max_duration_s", reading.non_negative),
    "reservation": ("reservation", reading.choice(ReservationRestriction)),
}


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
    )


def _element(source: Any, path: str) -> TariffElement:
    element = reading.mapping(source, path)
    components = reading.sequence(element.get("price_components"), f"{path}.price_components")
    return TariffElement(
        components=tuple(
            _component(component, at(f"{path}.price_components", index))
            for index, component in enumerate(components)
        ),
        restrictions=_restrictions(element.get("restrictions"), f"{path}.restrictions"),
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


def _restrictions(source: Any, path: str) -> Restrictions:
    values: dict[str, Any] = {}
    for name, value in reading.mapping(source or {}, path).items():
        if value is None:
            continue
        if name not in _RESTRICTION_READERS:
            raise InvalidTariff(f"{path}.{name}: an unknown restriction cannot be priced")
        field, read = _RESTRICTION_READERS[name]
        values[field] = read(value, f"{path}.{name}")
    return Restrictions(**values)


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
