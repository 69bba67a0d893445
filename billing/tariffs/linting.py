"""Finds what is wrong with a tariff before anybody pays by it: each finding with its line and the reason.

Works on the OCPI object and on a few facts about where the tariff is to hold; reads no database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.rating import InvalidTariff, parse_tariff, reading
from billing.rating.restrictions import Restrictions, read_restrictions
from billing.tariffs.bound_rates import bound_rate_findings
from billing.tariffs.currencies import CURRENCIES
from billing.tariffs.findings import Finding, Level, error, warning
from billing.tariffs.unreachable import reach_findings
from billing.tariffs.windows import always, days_within

_DIMENSIONS = ("ENERGY", "TIME", "PARKING_TIME", "FLAT")
_RESERVABLE = ("TIME", "FLAT")
#: Restriction fields in pairs, with the words for what they bound.
_PAIRS = (
    ("min_energy_wh", "max_energy_wh", gettext_noop("energy")),
    ("min_power_w", "max_power_w", gettext_noop("power")),
    ("min_current_a", "max_current_a", gettext_noop("current")),
    ("min_duration_s", "max_duration_s", gettext_noop("duration")),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tariff is to hold, as far as rules depend on it. ``max_power_kw`` is the strongest outlet's."""

    name: str
    time_zone: str
    max_power_kw: Decimal | None = None
    is_public: bool = True
    has_other_ad_hoc: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beside the tariff: the day it starts to hold, its type and its places."""

    today: dt.date
    is_ad_hoc: bool = False
    places: tuple[Place, ...] = ()


def lint(ocpi: Mapping[str, Any], *, facts: Facts) -> list[Finding]:
    """Everything found, errors first, in the order of the tariff."""
    elements = ocpi.get("elements")
    found = [*_whole(ocpi), *_bounds(ocpi), *bound_rate_findings(ocpi), *_zones(facts)]
    if not isinstance(elements, Sequence) or isinstance(elements, str) or not elements:
        found.append(error("no_prices", _("The tariff has no prices. Add at least one.")))
        return _sorted(found)
    readable: list[tuple[int, Restrictions, Mapping[str, Any]]] = []
    for index, element in enumerate(elements):
        restrictions, of_element = _element(element, index, ocpi=ocpi, facts=facts)
        found += of_element
        if restrictions is not None and not any(f.level is Level.ERROR for f in of_element):
            readable.append((index, restrictions, element))
    found += reach_findings(readable)
    found += _free_at_times([(restrictions, element) for _index, restrictions, element in readable])
    if not any(f.level is Level.ERROR for f in found):
        found += _unpriceable(ocpi)
    return _sorted(found)


def _sorted(found: Sequence[Finding]) -> list[Finding]:
    last = 10_000
    return sorted(
        found,
        key=lambda f: (
            f.level is not Level.ERROR,
            last if f.element is None else f.element,
            -1 if f.component is None else f.component,
        ),
    )


def _unpriceable(ocpi: Mapping[str, Any]) -> Iterator[Finding]:
    """What no rule here has a word for, and the engine would refuse all the same."""
    try:
        parse_tariff(ocpi)
    except InvalidTariff as refusal:
        yield error("cannot_be_priced", str(refusal))


def _whole(ocpi: Mapping[str, Any]) -> Iterator[Finding]:
    currency = ocpi.get("currency")
    if currency not in CURRENCIES:
        yield error(
            "unknown_currency",
            _("%(code)s is not a currency. Use a code of ISO 4217, such as SEK or EUR.") % {"code": currency},
        )
    grace = ocpi.get("x_idle_grace_s")
    if grace and not _has_price(ocpi, "PARKING_TIME"):
        yield warning(
            "grace_without_parking_fee",
            _("Free idle minutes change nothing: there is no parking price that would begin after them."),
        )
    if ocpi.get("x_dynamic") and not _has_price(ocpi, "ENERGY"):
        yield error(
            "dynamic_without_energy",
            _("The price follows the market, but no price group has an energy price that could. Add one."),
        )


def _has_price(ocpi: Mapping[str, Any], dimension: str) -> bool:
    return any(
        component.get("type") == dimension
        for element in ocpi.get("elements") or ()
        if isinstance(element, Mapping)
        for component in element.get("price_components") or ()
        if isinstance(component, Mapping)
    )


def _zones(facts: Facts) -> Iterator[Finding]:
    known = available_timezones()
    for place in facts.places:
        if place.time_zone not in known:
            yield error(
                "unknown_time_zone",
                _("%(place)s has the time zone “%(zone)s”, which does not exist. Mend the location first.")
                % {"place": place.name, "zone": place.time_zone},
            )


def _element(
    element: Any, index: int, *, ocpi: Mapping[str, Any], facts: Facts
) -> tuple[Restrictions | None, list[Finding]]:
    """The restrictions, None where they cannot be read, and what is wrong with the element by itself."""
    components = element.get("price_components") if isinstance(element, Mapping) else None
    if not isinstance(components, Sequence) or isinstance(components, str) or not components:
        return None, [error("no_prices", _("There is no price in this group. Add one or remove it."), index)]
    found: list[Finding] = []
    seen: set[str] = set()
    for number, component in enumerate(components):
        found += [replace(f, element=index, component=number) for f in _component(component, seen, ocpi=ocpi)]
    try:
        restrictions = read_restrictions(element.get("restrictions"), "restrictions")
    except InvalidTariff as refusal:
        field, _colon, reason = str(refusal).partition(": ")
        message = _("%(field)s: %(reason)s") % {
            "field": field.removeprefix("restrictions."),
            "reason": reason,
        }
        return None, [*found, error("bad_restriction", message, index)]
    found += [replace(f, element=index) for f in _never(restrictions, today=facts.today)]
    if restrictions.reservation is not None:
        found += _reservation(components, index)
    return restrictions, found


def _free_at_times(elements: Sequence[tuple[Restrictions, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Where energy has a price at some hours of the week only."""
    priced = [
        restrictions
        for restrictions, element in elements
        if restrictions.reservation is None
        and any(component["type"] == "ENERGY" for component in element["price_components"])
    ]
    if priced and always(priced) is False:
        yield warning(
            "free_at_times",
            _("At hours for which there is no energy price, energy is free. Add a group without hours."),
        )


