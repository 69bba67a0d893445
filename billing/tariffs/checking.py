"""Checks a stored tariff: gathers the facts about its places, and asks the linters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from billing.models import Tariff, TariffAssignment
from billing.tariffs.afir import afir_findings
from billing.tariffs.findings import Finding
from billing.tariffs.linting import Facts, Place, lint
from stations.models import Evse


class _Holding(Protocol):
    @property
    def location_id(self) -> int | None: ...
    @property
    def evse_id(self) -> int | None: ...
    @property
    def price_group_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class _Covered:
    """Where other public tariffs of the operator hold."""

    evse_ids: frozenset[int]
    location_ids: frozenset[int]
    everywhere: bool

    def reaches(self, evse: Evse) -> bool:
        """Whether one of them holds at the outlet as such or at its location."""
        return evse.pk in self.evse_ids or evse.station.location_id in self.location_ids


def check(tariff: Tariff, *, holdings: Iterable[_Holding], at: dt.datetime) -> list[Finding]:
    """Everything found in the tariff if it were to hold at the places from then on."""
    ocpi = tariff.as_ocpi()
    facts = Facts(
        today=timezone.localtime(at, timezone.get_default_timezone()).date(),
        is_ad_hoc=tariff.type == Tariff.Type.AD_HOC_PAYMENT,
        places=tuple(_places(tariff, list(holdings), at=at)),
    )
    return [*lint(ocpi, facts=facts), *afir_findings(ocpi, facts=facts)]


def _places(tariff: Tariff, holdings: Sequence[_Holding], *, at: dt.datetime) -> Iterable[Place]:
    """Each outlet where the tariff would hold: one query for them, one for the tariffs beside it."""
    if not holdings:
        return
    others = _others(tariff, at=at)
    ad_hoc = _covered([row for row in others if row[2] == Tariff.Type.AD_HOC_PAYMENT])
    # a guest pays an ad-hoc tariff even where another public one is nearer
    nearer = ad_hoc if tariff.type == Tariff.Type.AD_HOC_PAYMENT else _covered(others)
    evses = Evse.objects.filter(station__location__operator=tariff.operator_id).select_related(
        "station__location"
    )
    for evse in evses.order_by("station__location__name", "station__identity", "number"):
        here = [holding for holding in holdings if _holds(holding, evse, nearer)]
        if not here:
            continue
        location = evse.station.location
        yield Place(
            name=f"{evse.station} / {evse.number}",
            time_zone=location.time_zone if location else settings.TIME_ZONE,
            max_power_kw=None if evse.max_power_kw is None else Decimal(evse.max_power_kw),
            is_public=any(holding.price_group_id is None for holding in here),
            has_other_ad_hoc=ad_hoc.everywhere or ad_hoc.reaches(evse),
        )


def _holds(holding: _Holding, evse: Evse, nearer: _Covered) -> bool:
    """Whether it would hold at the outlet, and is not hidden there by a tariff that is nearer."""
    if holding.evse_id is not None:
        return holding.evse_id == evse.pk
    if holding.location_id is not None:
        is_here = holding.location_id == evse.station.location_id
        return is_here and (holding.price_group_id is not None or evse.pk not in nearer.evse_ids)
    return holding.price_group_id is not None or not nearer.reaches(evse)


def _covered(rows: Iterable[tuple[int | None, int | None, str]]) -> _Covered:
    places = [(evse_id, location_id) for evse_id, location_id, _type in rows]
    return _Covered(
        evse_ids=frozenset(evse_id for evse_id, _location in places if evse_id is not None),
        location_ids=frozenset(location_id for _evse, location_id in places if location_id is not None),
        everywhere=(None, None) in places,
    )


def _others(tariff: Tariff, *, at: dt.datetime) -> list[tuple[int | None, int | None, str]]:
    """Outlet, location and type of the operator's other public tariffs."""
    rows = TariffAssignment.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=at),
        valid_from__lte=at,
        price_group=None,
        tariff__operator=tariff.operator_id,
    ).exclude(tariff__in=[pk for pk in (tariff.pk, tariff.replaces_id) if pk is not None])
    return list(rows.values_list("evse_id", "location_id", "tariff__type"))
