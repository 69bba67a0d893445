"""What Regulation (EU) 2023/1804 (AFIR) asks of prices for charging without a contract.

Article 5(4): at publicly accessible points of 50 kW or more the ad-hoc price is a price per kWh, and
beside it there may only be an occupancy fee per minute. Below 50 kW the components are shown in the order
price per kWh, price per minute, price per session, any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing.tariffs.findings import Finding, Level, error, warning
from billing.tariffs.linting import Facts, Place

FAST_KW = Decimal(50)

_LEGAL_ORDER = {"ENERGY": 0, "TIME": 1, "PARKING_TIME": 2, "FLAT": 3}
_OTHER = 4


def legal_order(kind: str) -> int:
    """Where a component stands in the list of prices: per kWh, per minute, per session, other."""
    return _LEGAL_ORDER.get(kind, _OTHER)


def afir_findings(ocpi: Mapping[str, Any], *, facts: Facts) -> list[Finding]:
    """What the law refuses at the places where the tariff is to hold for guests.

    A tariff for people with an account is only warned about, and only where guests would pay it too.
    """
    fast = [place for place in facts.places if _is_fast(place)]
    if not facts.is_ad_hoc:
        fast = [place for place in fast if not place.has_other_ad_hoc]
    if not fast:
        return []
    level = Level.ERROR if facts.is_ad_hoc else Level.WARNING
    return [_at(level, code, words, fast, *where) for code, words, where in _breaches(ocpi)]


def _is_fast(place: Place) -> bool:
    return place.is_public and place.max_power_kw is not None and place.max_power_kw >= FAST_KW


def _at(level: Level, code: str, words: str, fast: Sequence[Place], *where: int) -> Finding:
    say = error if level is Level.ERROR else warning
    names = ", ".join(place.name for place in fast[:3])
    more = len(fast) - 3
    if more > 0:
        names = _("%(names)s and %(number)d more") % {"names": names, "number": more}
    rule = _(
        "At 50 kW and more a guest pays per kWh, and beside that at most a fee per minute for occupying the"
        " place (AFIR, Regulation (EU) 2023/1804, Article 5(4)). It would hold at %(places)s."
    ) % {"places": names}
    if level is Level.WARNING:
        rule = f"{rule} {_('Guests pay this tariff there, because no ad-hoc tariff holds.')}"
    return say(code, f"{words} {rule}", *where)


def _breaches(ocpi: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Code, plain words and line of everything that is not allowed."""
    if ocpi.get("min_price") is not None:
        yield "afir_min_price", _("A lowest price is not allowed."), ()
    per_kwh = False
    for index, element in enumerate(ocpi.get("elements") or ()):
        for number, component in enumerate(element.get("price_components") or ()):
            kind = component.get("type")
            per_kwh = per_kwh or kind == "ENERGY"
            if _is_free(component):
                continue
            words = _refusal(kind, element.get("restrictions") or {})
            if words is not None:
                yield f"afir_{kind.lower()}", words, (index, number)
    if not per_kwh and not _all_free(ocpi):
        yield "afir_no_energy", _("There is no price per kWh."), ()


def _refusal(kind: str, restrictions: Mapping[str, Any]) -> str | None:
    if restrictions.get("reservation"):
        return None if kind in ("TIME", "FLAT") else _("This price can never hold.")
    if kind == "FLAT":
        return _("A start fee is not allowed.")
    if kind == "TIME" and not _is_occupancy(restrictions):
        return _(
            "A price for the charging time is not allowed; a fee for a long stay is, when it begins after a"
            " while (fill in “From minute”)."
        )
    return None


def _is_occupancy(restrictions: Mapping[str, Any]) -> bool:
    return bool(Decimal(str(restrictions.get("min_duration") or 0)))


def _is_free(component: Mapping[str, Any]) -> bool:
    return Decimal(str(component.get("price") or 0)) == 0


def _all_free(ocpi: Mapping[str, Any]) -> bool:
    components: Iterable[Mapping[str, Any]] = (
        component
        for element in ocpi.get("elements") or ()
        for component in element.get("price_components") or ()
    )
    return all(_is_free(component) for component in components)
