"""Which stations are connected.

A station is online while a gateway process holds its socket and says so every half minute. A process
that dies says nothing more, so a connection not seen for ``STALE_AFTER`` counts as gone.
"""

import datetime as dt
from collections.abc import Iterable

from django.db.models import F
from django.utils import timezone

from stations.models import ChargingStation, StationConnection

STALE_AFTER = dt.timedelta(seconds=100)


def online_station_ids(
    station_ids: Iterable[int] | None = None, *, now: dt.datetime | None = None
) -> set[int]:
    """Those of the stations (of all, without argument) that are connected."""
    since = (now or timezone.now()) - STALE_AFTER
    connections = StationConnection.objects.filter(closed_at__isnull=True, last_seen_at__gte=since)
    if station_ids is not None:
        connections = connections.filter(station__in=list(station_ids))
    return set(connections.values_list("station_id", flat=True))


def is_online(station: ChargingStation, *, now: dt.datetime | None = None) -> bool:
    """Whether the station is connected."""
    return station.pk in online_station_ids([station.pk], now=now)


def close_stale_connections(*, now: dt.datetime) -> int:
    """Connections of processes that died are closed as of their last sign of life; returns how many."""
    stale = StationConnection.objects.filter(closed_at__isnull=True, last_seen_at__lt=now - STALE_AFTER)
    return stale.update(closed_at=F("last_seen_at"), close_reason="gateway gone")