def _component(component: Any, seen: set[str], *, ocpi: Mapping[str, Any]) -> Iterator[Finding]:
    kind = component.get("type") if isinstance(component, Mapping) else None
    if kind not in _DIMENSIONS:
        yield error("unknown_type", _("%(type)s is not a kind of price.") % {"type": kind})
        return
    if kind in seen:
        yield error(
            "type_twice",
            _("There are two prices of the kind %(type)s; only the first would count.") % {"type": kind},
        )
    seen.add(kind)
    yield from _price(component)
    if kind != "FLAT" and not _number(component.get("step_size")):
        yield warning("step_zero", _("The step is 0, which bills exactly. Write 1 if that is what you mean."))
    if component.get("vat") is None and ocpi.get("tax_included") != "N/A":
        yield warning("vat_missing", _("No VAT rate is given, so no VAT is charged on this price."))


def _price(component: Mapping[str, Any]) -> Iterator[Finding]:
    price = _number(component.get("price"))
    if price is None:
        yield error("bad_price", _("The price is not a number."))
    elif price < 0:
        yield error("negative_price", _("The price is negative. Nobody is paid for charging by a tariff."))


def _never(restrictions: Restrictions, *, today: dt.date) -> Iterator[Finding]:
    """Why the element would never hold."""
    r = restrictions
    if r.start_time is not None and r.start_time == r.end_time:
        yield error(
            "empty_hours",
            _("The hours begin and end at the same time. Leave both empty for the whole day."),
        )
    if r.start_date is not None and r.end_date is not None and r.start_date >= r.end_date:
        yield error("empty_dates", _("The last date lies before the first, so this can never hold."))
    elif not days_within(r):
        yield error(
            "empty_dates", _("None of the weekdays lies between the two dates, so this can never hold.")
        )
    if r.end_date is not None and r.end_date <= today:
        yield error("past_dates", _("The dates have passed, so this can never hold."))
    for low_name, high_name, what in _PAIRS:
        low, high = getattr(r, low_name), getattr(r, high_name)
        if high is not None and high <= (low or 0):
            yield error(
                "empty_bounds",
                _("The lowest %(what)s is not below the highest, so this can never hold.")
                % {"what": _(what)},
            )


def _reservation(components: Sequence[Any], index: int) -> Iterator[Finding]:
    for number, component in enumerate(components):
        if isinstance(component, Mapping) and component.get("type") in set(_DIMENSIONS) - set(_RESERVABLE):
            yield error(
                "never_while_reserved",
                _("A reservation has no energy and no parking; this price can never hold."),
                index,
                number,
            )


def _bounds(ocpi: Mapping[str, Any]) -> Iterator[Finding]:
    limits: dict[str, dict[str, Decimal | None]] = {}
    for name, words in (("min_price", _("lowest price")), ("max_price", _("highest price"))):
        if ocpi.get(name) is None:
            continue
        try:
            source = reading.mapping(ocpi[name], name)
            sides = {
                "excl": _side(source, "before_taxes", "excl_vat"),
                "incl": _side(source, "after_taxes", "incl_vat"),
            }
        except InvalidTariff as refusal:
            yield error("bad_bound", str(refusal))
            continue
        limits[name] = sides
        yield from _one_bound(sides, words, untaxed=ocpi.get("tax_included") == "N/A")
    for side, words in (("excl", _("without VAT")), ("incl", _("including VAT"))):
        low = limits.get("min_price", {}).get(side)
        high = limits.get("max_price", {}).get(side)
        if low is not None and high is not None and low > high:
            yield error(
                "bounds_crossed", _("The lowest price %(side)s is above the highest price.") % {"side": words}
            )


def _one_bound(sides: Mapping[str, Decimal | None], words: str, *, untaxed: bool) -> Iterator[Finding]:
    excl, incl = sides["excl"], sides["incl"]
    if excl is None and incl is None:
        yield error("bad_bound", _("The %(bound)s has no amount.") % {"bound": words})
    elif excl is not None and incl is not None and excl > incl:
        yield error("bad_bound", _("The %(bound)s is higher without VAT than with it.") % {"bound": words})
    elif not untaxed and (excl is None or incl is None):
        yield error(
            "bound_one_sided",
            _("The %(bound)s is given on one side of the VAT only; the other side is not held to it.")
            % {"bound": words},
        )


def _side(source: Mapping[str, Any], *names: str) -> Decimal | None:
    values = [source[name] for name in names if source.get(name) is not None]
    return reading.non_negative(values[0], names[0]) if values else None


def _number(value: Any) -> Decimal | None:
    try:
        return reading.number(value, "")
    except InvalidTariff:
        return None
