"""Words for outlets and distances."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import template
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chargeportal.common.formats import NO_BREAK_SPACE, format_number
from stations.models import Connector
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
