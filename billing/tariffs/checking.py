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
    """Where public ad-hoc tariffs of the operator hold."""

    evse_ids: frozenset[int]
    location_ids: frozenset[int]
    everywhere: bool


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
    """Each outlet where the tariff would hold: one query for them, one for the ad-hoc tariffs beside it."""
    if not holdings:
        return
    covered = _covered(tariff, at=at)
    evses = Evse.objects.filter(station__location__operator=tariff.operator_id).select_related(
        "station__location"
    )
    for evse in evses.order_by("station__location__name", "station__identity", "number"):
        here = [holding for holding in holdings if _holds(holding, evse, covered)]
        if not here:
            continue
        location = evse.station.location
        yield Place(
            name=f"{evse.station} / {evse.number}",
            time_zone=location.time_zone if location else settings.TIME_ZONE,
            max_power_kw=None if evse.max_power_kw is None else Decimal(evse.max_power_kw),
            is_public=any(holding.price_group_id is None for holding in here),
            has_other_ad_hoc=covered.everywhere or _is_covered(evse, covered),
        )


def _holds(holding: _Holding, evse: Evse, covered: _Covered) -> bool:
    """Whether it would hold at the outlet; "everywhere else" ends where another ad-hoc tariff is nearer."""
    if holding.evse_id is not None:
        return holding.evse_id == evse.pk
    if holding.location_id is not None:
        return holding.location_id == evse.station.location_id and evse.pk not in covered.evse_ids
    return holding.price_group_id is not None or not _is_covered(evse, covered)


def _is_covered(evse: Evse, covered: _Covered) -> bool:
    return evse.pk in covered.evse_ids or evse.station.location_id in covered.location_ids


def _covered(tariff: Tariff, *, at: dt.datetime) -> _Covered:
    ad_hoc = TariffAssignment.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=at),
        valid_from__lte=at,
        price_group=None,
        tariff__operator=tariff.operator_id,
        tariff__type=Tariff.Type.AD_HOC_PAYMENT,
    ).exclude(tariff__in=[pk for pk in (tariff.pk, tariff.replaces_id) if pk is not None])
    rows: list[tuple[int | None, int | None]] = list(ad_hoc.values_list("evse_id", "location_id"))
    return _Covered(
        evse_ids=frozenset(evse_id for evse_id, _location in rows if evse_id is not None),
        location_ids=frozenset(location_id for _evse, location_id in rows if location_id is not None),
        everywhere=(None, None) in rows,
    )
