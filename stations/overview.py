"""What every EVSE is doing now, for live pages and lists, in a constant number of queries."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.postgres.aggregates import ArrayAgg
from django.utils import timezone

from stations.models import ConnectorStatus, Evse, StatusInterval
from stations.presence import online_station_ids

#: Of several connectors' statuses the first of these is the EVSE's: a running session tells most.
_TELLING_ORDER = (
    ConnectorStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.SUSPENDED_EVSE,
    ConnectorStatus.FINISHING,
    ConnectorStatus.PREPARING,
    ConnectorStatus.OCCUPIED,
    ConnectorStatus.FAULTED,
    ConnectorStatus.RESERVED,
    ConnectorStatus.UNAVAILABLE,
    ConnectorStatus.AVAILABLE,
    ConnectorStatus.UNKNOWN,
)
#: What the station as a whole says and what its idle EVSEs then are too.
_TAKES_EVSES_WITH_IT = (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)
_RANK = {status.value: rank for rank, status in enumerate(_TELLING_ORDER)}


@dataclass(frozen=True, slots=True)
class EvseState:
    """One EVSE now. ``status`` is the last one reported, also while offline; ``since`` when it began."""

    evse_id: int
    evse_public_id: str
    evse_number: int
    station_id: int
    station_public_id: str
    station_identity: str
    station_name: str
    location_id: int | None
    location_name: str
    is_online: bool
    offline_since: dt.datetime | None
    status: str
    since: dt.datetime | None
    error_code: str
    info: str
    max_power_kw: Decimal | None
    current_type: str
    standards: tuple[str, ...]

    @property
    def is_free(self) -> bool:
        """Whether a driver could start here now."""
        return self.is_online and self.status == ConnectorStatus.AVAILABLE


def evse_states(evse_ids: Iterable[int] | None = None, *, now: dt.datetime | None = None) -> list[EvseState]:
    """The present state of the EVSEs (of all, without argument), by location, station and number."""
    evses = Evse.objects.select_related("station__location").annotate(
        connector_standards=ArrayAgg("connectors__standard", default=[], distinct=True)
    )
    if evse_ids is not None:
        evses = evses.filter(pk__in=list(evse_ids))
    found = list(evses.order_by("station__location__name", "station__identity", "number"))
    station_ids = {evse.station_id for evse in found}
    online = online_station_ids(station_ids, now=now or timezone.now())
    statuses = _present_statuses(station_ids)
    return [
        _state(evse, statuses, is_online=evse.station_id in online, standards=evse.connector_standards)
        for evse in found
    ]


def _present_statuses(station_ids: set[int]) -> dict[tuple[str, int], StatusInterval]:
    """The most telling open interval of each EVSE, and of each station as a whole."""
    present: dict[tuple[str, int], StatusInterval] = {}
    intervals = StatusInterval.objects.filter(ended_at__isnull=True, station__in=station_ids).select_related(
        "connector"
    )
    for interval in sorted(intervals, key=lambda interval: _RANK[interval.status], reverse=True):
        if interval.connector is None:
            present["station", interval.station_id] = interval
        else:
            present["evse", interval.connector.evse_id] = interval
    return present


def _state(
    evse: Evse,
    statuses: dict[tuple[str, int], StatusInterval],
    *,
    is_online: bool,
    standards: Iterable[str],
) -> EvseState:
    own = statuses.get(("evse", evse.pk))
    whole = statuses.get(("station", evse.station_id))
    is_idle = own is None or own.status in (ConnectorStatus.AVAILABLE, ConnectorStatus.UNKNOWN)
    if whole is not None and whole.status in _TAKES_EVSES_WITH_IT and is_idle:
        own = whole
    station, location = evse.station, evse.station.location
    return EvseState(
        evse_id=evse.pk,
        evse_public_id=str(evse.public_id),
        evse_number=evse.number,
        station_id=station.pk,
        station_public_id=str(station.public_id),
        station_identity=station.identity,
        station_name=str(station),
        location_id=location.pk if location else None,
        location_name=location.name if location else "",
        is_online=is_online,
        offline_since=None if is_online else station.last_seen_at,
        status=own.status if own else ConnectorStatus.UNKNOWN.value,
        since=own.started_at if own else None,
        error_code=own.error_code if own else "",
        info=own.info if own else "",
        max_power_kw=evse.max_power_kw,
        current_type=evse.current_type,
        standards=tuple(standards),
    )
