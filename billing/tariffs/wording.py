"""When a price holds, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chargeportal.common.formats import format_duration, format_quantity

WEEKDAY_CODES = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_WORKING_DAYS = WEEKDAY_CODES[:5]
_WEEKEND = WEEKDAY_CODES[5:]


def when_words(restrictions: Mapping[str, Any]) -> str:
    """The restrictions of a price as one phrase; empty when it always holds."""
    return ", ".join(
        _phrases({name: value for name, value in restrictions.items() if value not in (None, [])})
    )


def weekday_words(codes: list[str]) -> str:
    """The weekdays as people say them: `working days`, `weekends`, `Mon, Wed`."""
    chosen = [code for code in WEEKDAY_CODES if code in codes]
    if tuple(chosen) == _WORKING_DAYS:
        return _("working days")
    if tuple(chosen) == _WEEKEND:
        return _("weekends")
    return ", ".join(str(WEEKDAYS_ABBR[WEEKDAY_CODES.index(code)]) for code in chosen)


def _phrases(given: Mapping[str, Any]) -> Iterator[str]:
    if "start_time" in given or "end_time" in given:
        yield f"{given.get('start_time', '00:00')}–{given.get('end_time', '24:00')}"
    if given.get("day_of_week"):
        yield weekday_words(given["day_of_week"])
    if "start_date" in given:
        yield _("from %(date)s") % {"date": given["start_date"]}
    if "end_date" in given:
        yield _("before %(date)s") % {"date": given["end_date"]}
    yield from _span(given, "kwh", unit="kWh")
    yield from _span(given, "power", unit="kW")
    yield from _span(given, "current", unit="A")
    if "min_duration" in given:
        yield _("after %(time)s") % {"time": format_duration(Decimal(str(given["min_duration"])))}
    if "max_duration" in given:
        yield _("the first %(time)s") % {"time": format_duration(Decimal(str(given["max_duration"])))}


def _span(given: Mapping[str, Any], name: str, *, unit: str) -> Iterator[str]:
    low, high = given.get(f"min_{name}"), given.get(f"max_{name}")
    if name == "kwh":
        yield from _of_session(low, high)
        return
    if low is not None:
        yield _("from %(number)s %(unit)s") % {"number": _number(low), "unit": unit}
    if high is not None:
        yield _("below %(number)s %(unit)s") % {"number": _number(high), "unit": unit}


def _of_session(low: Any, high: Any) -> Iterator[str]:
    if low is not None:
        yield _("after the first %(number)s kWh") % {"number": _number(low)}
    if high is not None:
        yield _("the first %(number)s kWh") % {"number": _number(high)}


def _number(value: Any) -> str:
    return format_quantity(Decimal(str(value)), get_language() or settings.LANGUAGE_CODE)
