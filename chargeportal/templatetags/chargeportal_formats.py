"""Amounts, quantities, times, icons and states as people read them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import formats as django_formats
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from chargeportal.common import formats
from chargeportal.common.money import Money

register = template.Library()

ICON_FOLDER = Path(settings.BASE_DIR) / "static" / "icons"
_NAME = re.compile(r"[a-z-]+")


@dataclass(frozen=True, slots=True)
class StatusLook:
    """How a state is shown: the tone names the colours, beside an icon and a word."""

    tone: str
    icon: str
    word: str | Promise


STATUS_LOOKS = {
    "available": StatusLook("available", "plug", _("Available")),
    "preparing": StatusLook("waiting", "cable", _("Preparing")),
    "charging": StatusLook("charging", "bolt", _("Charging")),
    "suspended_ev": StatusLook("suspended", "pause", _("Paused by the car")),
    "suspended_evse": StatusLook("suspended", "pause", _("Paused by the charger")),
    "finishing": StatusLook("waiting", "cable", _("Finishing")),
    "occupied": StatusLook("waiting", "car", _("Occupied")),
    "reserved": StatusLook("reserved", "clock", _("Reserved")),
    "unavailable": StatusLook("unavailable", "barred", _("Out of service")),
    "faulted": StatusLook("faulted", "triangle", _("Faulted")),
    "unknown": StatusLook("unavailable", "question", _("Unknown")),
}
OFFLINE = StatusLook("offline", "broken-link", _("Offline"))


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE


def _exact(value: Any) -> Decimal | None:
    return None if value is None or value == "" else Decimal(str(value))


@register.filter
def kwh(energy_wh: Any, digits: int = 1) -> str:
    """Energy given in Wh: `12,3 kWh`; a dash when it is not known."""
    exact = _exact(energy_wh)
    return "–" if exact is None else formats.format_energy(exact, _language(), digits=digits)


@register.filter
def kw(power_w: Any, digits: int = 1) -> str:
    """Power given in W: `11,0 kW`; a dash when it is not known."""
    exact = _exact(power_w)
    return "–" if exact is None else formats.format_power(exact, _language(), digits=digits)


@register.filter
def rated_kw(power_kw: Any) -> str:
    """The rated power of a device, given in kW, without useless decimals: `22 kW`, `3,7 kW`."""
    exact = _exact(power_kw)
    if exact is None:
        return "–"
    digits = 0 if exact == exact.to_integral_value() else 1
    return formats.format_power(exact * 1000, _language(), digits=digits)


@register.filter
def money(amount: Any, currency: str) -> str:
    """An amount: `1 234,50 kr`; a dash when it is not known."""
    exact = _exact(amount)
    return "–" if exact is None else formats.format_money(Money(exact, currency), _language())


@register.filter
def number(value: Any, digits: int = 0) -> str:
    """A number with that many decimals, written as the language does."""
    exact = _exact(value)
    return "–" if exact is None else formats.format_number(exact, _language(), digits=digits)


@register.filter
def quantity(value: Any, most_digits: int = 3) -> str:
    """A number with the decimals it has, at most ``most_digits``: `12,345`, `7`."""
    exact = _exact(value)
    return "–" if exact is None else formats.format_quantity(exact, _language(), most_digits=most_digits)


@register.filter
def percent(value: Any) -> str:
    """A percentage without decimals: `80 %` in Swedish, `80%` in English."""
    exact = _exact(value)
    return "–" if exact is None else formats.format_percent(exact, _language())


@register.filter
def duration(duration_s: Any) -> str:
    """A duration given in seconds or as a timedelta: `1 h 23 min`."""
    if isinstance(duration_s, dt.timedelta):
        duration_s = duration_s.total_seconds()
    exact = _exact(duration_s)
    return "–" if exact is None else formats.format_duration(exact)


@register.filter
def age(since: dt.datetime | None) -> str:
    """How long ago that was, coarsely: `just now`, `3 min`, `5 h`, `2 days`."""
    return "" if since is None else formats.format_age((timezone.now() - since).total_seconds())


def _in_zone(at: dt.datetime, zone: Any) -> dt.datetime:
    return at.astimezone(ZoneInfo(str(zone)) if zone else timezone.get_current_timezone())


@register.filter
def local(at: dt.datetime | None, zone: Any = "") -> str:
    """The instant on the wall clock of that time zone: `2026-11-20 14:05`."""
    return "–" if at is None else f"{_in_zone(at, zone):%Y-%m-%d %H:%M}"


@register.filter
def local_time(at: dt.datetime | None, zone: Any = "") -> str:
    """The time of day on the wall clock of that time zone: `14:05`."""
    return "–" if at is None else f"{_in_zone(at, zone):%H:%M}"


@register.filter
def local_day(at: dt.datetime | None, zone: Any = "") -> str:
    """The day on the calendar of that time zone, in words: `20 November`, this year's without the year."""
    if at is None:
        return "–"
    day = _in_zone(at, zone)
    pattern = "j F" if day.year == _in_zone(timezone.now(), zone).year else "j F Y"
    return django_formats.date_format(day.date(), pattern)


@register.filter
def month_and_year(month: dt.date) -> str:
    """The month in words: `November 2026`."""
    return django_formats.date_format(month, "F Y").capitalize()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """The drawing of that name from static/icons, inline; decoration unless it has a label."""
    role = (
        f'role="img" aria-label="{template.defaultfilters.force_escape(label)}"'
        if label
        else 'aria-hidden="true"'
    )
    return mark_safe(_drawing(name).replace("<svg ", f'<svg class="icon" {role} ', 1))  # noqa: S308  (our own file)


@lru_cache
def _drawing(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise template.TemplateSyntaxError(f"{name!r} is not the name of an icon")
    return (ICON_FOLDER / f"{name}.svg").read_text().strip()


@register.simple_tag
def status_look(status: str, is_online: bool = True) -> StatusLook:  # noqa: FBT001, FBT002  (template arguments)
    """How that state is shown; a station that is not connected is offline, whatever it said last."""
    return STATUS_LOOKS.get(str(status), STATUS_LOOKS["unknown"]) if is_online else OFFLINE


@register.inclusion_tag("shared/status.html")
def status_chip(
    status: str,
    is_online: bool = True,  # noqa: FBT001, FBT002  (template arguments)
    since: dt.datetime | None = None,
) -> dict[str, Any]:
    """The chip of a state; ``since`` adds its age."""
    return {"status": status, "is_online": is_online, "since": since}
