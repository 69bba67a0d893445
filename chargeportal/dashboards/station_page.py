"""The page of one charging station: what it is, what it does, what it went through."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from chargeportal.dashboards import network
from chargeportal.dashboards.network import Tile
from chargeportal.dashboards.status_bars import StatusBar, status_bars
from chargeportal.live.pages import Changes
from stations.admin.onboarding import connection_address
from stations.command_words import COMMANDS, CommandWords
from stations.models import ChargingStation, StationCommand, StationConnection
from stations.presence import is_online
from stations.steering import may_send

#: The parts of the page that are pushed, each a template with an element of its own.
LIVE_PARTS = ("state", "evses", "bars", "commands")
SHOWN_COMMANDS = 8
SHOWN_CONNECTIONS = 10
SHOWN_STATUSES = 25
#: Commands that concern one EVSE are offered at the EVSE, not among the station's.
AT_THE_EVSE = ("remote_start", "remote_stop", "unlock_connector")


@dataclass(frozen=True, slots=True)
class StationState:
    """Whether the station is connected, and since when it is so."""

    is_online: bool
    since: dt.datetime | None
    connection: StationConnection | None


def station_of(user: Any, key: str) -> ChargingStation | None:
    """The station of that id, if the person may see it."""
    if not key.isdecimal() or not user.has_perm("stations.view_chargingstation"):
        return None
    return network.stations_of(user).filter(pk=int(key)).select_related("location").first()


def concerns(station: ChargingStation, changes: Changes) -> bool:
    """Whether a hint speaks of the station, one of its EVSEs or one of its sessions."""
    if changes.everything or station.pk in changes.station_ids:
        return True
    if changes.evse_ids and station.evses.filter(pk__in=changes.evse_ids).exists():
        return True
    return bool(changes.session_ids) and station.sessions.filter(pk__in=changes.session_ids).exists()


def station_view(request: HttpRequest, station_id: int) -> HttpResponse:
    """The page of the station."""
    station = get_object_or_404(network.stations_of(request.user).select_related("location"), pk=station_id)
    now = timezone.now()
    context = admin.site.each_context(request) | live_context(station, user=request.user, now=now)
    context |= {
        "title": str(station),
        "buttons": buttons(request.user),
        "address": connection_address(request, station.identity),
        "connections": station.connections.all()[:SHOWN_CONNECTIONS],
        "boots": station.boots.all()[:SHOWN_CONNECTIONS],
        "statuses": station.status_intervals.select_related("connector__evse")[:SHOWN_STATUSES],
        "may_keep": request.user.has_perm("stations.change_chargingstation"),
        "may_read_frames": request.user.has_perm("stations.view_ocppframe"),
    }
    return TemplateResponse(request, "admin/station/page.html", context)


def live_context(station: ChargingStation, *, user: Any, now: dt.datetime) -> dict[str, Any]:
    """What the pushed parts of the page show."""
    online = is_online(station, now=now)
    return {
        "station": station,
        "state": station_state(station, online=online),
        "zone": zone_of(station),
        "tiles": tiles_of(station, now=now),
        "bars": bars_of(station, now=now),
        "commands": recent_commands(station),
        "may_start": may_send(user, station, kind="remote_start"),
        "may_stop": may_send(user, station, kind="remote_stop"),
        "may_unlock": may_send(user, station, kind="unlock_connector"),
    }


def station_state(station: ChargingStation, *, online: bool) -> StationState:
    """The open connection of a station that is online, else when it was last heard of."""
    connection = station.connections.filter(closed_at=None).first()
    if online and connection is not None:
        return StationState(is_online=True, since=connection.opened_at, connection=connection)
    return StationState(is_online=False, since=station.last_seen_at, connection=None)


def tiles_of(station: ChargingStation, *, now: dt.datetime) -> list[Tile]:
    """The station's EVSEs as they are now."""
    return network.tiles(station.evses.values_list("pk", flat=True), now=now)


def bars_of(station: ChargingStation, *, now: dt.datetime) -> list[StatusBar]:
    """A day of each connector's statuses."""
    return status_bars(station, now=now, zone=zone_of(station))


def recent_commands(station: ChargingStation) -> list[StationCommand]:
    """The newest commands with who asked."""
    return list(station.commands.select_related("requested_by", "station")[:SHOWN_COMMANDS])


def buttons(user: Any) -> list[CommandWords]:
    """The commands for the whole station that the person may send."""
    return [
        words
        for words in COMMANDS.values()
        if words.kind not in AT_THE_EVSE and user.has_perm(f"stations.send_{words.kind}")
    ]


def zone_of(station: ChargingStation) -> str:
    """The time zone of the place; empty where it has none yet."""
    return station.location.time_zone if station.location else ""
