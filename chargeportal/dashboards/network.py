"""What every EVSE of a network is doing now, and the totals over them."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.backends import organisations_allowing
from chargeportal.live.pages import Changes
from sessions.models import ChargingSession
from sessions.overview import RunningSession, display_status, evse_sessions
from stations.models import ChargingStation, ConnectorStatus, Evse
from stations.overview import EvseState, evse_states

#: The groups a tile is counted in; whatever is not named here is "in use or closed".
_GROUPS = {
    ConnectorStatus.AVAILABLE: "free",
    ConnectorStatus.CHARGING: "charging",
    ConnectorStatus.SUSPENDED_EV: "charging",
    ConnectorStatus.SUSPENDED_EVSE: "charging",
    ConnectorStatus.FAULTED: "faulted",
}
GROUP_WORDS = {
    "free": _("free"),
    "charging": _("charging"),
    "other": _("occupied or closed"),
    "faulted": _("faulted"),
    "offline": _("offline"),
}
#: Nobody charges longer than this; it bounds how far back today's energy is looked for.
LONGEST_SESSION = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Tile:
    """One EVSE as the page shows it. ``since`` is when the shown state began."""

    state: EvseState
    running: RunningSession | None
    status: str

    @property
    def group(self) -> str:
        """Under which total it counts."""
        return _GROUPS.get(ConnectorStatus(self.status), "other") if self.state.is_online else "offline"

    @property
    def since(self) -> dt.datetime | None:
        """When the state that is shown began."""
        if not self.state.is_online:
            return self.state.offline_since
        return self.state.since

    @property
    def power_w(self) -> float | None:
        """What flows now; nothing is known of an EVSE that is offline."""
        return self.running.power_w if self.running is not None and self.state.is_online else None

    @property
    def search_text(self) -> str:
        """What the filter on the page looks through."""
        driver = self.running.driver_label if self.running else ""
        parts = (self.state.station_name, self.state.station_identity, self.state.location_name, driver)
        return " ".join(parts).lower()


@dataclass(frozen=True, slots=True)
class Totals:
    """The network in numbers."""

    groups: dict[str, int]
    power_w: float
    energy_today_wh: float
    running: int

    @property
    def evses(self) -> int:
        """How many EVSEs there are."""
        return sum(self.groups.values())


def evses_of(user: Any) -> QuerySet[Evse]:
    """The EVSEs whose state the person watches over."""
    return Evse.objects.filter(station__in=stations_of(user).values("pk"))


def stations_of(user: Any) -> QuerySet[ChargingStation]:
    """The stations of the operators where the person may see stations."""
    stations = ChargingStation.objects.managed_by(user)
    if user.is_superuser:
        return stations
    mine = organisations_allowing(user, "stations.view_chargingstation")
    return stations.filter(Q(location__operator__in=mine) | Q(location=None)) if mine else stations.none()


def changed_evse_ids(user: Any, changes: Changes) -> list[int]:
    """Ids of the person's EVSEs that a hint speaks of."""
    evses = evses_of(user)
    if not changes.everything:
        sessions = ChargingSession.objects.filter(pk__in=changes.session_ids).values("evse")
        evses = evses.filter(
            Q(pk__in=changes.evse_ids) | Q(station__in=changes.station_ids) | Q(pk__in=sessions)
        )
    return list(evses.values_list("pk", flat=True))


def tiles(evse_ids: Iterable[int], *, now: dt.datetime) -> list[Tile]:
    """The EVSEs by location, station and number, in a constant number of queries."""
    states = evse_states(evse_ids, now=now)
    running = evse_sessions([state.evse_id for state in states])
    return [
        Tile(state, running.get(state.evse_id), display_status(state, running.get(state.evse_id)))
        for state in states
    ]


def totals(shown: Iterable[Tile], *, energy_ended_wh: float) -> Totals:
    """The sums over the tiles; ``energy_ended_wh`` is that of the sessions that ended today."""
    shown = list(shown)
    counted = Counter(tile.group for tile in shown)
    running = [tile.running for tile in shown if tile.running is not None]
    return Totals(
        groups={group: counted.get(group, 0) for group in GROUP_WORDS},
        power_w=sum(tile.power_w or 0 for tile in shown),
        energy_today_wh=energy_ended_wh + sum(float(session.energy_wh or 0) for session in running),
        running=len(running),
    )


def energy_ended_today_wh(user: Any, *, now: dt.datetime) -> float:
    """Energy of the sessions that ended since midnight, on the clock of this installation."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = ChargingSession.objects.filter(
        station__in=stations_of(user).values("pk"),
        started_at__gte=midnight - LONGEST_SESSION,
        ended_at__gte=midnight,
    )
    return float(ended.aggregate(wh=Sum("energy_wh"))["wh"] or 0)


def waiting_stations(user: Any) -> QuerySet[ChargingStation]:
    """Stations that want something: approval, or their first connection."""
    pending = Q(registration=ChargingStation.Registration.PENDING)
    never = Q(last_seen_at=None, registration=ChargingStation.Registration.ACCEPTED)
    return stations_of(user).filter(pending | never).select_related("location").order_by("identity")[:20]
