"""The home page of the admin: the network now."""

from itertools import groupby
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargeportal.dashboards import network, snapshots
from chargeportal.dashboards.network import Tile
from chargeportal.dashboards.tile_html import tile_html
from chargeportal.live.pages import Changes
from stations.admin.onboarding import connection_address
from stations.models import Location

FILTER_TONES = {
    "free": ("available", "plug"),
    "charging": ("charging", "bolt"),
    "other": ("waiting", "car"),
    "faulted": ("faulted", "triangle"),
    "offline": ("offline", "broken-link"),
}


def add_network(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the admin's home page has the network in it."""
    user = request.user
    context["title"] = _("Network now")
    context["may_watch"] = user.has_perm("stations.view_chargingstation")
    if not context["may_watch"]:
        return context
    shown, totals = snapshots.update(user, Changes(everything=True), now=timezone.now())
    return context | {
        "locations": by_location(shown),
        "filters": filters(totals.groups),
        "totals": totals,
        "waiting": network.waiting_stations(user),
        "has_locations": bool(shown) or Location.objects.managed_by(user).exists(),
        "has_stations": bool(shown) or network.stations_of(user).exists(),
        "example_address": connection_address(request, "CP-1"),
        "may_add_station": user.has_perm("stations.add_chargingstation"),
        "may_add_location": user.has_perm("stations.add_location"),
    }


def filters(groups: dict[str, int]) -> list[dict[str, Any]]:
    """The totals by state, which are also the buttons of the filter."""
    return [
        {
            "group": group,
            "word": network.GROUP_WORDS[group],
            "count": count,
            "tone": FILTER_TONES[group][0],
            "icon": FILTER_TONES[group][1],
        }
        for group, count in groups.items()
    ]


def by_location(shown: list[Tile]) -> list[dict[str, Any]]:
    """The tiles of each location, in the order they come."""
    return [
        {
            "id": location_id or 0,
            "name": name or _("Not placed yet"),
            "tiles": [tile_html(tile) for tile in tiles],
        }
        for (location_id, name), tiles in groupby(
            shown, key=lambda tile: (tile.state.location_id, tile.state.location_name)
        )
    ]
