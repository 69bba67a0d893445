"""Prices that an earlier price of the same kind hides, wholly or in part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from django.utils.translation import gettext as _

from billing.rating.restrictions import Restrictions
from billing.tariffs.findings import Finding, error, warning
from billing.tariffs.windows import Window, covers, differing, overlap, window


@dataclass(frozen=True, slots=True)
class _Priced:
    """One component in its place, with when it holds."""

    element: int
    component: int
    kind: str
    use: Any
    window: Window


def reach_findings(elements: Iterable[tuple[int, Restrictions, Mapping[str, Any]]]) -> list[Finding]:
    """What is never reached, and where two prices claim the same time; elements come with their index."""
    priced = list(_priced(elements))
    found: list[Finding] = []
    hidden: set[tuple[int, int]] = set()
    for first, second in combinations(priced, 2):
        if (first.kind, first.use) != (second.kind, second.use) or first.element == second.element:
            continue
        place = (second.element, second.component)
        if place in hidden:
            continue
        finding = _between(first, second)
        if finding is not None:
            found.append(finding)
            hidden.add(place)
    return found


def _priced(elements: Iterable[tuple[int, Restrictions, Mapping[str, Any]]]) -> Iterator[_Priced]:
    for index, restrictions, element in elements:
        when = window(restrictions)
        for number, component in enumerate(element["price_components"]):
            yield _Priced(index, number, component["type"], restrictions.reservation, when)


def _between(first: _Priced, second: _Priced) -> Finding | None:
    number = {"number": first.element + 1}
    if covers(first.window, second.window):
        return error(
            "unreachable",
            _(
                "This price is never reached: group %(number)d has one of the same kind and holds whenever"
                " this would."
            )
            % number,
            second.element,
            second.component,
        )
    if covers(second.window, first.window) or not overlap(first.window, second.window):
        return None
    if len(differing(first.window, second.window)) == 1:
        return error(
            "overlap",
            _(
                "This price and that of the same kind in group %(number)d hold at the same time."
                " Let one end where the other begins."
            )
            % number,
            second.element,
            second.component,
        )
    return warning(
        "overlap_in_part",
        _(
            "Where this price and that of the same kind in group %(number)d both hold, the one in group"
            " %(number)d is charged."
        )
        % number,
        second.element,
        second.component,
    )
