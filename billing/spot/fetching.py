"""Fetches the day-ahead prices of today and tomorrow until all of them are there.

The market settles tomorrow's prices shortly before 13:00 of its own clock. A day has 24 hours, in the nights
the clocks change 23 or 25 (92 or 100 quarters); it is complete when its prices leave no gap.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

from django.conf import settings

from billing.models import DynamicPrice, EnergyCost
from billing.spot.importing import Outcome, store, wanted
from billing.spot.market import prices_between
from billing.spot.reading import Unreadable, read_json

logger = logging.getLogger(__name__)

TOMORROW_FROM = dt.time(12, 45)
_MOST_BYTES = 5_000_000


def fetch_missing(*, now: dt.datetime) -> dict[str, Outcome]:
    """What of today's and, in the afternoon, tomorrow's prices is missing is asked for; by area and day.

    Nothing happens without ``SPOT_PRICE_URL``. A source that does not answer is asked again next time.
    """
    outcomes: dict[str, Outcome] = {}
    if not settings.SPOT_PRICE_URL:
        return outcomes
    for area in areas():
        for day in _days(now):
            if not is_complete(day, area=area):
                outcome = _fetch(day, area=area, now=now)
                if outcome is not None:
                    outcomes[f"{area} {day}"] = outcome
    return outcomes


def areas() -> list[str]:
    """The areas named in the settings, else those that a tariff or a purchase price follows."""
    if settings.SPOT_PRICE_AREAS:
        return list(settings.SPOT_PRICE_AREAS)
    followed = set(DynamicPrice.objects.values_list("area", flat=True))
    return sorted(followed | set(EnergyCost.objects.exclude(area="").values_list("area", flat=True)))


def is_complete(day: dt.date, *, area: str) -> bool:
    """Whether the prices of the market's day leave no gap."""
    start, end = market_day(day)
    at = start
    for price in prices_between(start, end, area=area, currency=settings.SPOT_PRICE_CURRENCY):
        if price.start > at:
            return False
        at = max(at, price.end)
    return at >= end


def market_day(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """The day's midnights on the market's clock, in UTC: 23, 24 or 25 hours apart."""
    zone = ZoneInfo(settings.SPOT_PRICE_TIME_ZONE)
    following = day + dt.timedelta(days=1)
    start, end = (dt.datetime.combine(each, dt.time(), tzinfo=zone) for each in (day, following))
    return start.astimezone(dt.UTC), end.astimezone(dt.UTC)


def _days(now: dt.datetime) -> Iterator[dt.date]:
    local = now.astimezone(ZoneInfo(settings.SPOT_PRICE_TIME_ZONE))
    yield local.date()
    if local.time() >= TOMORROW_FROM:
        yield local.date() + dt.timedelta(days=1)


def _fetch(day: dt.date, *, area: str, now: dt.datetime) -> Outcome | None:
    url = settings.SPOT_PRICE_URL.format(year=f"{day:%Y}", month=f"{day:%m}", day=f"{day:%d}", area=area)
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("SPOT_PRICE_URL is the address of a web service")
    try:
        request = Request(url, headers={"Accept": "application/json"})  # noqa: S310  (checked above)
        with urlopen(request, timeout=settings.SPOT_PRICE_TIMEOUT_S) as response:  # noqa: S310
            body = response.read(_MOST_BYTES)
        if not body:
            return None
        reading = read_json(body, wanted=wanted(area=area))
    except HTTPError as answer:
        logger.info("No day-ahead prices of %s for %s yet: HTTP %s", area, day, answer.code)
        return None
    except (URLError, TimeoutError, OSError, Unreadable) as failed:
        logger.warning("The day-ahead prices of %s for %s could not be fetched: %s", area, day, failed)
        return None
    return store(reading, source=urlsplit(url).netloc, now=now)
