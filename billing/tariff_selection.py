"""Which tariff holds at an EVSE at a given time.

The EVSE's own assignment comes before its location's, that before the operator's one for everywhere
else; of several equal ones the newest. Only tariffs of the location's own operator hold there; a
station without a location is the only operator's, and where there are several no tariff holds.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, Q

from accounts import access
from billing.models import Tariff, TariffAssignment, TariffElement
from stations.models import Evse


@dataclass(frozen=True, slots=True)
class _Place:
    evse_id: int
    location_id: int | None
    operator_id: int | None


def tariffs_at(evse_ids: Iterable[int], *, at: dt.datetime) -> Mapping[int, Tariff]:
    """The tariff of each EVSE that has one, with elements and price components loaded; a few queries."""
    rows = Evse.objects.filter(pk__in=list(evse_ids)).values_list(
        "pk", "station__location_id", "station__location__operator_id"
    )
    places = [
        _Place(evse_id, location_id, operator_id or access.sole_operator_id())
        for evse_id, location_id, operator_id in rows
    ]
    assignments = _assignments(places, at=at)
    chosen = ((place.evse_id, _most_specific(assignments, place)) for place in places)
    return {evse_id: assignment.tariff for evse_id, assignment in chosen if assignment is not None}


def tariff_for(evse_id: int | None, *, at: dt.datetime) -> Tariff | None:
    """The tariff of one EVSE; None when nothing is charged there."""
    return None if evse_id is None else tariffs_at([evse_id], at=at).get(evse_id)


def _assignments(places: Sequence[_Place], *, at: dt.datetime) -> list[TariffAssignment]:
    elements = TariffElement.objects.order_by("position").prefetch_related("price_components")
    here = Q(evse__in=[place.evse_id for place in places]) | Q(
        location__in={place.location_id for place in places if place.location_id}
    )
    return list(
        TariffAssignment.objects.filter(here | Q(evse=None, location=None), valid_from__lte=at)
        .filter(Q(valid_until=None) | Q(valid_until__gt=at))
        .select_related("tariff")
        .prefetch_related(Prefetch("tariff__elements", queryset=elements))
        .order_by("-valid_from", "-pk")
    )


def _most_specific(assignments: Sequence[TariffAssignment], place: _Place) -> TariffAssignment | None:
    theirs = [a for a in assignments if a.tariff.operator_id == place.operator_id]
    of_evse = (a for a in theirs if a.evse_id == place.evse_id)
    of_location = (a for a in theirs if place.location_id is not None and a.location_id == place.location_id)
    of_rest = (a for a in theirs if a.evse_id is None and a.location_id is None)
    return next((a for group in (of_evse, of_location, of_rest) for a in group), None)
