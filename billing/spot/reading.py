"""Day-ahead prices as others write them, in JSON and in CSV; what cannot be a price is refused with its line.

A row has a beginning, an end (a quarter of an hour later unless it says so), a bidding area and a price. The
names of the fields may be those of the usual sources: `time_start`, `SEK_per_kWh`, `EUR_per_MWh` and others.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

#: The market's bounds are -0.5 and 4 EUR a kWh; beyond this somebody means another unit.
MOST_PER_KWH = Decimal(50)
QUARTER = dt.timedelta(minutes=15)
LONGEST = dt.timedelta(hours=2)
_STARTS = ("starts_at", "time_start", "start", "starttime", "start_time", "from")
_ENDS = ("ends_at", "time_end", "end", "endtime", "end_time", "to")
_AREAS = ("area", "bidding_area", "zone", "price_area")
_PRICES = ("price_per_kwh", "price", "value", "amount")
_NAMED = re.compile(r"([a-z]{3})_per_([km])wh")


@dataclass(frozen=True, slots=True)
class Told:
    """A price that somebody told: without VAT, for a kWh, in the currency wanted."""

    area: str
    start: dt.datetime
    end: dt.datetime
    price: Decimal


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is no price, and why; the first row is 1, in a CSV file the line after the names."""

    line: int
    reason: str


@dataclass(slots=True)
class Reading:
    """What a file or an answer told."""

    told: list[Told] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """In what the prices are wanted: the currency, the area where none is named, and SEK for a EUR."""

    currency: str
    area: str = ""
    per_euro: Decimal | None = None


class Unreadable(ValueError):
    """The text is no list of prices at all."""


class _NoPrice(ValueError):
    """The row is no price; the text is for the person who sent it."""


def read_json(text: str | bytes, *, wanted: Wanted) -> Reading:
    """The prices of a list of objects, or of the first list inside an object; raises Unreadable."""
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise Unreadable(_("not JSON: %(error)s") % {"error": error}) from error
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), None)
    if not isinstance(found, list):
        raise Unreadable(_("no list of prices"))
    return _read(enumerate(found, start=1), wanted=wanted)


def read_csv(text: str, *, wanted: Wanted) -> Reading:
    """The prices of a table with a line of names, separated by semicolon, tab or comma; raises Unreadable."""
    lines = text.lstrip("\ufeff").splitlines()
    if not lines:
        raise Unreadable(_("the file is empty"))
    separator = next((sign for sign in (";", "\t", ",") if sign in lines[0]), ",")
    rows = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=separator)
    names = {(name or "").strip().lower() for name in rows.fieldnames or ()}
    if not names & set(_STARTS):
        raise Unreadable(_("the first line must name the columns: area, starts_at, ends_at, price_per_kwh"))
    return _read(((rows.line_num, row) for row in rows if any(row.values())), wanted=wanted)


def _read(rows: Iterable[tuple[int, Any]], *, wanted: Wanted) -> Reading:
    reading = Reading()
    for line, row in rows:
        try:
            reading.told.append(_told(_plain(row), wanted))
        except _NoPrice as refusal:
            reading.refused.append(Refused(line, str(refusal)))
    return reading


def _plain(row: Any) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise _NoPrice(_("not an object"))
    return {str(name or "").strip().lower(): value for name, value in row.items()}


def _told(row: dict[str, Any], wanted: Wanted) -> Told:
    area = str(_first(row, _AREAS) or wanted.area).strip().upper()
    if not re.fullmatch(r"[A-Z0-9-]{2,10}", area):
        raise _NoPrice(_("the bidding area is missing"))
    start = _instant(_first(row, _STARTS), _("the beginning"))
    end = _first(row, _ENDS)
    until = start + QUARTER if end in (None, "") else _instant(end, _("the end"))
    if not dt.timedelta() < until - start <= LONGEST:
        raise _NoPrice(_("the end is not within two hours after the beginning"))
    price = _price(row, wanted)
    if abs(price) > MOST_PER_KWH:
        raise _NoPrice(_("%(price)s is no price of a kWh; is it of a MWh?") % {"price": price})
    return Told(area, start, until, price.quantize(Decimal("0.000001")))


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _instant(value: Any, what: str) -> dt.datetime:
    try:
        instant = dt.datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise _NoPrice(
            _("%(what)s is no date and time: %(value)s") % {"what": what, "value": value}
        ) from None
    if instant.tzinfo is None:
        raise _NoPrice(_("%(what)s must name its offset from UTC, as +01:00") % {"what": what})
    return instant.astimezone(dt.UTC)


def _price(row: dict[str, Any], wanted: Wanted) -> Decimal:
    """The price in the wanted currency: as it stands, else from euro by the row's own or our rate."""
    prices = dict(_named(row))
    plain = _first(row, _PRICES)
    if plain is not None:
        prices.setdefault(str(row.get("currency") or wanted.currency).strip().upper(), _number(plain))
    if wanted.currency in prices:
        return prices[wanted.currency]
    if "EUR" in prices:
        own = row.get("exr")
        rate = wanted.per_euro if own in (None, "") else _number(own)
        if rate is not None:
            return prices["EUR"] * rate
        raise _NoPrice(_("the price is in EUR and no exchange rate is set"))
    raise _NoPrice(_("there is no price in %(currency)s") % {"currency": wanted.currency})


def _named(row: dict[str, Any]) -> Iterator[tuple[str, Decimal]]:
    for name, value in row.items():
        found = _NAMED.fullmatch(name)
        if found and value not in (None, ""):
            yield found[1].upper(), _number(value) / (1000 if found[2] == "m" else 1)


def _number(value: Any) -> Decimal:
    try:
        number = Decimal(str(value).strip().replace("\u2212", "-").replace(",", "."))
    except InvalidOperation:
        raise _NoPrice(_("not a number: %(value)s") % {"value": value}) from None
    if not number.is_finite() or abs(number) > 10**9:
        raise _NoPrice(_("not a number: %(value)s") % {"value": value})
    return number
