"""Which price groups a driver is in, and through what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import Membership
from billing.models import PriceGroup, Subscription


@dataclass(frozen=True, slots=True)
class Driver:
    """Who charges: a person, the organisation of the id token shown, or a guest without an account."""

    user_id: int | None = None
    organisation_id: int | None = None
    is_guest: bool = False


#: Nobody in particular: gets the public price.
ANYBODY = Driver()


class Through(StrEnum):
    """What makes a driver one of the group."""

    PERSON = "person"
    MEMBERSHIP = "membership"
    ID_TOKEN = "id_token"  # noqa: S105 - a reason, not a secret
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, slots=True)
class InGroup:
    """A group the driver is in, and the first reason why."""

    group: PriceGroup
    through: Through


def groups_of(driver: Driver, *, operator_ids: Iterable[int], at: dt.datetime) -> list[InGroup]:
    """The operators' groups the driver is in at that time, the best-ranked first; at most one query."""
    reasons = _reasons(driver, at=at)
    if not reasons:
        return []
    any_reason = Q()
    for reason in reasons.values():
        any_reason |= Q(reason)
    groups = PriceGroup.objects.filter(any_reason, operator__in=set(operator_ids))
    flags = {f"through_{through}": reason for through, reason in reasons.items()}
    return [
        InGroup(group, next(through for through in reasons if getattr(group, f"through_{through}")))
        for group in groups.annotate(**flags).order_by("rank", "name", "pk")
    ]


def _reasons(driver: Driver, *, at: dt.datetime) -> dict[Through, Exists]:
    """Per reason the condition on a price group, in the order in which they are named."""
    found: dict[Through, Exists] = {}
    if driver.user_id is not None:
        member_of = Membership.objects.filter(user_id=driver.user_id, organisation__is_active=True)
        found[Through.PERSON] = _in(PriceGroup.users.through, user_id=driver.user_id)
        found[Through.MEMBERSHIP] = _in(
            PriceGroup.organisations.through, organisation__in=member_of.values("organisation")
        )
    if driver.organisation_id is not None:
        found[Through.ID_TOKEN] = _in(
            PriceGroup.organisations.through, organisation_id=driver.organisation_id
        )
    holder = _holder(driver)
    if holder is not None:
        found[Through.SUBSCRIPTION] = Exists(_subscriptions(holder, at=at))
    return found


def _in(through: Any, **who: Any) -> Exists:
    return Exists(through.objects.filter(pricegroup=OuterRef("pk"), **who))


def _holder(driver: Driver) -> Q | None:
    """Whose account may carry a subscription."""
    if driver.organisation_id is not None:
        organisation = Q(account__organisation_id=driver.organisation_id)
        return organisation if driver.user_id is None else organisation | Q(account__user_id=driver.user_id)
    return None if driver.user_id is None else Q(account__user_id=driver.user_id)


def _subscriptions(holder: Q, *, at: dt.datetime) -> Any:
    today = timezone.localtime(at, timezone.get_default_timezone()).date()
    return Subscription.objects.filter(
        holder,
        Q(ends_on=None) | Q(ends_on__gt=today),
        plan__price_group=OuterRef("pk"),
        started_on__lte=today,
    )
