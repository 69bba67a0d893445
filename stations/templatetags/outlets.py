"""Words for outlets and distances."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from django import template
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chargeportal.common.formats import NO_BREAK_SPACE, format_number
from stations.models import Connector, Location
from stations.overview import EvseState

register = template.Library()
_FAR_KM = 10
_STANDARDS = dict(Connector.Standard.choices)


@register.filter
def plug_names(state: EvseState) -> str:
    """The kinds of plugs of an outlet: `Type 2, CCS`."""
    return ", ".join(str(_STANDARDS.get(standard, standard)) for standard in state.standards)


@register.filter
def outlet_name(state: EvseState) -> str:
    """How drivers call an outlet: by its number."""
    return _("Outlet %(number)s") % {"number": state.evse_number}


@register.filter
def distance(distance_km: float) -> str:
    """How far away: `350 m`, `1,2 km`, `48 km`."""
    if distance_km < 1:
        return f"{round(distance_km * 100) * 10}{NO_BREAK_SPACE}m"
    exact = Decimal(int(distance_km * 1000)) / 1000
    digits = 1 if exact < _FAR_KM else 0
    return f"{format_number(exact, get_language() or 'en', digits=digits)}{NO_BREAK_SPACE}km"


@register.simple_tag
def evse_ids_of(places: Iterable[Any]) -> list[int]:
    """The ids of the outlets of all those places."""
    return [evse_id for place in places for evse_id in place.evse_ids]


@register.filter
def opening_lines(location: Location) -> list[str]:
    """When the place is open, from OCPI Hours: `mån–fre 07:00–22:00`; nothing when that is not known."""
    hours = location.opening_hours if isinstance(location.opening_hours, dict) else {}
    if hours.get("twentyfourseven"):
        return [_("Open around the clock")]
    days: dict[int, list[str]] = {}
    for period in hours.get("regular_hours") or []:
        with suppress(KeyError, TypeError, ValueError):  # people type these; what is no period is left out
            begin, end = period["period_begin"], period["period_end"]
            days.setdefault(int(period["weekday"]), []).append(f"{begin}–{end}")
    runs: list[tuple[list[int], str]] = []
    for day, times in sorted((day, ", ".join(sorted(open_at))) for day, open_at in days.items()):
        if runs and runs[-1][1] == times and runs[-1][0][-1] == day - 1:
            runs[-1][0].append(day)
        else:
            runs.append(([day], times))
    return [f"{_day(run[0])}{f'–{_day(run[-1])}' if len(run) > 1 else ''} {times}" for run, times in runs]


def _day(weekday: int) -> str:
    """OCPI counts from Monday as 1, Python from Monday as 0."""
    return str(WEEKDAYS_ABBR[(weekday - 1) % 7])
