"""What a subscription does to the price of a session: included energy costs nothing, the rest less.

It is said to the rating engine in its own words and kept as evidence with the CDR: an element for the
first kWh at no price, and a discount on energy at all hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from billing.models import Cdr, SubscriptionMonth
from sessions.models import ChargingSession

WH_PER_KWH = 1000
#: Where the evidence of a CDR names the month of the subscription, and how much of it was left.
KEY = "subscription"


def subscription_facts(
    session: ChargingSession, *, ocpi: Mapping[str, Any], operator_id: int
) -> dict[str, Any] | None:
    """The discount and the energy that is left of the month's; None where no subscription holds.

    Energy at the market's price is never included: only the discount is taken off it.
    """
    month = _month_of(session, operator_id=operator_id)
    if month is None:
        return None
    plan = month.subscription.plan
    is_fixed = "x_dynamic" not in ocpi and _energy_component(ocpi) is not None
    left_wh = max(month.included_wh - used_wh(month, besides=session), Decimal(0)) if is_fixed else Decimal(0)
    if not left_wh and not plan.discount_percent:
        return None
    return {
        "month": month.pk,
        "plan": plan.name,
        "left_kwh": str((left_wh / WH_PER_KWH).normalize()),
        "discount_percent": str(plan.discount_percent.normalize()),
    }


def with_subscription(ocpi: dict[str, Any], facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """The tariff as it is for the subscriber."""
    if not facts:
        return ocpi
    whole = dict(ocpi)
    if Decimal(facts["discount_percent"]) > 0:
        discount = {"name": facts["plan"], "percent": facts["discount_percent"]}
        whole["x_incentives"] = [*(whole.get("x_incentives") or ()), discount]
    energy = _energy_component(whole)
    if Decimal(facts["left_kwh"]) > 0 and energy is not None:
        free = {**energy, "price": "0"}
        limit = {"max_kwh": f"{Decimal(facts['left_kwh']):f}"}
        whole["elements"] = [{"price_components": [free], "restrictions": limit}, *whole["elements"]]
    return whole


def used_wh(month: SubscriptionMonth, *, besides: ChargingSession | None = None) -> Decimal:
    """How much of the month's energy the sessions billed so far have used."""
    billed = Cdr.objects.current().filter(
        account=month.subscription.account_id,
        evidence__subscription__month=month.pk,
    )
    if besides is not None:
        billed = billed.exclude(session=besides)
    used = (
        min(energy_wh, Decimal(evidence[KEY]["left_kwh"]) * WH_PER_KWH)
        for energy_wh, evidence in billed.values_list("energy_wh", "evidence")
    )
    return sum(used, Decimal(0))


def _month_of(session: ChargingSession, *, operator_id: int) -> SubscriptionMonth | None:
    token = session.id_token
    organisation_id = token.organisation_id if token is not None else None
    if organisation_id is not None and organisation_id != operator_id:
        holder = Q(subscription__account__organisation=organisation_id)
    elif session.user_id is not None:
        holder = Q(subscription__account__user=session.user_id)
    else:
        return None
    day = timezone.localtime(session.started_at, timezone.get_default_timezone()).date()
    months = SubscriptionMonth.objects.filter(
        holder, subscription__account__operator=operator_id, first_date__lte=day, end_date__gt=day
    )
    return months.select_related("subscription__plan").order_by("-first_date", "-pk").first()


def _energy_component(ocpi: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first price of energy: what is free is taxed as it is."""
    for element in ocpi["elements"]:
        for component in element["price_components"]:
            if component["type"] == "ENERGY":
                return dict(component)
    return None
