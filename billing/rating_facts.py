"""What a tariff asks of the world before it can price a session: the market's prices, and the driver's day.

Both are kept as evidence in the CDR, so that it can be priced again from itself alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Sum

from billing.models import Cdr, Tariff
from billing.spot.market import MarketPrice, from_evidence, prices_between, without_overlap
from billing.subscription_prices import subscription_facts, with_subscription
from sessions.models import ChargingSession

#: Class of the advisory lock that lets one session of a driver after the other count towards a day's cap.
_LOCK_CLASS = 7312


def facts_for(
    ocpi: Mapping[str, Any],
    *,
    tariff: Tariff,
    session: ChargingSession,
    now: dt.datetime,
    time_zone: str,
    for_good: bool,
) -> dict[str, Any]:
    """The evidence the tariff's own keys ask for; empty for most tariffs.

    ``for_good`` makes a driver's sessions wait for each other, so that two at once keep within the cap;
    it needs a transaction.
    """
    evidence: dict[str, Any] = {}
    if "x_dynamic" in ocpi:
        evidence["day_ahead"] = _day_ahead(ocpi["x_dynamic"], tariff=tariff, session=session, now=now)
    if "x_day_cap" in ocpi:
        if for_good:
            _wait_for_others(session)
        evidence["day_cap"] = _paid_that_day(session, tariff=tariff, time_zone=time_zone)
    subscribed = subscription_facts(session, ocpi=ocpi, operator_id=tariff.operator_id)
    if subscribed is not None and for_good:  # asked again when nobody else can use up what is left
        _wait_for_others(session)
        subscribed = subscription_facts(session, ocpi=ocpi, operator_id=tariff.operator_id)
    if subscribed is not None:
        evidence["subscription"] = subscribed
    return evidence


def with_facts(ocpi: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The tariff with the facts in their places, ready for the rating engine."""
    whole = dict(ocpi)
    if "x_dynamic" in whole and "day_ahead" in evidence:
        whole["x_dynamic"] = whole["x_dynamic"] | {"prices": evidence["day_ahead"]["prices"]}
    if "x_day_cap" in whole and "day_cap" in evidence:
        whole["x_day_cap"] = whole["x_day_cap"] | {"paid": evidence["day_cap"]["paid"]}
    return with_subscription(whole, evidence.get("subscription"))


def _day_ahead(
    dynamic: Mapping[str, Any], *, tariff: Tariff, session: ChargingSession, now: dt.datetime
) -> dict[str, Any]:
    """The prices of the session's time; those that an earlier CDR of it was priced by stay what they were."""
    end = session.ended_at or max(now, session.started_at)
    known = prices_between(session.started_at, end, area=dynamic["area"], currency=tariff.currency)
    earlier = Cdr.objects.filter(session=session, tariff=tariff, credits=None).order_by("-sequence").first()
    if earlier is not None and "day_ahead" in earlier.evidence:
        known = _kept_first(from_evidence(earlier.evidence["day_ahead"]["prices"]), known, earlier=earlier)
    return {
        "area": dynamic["area"],
        "currency": tariff.currency,
        "prices": [price.as_evidence() for price in known],
    }


def _kept_first(kept: list[MarketPrice], known: list[MarketPrice], *, earlier: Cdr) -> list[MarketPrice]:
    """Within the time of the earlier CDR its own prices (and gaps), outside of it what is known now."""
    outside = [price for price in known if price.end <= earlier.started_at or price.start >= earlier.ended_at]
    starts = {price.start for price in kept}
    ordered = sorted([*kept, *(p for p in outside if p.start not in starts)], key=lambda price: price.start)
    return without_overlap(ordered)


def _paid_that_day(session: ChargingSession, *, tariff: Tariff, time_zone: str) -> dict[str, Any]:
    """What the driver's other sessions that began on the same local day cost by any version of the tariff."""
    zone = ZoneInfo(time_zone)
    day = session.started_at.astimezone(zone).date()
    first = dt.datetime.combine(day, dt.time(), tzinfo=zone)
    until = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=zone)
    others = _of_driver(session)
    paid: Decimal | None = None
    if others is not None:
        paid = (
            Cdr.objects.current()
            .filter(**others, tariff__operator=tariff.operator_id, tariff__name=tariff.name)
            .filter(currency=tariff.currency, started_at__gte=first, started_at__lt=until)
            .exclude(session=session)
            .aggregate(paid=Sum("total_incl_vat"))["paid"]
        )
    return {"date": day.isoformat(), "paid": str(max(paid or Decimal(0), Decimal(0)))}


def _of_driver(session: ChargingSession) -> dict[str, int] | None:
    """How the driver's CDRs are found; None where nobody knows who drives."""
    if session.user_id is not None:
        return {"session__user": session.user_id}
    return None if session.id_token_id is None else {"session__id_token": session.id_token_id}


def _wait_for_others(session: ChargingSession) -> None:
    key = session.user_id or -(session.id_token_id or 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, key])
