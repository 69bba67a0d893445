"""Real charging sessions and day-ahead prices from public archives, where they are at hand.

`CHARGEPORTAL_ARCHIVES` names the folder with `sessions/*.parquet` and `prices/*.parquet`; without it the
folder `shared/data` beside the project is tried.
"""

from __future__ import annotations

import datetime as dt
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from billing.rating import MeasuredPeriod, MeasuredSession, PeriodKind

FOLDER = Path(os.environ.get("CHARGEPORTAL_ARCHIVES", Path(__file__).parents[2].with_name("shared") / "data"))
SESSIONS, PRICES = FOLDER / "sessions", FOLDER / "prices" / "nl_day_ahead_2015_2023.parquet"
SEK_PER_EURO = Decimal("10.26")
HOUR = dt.timedelta(hours=1)
_COLUMNS = ("source", "start_local", "end_local", "charge_end_local", "tz", "kwh")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A session of an archive, its times in UTC; `charged_until` is its end where nobody noted it."""

    source: str
    start: dt.datetime
    charged_until: dt.datetime
    end: dt.datetime
    energy_wh: Decimal
    time_zone: str

    def measured(self) -> MeasuredSession:
        """The session as the engine wants it: charging, then parking."""
        periods = [
            MeasuredPeriod(self.start, self.charged_until, PeriodKind.CHARGING, self.energy_wh),
            MeasuredPeriod(self.charged_until, self.end, PeriodKind.PARKING),
        ]
        kept = tuple(period for period in periods if period.end > period.start)
        return MeasuredSession(kept, ZoneInfo(self.time_zone))


def why_not() -> str:
    """The reason why the archives cannot be read, empty when they can."""
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError:
        return "pyarrow is not installed (dependency group archives)"
    return "" if SESSIONS.is_dir() and PRICES.is_file() else f"no archives in {FOLDER}"


def recorded(*, year: int) -> Iterator[Recorded]:
    """The sessions that began in that year and tell how long they took and how much energy flowed."""
    from pyarrow import parquet

    for file in sorted(SESSIONS.glob("*.parquet")):
        columns = parquet.read_table(file, columns=list(_COLUMNS)).to_pydict()
        for row in zip(*(columns[name] for name in _COLUMNS), strict=True):
            found = _recorded(*row)
            if found is not None and found.start.year == year:
                yield found


def _recorded(source: str, start: Any, end: Any, charged: Any, zone: str, kwh: Any) -> Recorded | None:
    if start is None or end is None or kwh is None or not kwh >= 0:
        return None
    begin, until = _utc(start, zone), _utc(end, zone)
    if not dt.timedelta() < until - begin <= dt.timedelta(days=60):
        return None
    charged_until = until if charged is None else min(max(_utc(charged, zone), begin), until)
    if charged_until == begin:
        charged_until = until
    energy_wh = Decimal(str(round(kwh * 1000, 1)))
    return Recorded(source, begin, charged_until, until, energy_wh, zone)


def _utc(wall: dt.datetime, zone: str) -> dt.datetime:
    plain = dt.datetime(wall.year, wall.month, wall.day, wall.hour, wall.minute, wall.second)  # noqa: DTZ001
    return plain.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


class DayAhead:
    """A year of hourly day-ahead prices, in kronor per kWh."""

    def __init__(self, *, year: int) -> None:
        from pyarrow import parquet

        columns = parquet.read_table(PRICES).to_pydict()
        rows = sorted(
            (utc.replace(tzinfo=dt.UTC), price)
            for utc, price in zip(columns["utc"], columns["eur_mwh"], strict=True)
            if utc.year in (year, year + 1) and price is not None
        )
        self.starts = [start for start, _ in rows]
        self.prices = [
            {
                "start": start.isoformat(),
                "end": (start + HOUR).isoformat(),
                "price": str((Decimal(str(price)) * SEK_PER_EURO / 1000).quantize(Decimal("0.000001"))),
            }
            for start, price in rows
        ]

    def between(self, start: dt.datetime, end: dt.datetime) -> list[dict[str, str]]:
        """The prices of that span."""
        first, last = bisect_right(self.starts, start) - 1, bisect_left(self.starts, end)
        return self.prices[max(first, 0) : last]
