"""When things happened, as far as a station's clock can be believed.

Stations report times of 1970, of the year 9999 and of an hour ago. A time that cannot be right is
replaced by that of receipt and flagged; what the station said stays in the payload.
"""

import datetime as dt
from dataclasses import dataclass

#: A station's time further ahead of the time of receipt than this cannot be right.
FUTURE_TOLERANCE = dt.timedelta(hours=1)
#: Nor can one further back: no station keeps messages that long.
OLDEST_QUEUED = dt.timedelta(days=366)
IMPOSSIBLE_CLOCK = "impossible_clock"


@dataclass(frozen=True, slots=True)
class Moment:
    """When it happened as far as that can be true, and whether the station's clock said so."""

    at: dt.datetime
    is_stations: bool


def moment(told: dt.datetime, *, received_at: dt.datetime) -> Moment:
    """The station's time where it is possible, else the time of receipt."""
    if received_at - OLDEST_QUEUED <= told <= received_at + FUTURE_TOLERANCE:
        return Moment(told, is_stations=True)
    return Moment(received_at, is_stations=False)
