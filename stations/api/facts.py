"""What is true of stations now, read for a whole page of them at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stations.models import ChargingStation
from stations.overview import EvseState, evse_states
from stations.presence import online_station_ids


@dataclass(frozen=True, slots=True)
class StationFacts:
    """The stations that are online, the ones the person manages, and the state of each EVSE."""

    online: set[int]
    managed: set[int]
    states: Mapping[int, EvseState]


def facts_of(stations: Sequence[ChargingStation], *, user: Any, now: dt.datetime) -> StationFacts:
    """The facts of those stations, in a number of queries that does not grow with them."""
    ids = [station.pk for station in stations]
    evse_ids = [evse.pk for station in stations for evse in station.evses.all()]
    return StationFacts(
        online=online_station_ids(ids, now=now),
        managed=set(ChargingStation.objects.managed_by(user).filter(pk__in=ids).values_list("pk", flat=True)),
        states={state.evse_id: state for state in evse_states(evse_ids, now=now)},
    )
