"""Finding a charger: places with live availability, nearest first where the browser tells where it is."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from stations.models import ChargingStation, Evse, Location
from stations.overview import EvseState, evse_states

PLACES_PER_PAGE = 20
_EARTH_RADIUS_KM = 6371.0
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_LATITUDE, _MOST_LONGITUDE = 90, 180


@dataclass(frozen=True, slots=True)
class Place:
    """One location in the list: what is free there, and how far away it is when that is known."""

    location: Location
    states: tuple[EvseState, ...]
    distance_km: float | None

    @property
    def free(self) -> int:
        """How many outlets a driver could use now."""
        return sum(state.is_free for state in self.states)

    @property
    def total(self) -> int:
        """How many outlets there are."""
        return len(self.states)

    @property
    def is_online(self) -> bool:
        """Whether at least one station is connected, so that availability is known."""
        return any(state.is_online for state in self.states)

    @property
    def evse_ids(self) -> list[int]:
        """Ids of the outlets."""
        return [state.evse_id for state in self.states]

    @property
    def max_power_kw(self) -> Any:
        """The power of the fastest outlet, None when no outlet has one."""
        return max((state.max_power_kw for state in self.states if state.max_power_kw), default=None)


@dataclass(frozen=True, slots=True)
class Position:
    """Where the driver is, in degrees."""

    latitude: float
    longitude: float


def charger_list(request: HttpRequest) -> HttpResponse:
    """The places that match what was searched for; only the list when HTMX asks."""
    htmx = request.htmx  # type: ignore[attr-defined]
    is_part = bool(htmx) and not htmx.history_restore_request
    context = {"section": "chargers", "is_part": is_part, **finder(request)}
    response = render(request, "stations/places.html" if is_part else "stations/finder.html", context)
    response.headers["Vary"] = "HX-Request"
    return response


@never_cache
def charger_availability(request: HttpRequest) -> HttpResponse:
    """What is free now at the places an open list shows, to be swapped into it."""
    wanted = [place for place in request.GET.getlist("place")[:PLACES_PER_PAGE] if _UUID.fullmatch(place)]
    locations = list(
        Location.objects.visible_to(request.user).filter(public_id__in=wanted, is_published=True)
    )
    states = states_at([location.pk for location in locations])
    places = [Place(at, tuple(states[at.pk]), None) for at in locations]
    return render(request, "stations/availabilities.html", {"places": places})


def finder(request: HttpRequest, *, most: int = PLACES_PER_PAGE) -> dict[str, Any]:
    """What the finder's templates show, for the search in the address."""
    text = request.GET.get("q", "").strip()[:100]
    position = _position(request)
    page = find_places(
        request.user, text=text, position=position, page=request.GET.get("page", "1"), most=most
    )
    return {"q": text, "position": position, "page": page, "places": page.object_list}


def find_places(
    user: Any,
    *,
    text: str = "",
    position: Position | None = None,
    page: str | int = 1,
    most: int = PLACES_PER_PAGE,
) -> Page:
    """One page of the places open to drivers: by distance when the position is known, else by name."""
    locations = list(_matching(user, text))
    distances = {location.pk: _distance_km(location, position) for location in locations}
    if position is not None:
        locations.sort(key=lambda location: _sort_key(distances[location.pk], location))
    paged = Paginator(locations, most).get_page(page)
    states = states_at([location.pk for location in paged.object_list])
    places = [Place(at, tuple(states[at.pk]), distances[at.pk]) for at in paged.object_list]
    return Page(places, paged.number, paged.paginator)


def states_at(location_ids: Iterable[int]) -> dict[int, Sequence[EvseState]]:
    """The outlets of accepted stations at each location, in a constant number of queries."""
    evses = Evse.objects.filter(
        station__location__in=list(location_ids), station__registration=ChargingStation.Registration.ACCEPTED
    )
    found: dict[int, list[EvseState]] = defaultdict(list)
    for state in evse_states(evses.values_list("pk", flat=True)):
        if state.location_id is not None:
            found[state.location_id].append(state)
    return found  # type: ignore[return-value]


def _matching(user: Any, text: str) -> Iterable[Location]:
    outlets = Evse.objects.filter(
        station__location=OuterRef("pk"), station__registration=ChargingStation.Registration.ACCEPTED
    )
    locations = Location.objects.visible_to(user).filter(Exists(outlets), is_published=True)
    for word in text.split():
        locations = locations.filter(
            Q(name__icontains=word)
            | Q(address__icontains=word)
            | Q(city__icontains=word)
            | Q(postal_code__icontains=word)
        )
    return locations.order_by("name", "pk")


def _position(request: HttpRequest) -> Position | None:
    try:
        latitude, longitude = float(request.GET["lat"]), float(request.GET["lon"])
    except (KeyError, ValueError):
        return None
    on_earth = abs(latitude) <= _MOST_LATITUDE and abs(longitude) <= _MOST_LONGITUDE  # False for NaN, too
    return Position(latitude, longitude) if on_earth else None


def _sort_key(distance_km: float | None, location: Location) -> tuple[bool, float, str]:
    return distance_km is None, distance_km or 0.0, location.name


def _distance_km(location: Location, position: Position | None) -> float | None:
    """Along the earth's surface (haversine)."""
    if position is None or location.latitude is None or location.longitude is None:
        return None
    here, there = math.radians(position.latitude), math.radians(float(location.latitude))
    east = math.radians(float(location.longitude) - position.longitude)
    chord = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(east / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
