"""Which tariff holds for a driver at an EVSE at a given time, and why.

Of the tariffs that hold at the place, the first in this order:

1. those of the price groups the driver is in, the best-ranked group first;
2. for a guest the public tariffs of the type "ad hoc";
3. the public tariffs.

Within each step the EVSE's own comes before its location's, that before the operator's one for
everywhere else; of several public ones at the same place one for people with an account comes before an
ad-hoc one, and then the newest. Only tariffs of the location's own operator hold there; a station
without a location is the only operator's, and where there are several no tariff holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Prefetch, Q

from accounts import access
from billing.customers import is_guests
from billing.models import Cdr, PriceGroup, Tariff, TariffAssignment, TariffElement
from billing.price_groups import ANYBODY, Driver, InGroup, groups_of
from sessions.models import ChargingSession
from stations.models import Evse

#: More specific places first.
_PLACES = ("evse", "location", "everywhere")


class Rule(StrEnum):
    """By which step a tariff was chosen."""

    PRICE_GROUP = "price_group"
    AD_HOC = "ad_hoc"
    PUBLIC = "public"
    NONE = "none"


class Verdict(StrEnum):
    """What became of a tariff that holds at the place."""

    CHOSEN = "chosen"
    AFTER = "after"
    OTHER_GROUP = "other_group"


@dataclass(frozen=True, slots=True)
class Considered:
    """A tariff that holds at the place, with where it is assigned and what became of it."""

    assignment: TariffAssignment
    place: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Selection:
    """The tariff that holds for a driver, None when nothing is charged; and how it was found."""

    rule: Rule
    groups: tuple[InGroup, ...]
    considered: tuple[Considered, ...]

    @property
    def assignment(self) -> TariffAssignment | None:
        """What was chosen."""
        return next((c.assignment for c in self.considered if c.verdict is Verdict.CHOSEN), None)

    @property
    def tariff(self) -> Tariff | None:
        """The tariff chosen, with elements and price components loaded."""
        return self.assignment.tariff if self.assignment else None

    @property
    def price_group(self) -> PriceGroup | None:
        """The group whose price it is; None for the public price."""
        return self.assignment.price_group if self.assignment else None

    def as_evidence(self) -> dict[str, Any]:
        """The explanation as it is kept with a CDR: names and ids, no personal data."""
        return {
            "rule": str(self.rule),
            "groups": [
                {"id": found.group.pk, "name": found.group.name, "through": str(found.through)}
                for found in self.groups
            ],
            "considered": [_evidence(each) for each in self.considered],
        }


@dataclass(frozen=True, slots=True)
class _Place:
    evse_id: int
    location_id: int | None
    operator_id: int | None


def select_tariffs(
    evse_ids: Iterable[int], *, at: dt.datetime, driver: Driver = ANYBODY
) -> Mapping[int, Selection]:
    """How the tariff of each EVSE was chosen for the driver; a few queries whatever their number."""
    rows = Evse.objects.filter(pk__in=list(evse_ids)).values_list(
        "pk", "station__location_id", "station__location__operator_id"
    )
    places = [
        _Place(evse_id, location_id, operator_id or access.sole_operator_id())
        for evse_id, location_id, operator_id in rows
    ]
    operator_ids = {place.operator_id for place in places if place.operator_id is not None}
    groups = groups_of(driver, operator_ids=operator_ids, at=at)
    assignments = _assignments(places, at=at)
    return {place.evse_id: _choose(assignments, place, groups=groups, driver=driver) for place in places}


def select_tariff(evse_id: int | None, *, at: dt.datetime, driver: Driver = ANYBODY) -> Selection:
    """How the tariff of one EVSE was chosen for the driver."""
    nothing = Selection(Rule.NONE, (), ())
    return (
        nothing if evse_id is None else select_tariffs([evse_id], at=at, driver=driver).get(evse_id, nothing)
    )


def tariffs_at(evse_ids: Iterable[int], *, at: dt.datetime, driver: Driver = ANYBODY) -> Mapping[int, Tariff]:
    """The tariff of each EVSE that has one, with elements and price components loaded; a few queries."""
    chosen = select_tariffs(evse_ids, at=at, driver=driver)
    return {evse_id: found.tariff for evse_id, found in chosen.items() if found.tariff is not None}


def tariff_for(evse_id: int | None, *, at: dt.datetime, driver: Driver = ANYBODY) -> Tariff | None:
    """The tariff of one EVSE; None when nothing is charged there."""
    return select_tariff(evse_id, at=at, driver=driver).tariff


def driver_of(session: ChargingSession) -> Driver:
    """Who charges in the session: the driver, the organisation of the id token, or a guest."""
    if is_guests(session):
        return Driver(is_guest=True)
    token = session.id_token
    return Driver(user_id=session.user_id, organisation_id=token.organisation_id if token else None)


@dataclass(frozen=True, slots=True)
class ForSession:
    """The tariff a session is priced by, whose price it is, and why."""

    tariff: Tariff | None
    price_group: PriceGroup | None
    evidence: dict[str, Any]


def tariff_of_session(session: ChargingSession) -> ForSession:
    """The tariff chosen when the session started; for one that was billed before, the one it was billed by.

    Who was in which group at the start is not kept, so a correction does not choose again.
    """
    if not session.is_active:
        billed = Cdr.objects.filter(session=session, credits=None, tariff__isnull=False)
        first = billed.select_related("tariff__dynamic_price", "price_group").order_by("sequence").first()
        if first is not None and "selection" in first.evidence:
            return ForSession(first.tariff, first.price_group, first.evidence["selection"])
    found = select_tariff(session.evse_id, at=session.started_at, driver=driver_of(session))
    return ForSession(found.tariff, found.price_group, found.as_evidence())


def _assignments(places: Sequence[_Place], *, at: dt.datetime) -> list[TariffAssignment]:
    elements = TariffElement.objects.order_by("position").prefetch_related("price_components")
    here = Q(evse__in=[place.evse_id for place in places]) | Q(
        location__in={place.location_id for place in places if place.location_id}
    )
    return list(
        TariffAssignment.objects.filter(here | Q(evse=None, location=None), valid_from__lte=at)
        .filter(Q(valid_until=None) | Q(valid_until__gt=at))
        .select_related("tariff__dynamic_price", "price_group")
        .prefetch_related(Prefetch("tariff__elements", queryset=elements), "tariff__incentives")
        .order_by("-valid_from", "-pk")
    )


def _choose(
    assignments: Sequence[TariffAssignment], place: _Place, *, groups: Sequence[InGroup], driver: Driver
) -> Selection:
    """Every tariff that holds at the place, in the order of the rules; the first for the driver is chosen."""
    ranks = {found.group.pk: index for index, found in enumerate(groups)}
    here = [
        a
        for a in assignments
        if a.tariff.operator_id == place.operator_id and _place_of(a, place) is not None
    ]
    theirs = [a for a in here if a.price_group_id is None or a.price_group_id in ranks]
    theirs.sort(key=lambda a: _order(a, place, ranks=ranks, driver=driver))
    others = [a for a in here if a not in theirs]
    considered = [
        *((a, Verdict.AFTER if index else Verdict.CHOSEN) for index, a in enumerate(theirs)),
        *((a, Verdict.OTHER_GROUP) for a in others),
    ]
    return Selection(
        rule=_rule(theirs[0] if theirs else None, driver=driver),
        groups=tuple(groups),
        considered=tuple(Considered(a, _place_of(a, place) or "", verdict) for a, verdict in considered),
    )


def _order(
    assignment: TariffAssignment, place: _Place, *, ranks: Mapping[int, int], driver: Driver
) -> tuple[int, int, bool]:
    is_ad_hoc = assignment.tariff.type == Tariff.Type.AD_HOC_PAYMENT
    if assignment.price_group_id is not None:
        step = ranks[assignment.price_group_id]
    else:
        step = len(ranks) + (1 if driver.is_guest and not is_ad_hoc else 0)
    return step, _PLACES.index(_place_of(assignment, place) or ""), is_ad_hoc


def _place_of(assignment: TariffAssignment, place: _Place) -> str | None:
    if assignment.evse_id is not None:
        return "evse" if assignment.evse_id == place.evse_id else None
    if assignment.location_id is not None:
        return "location" if assignment.location_id == place.location_id else None
    return "everywhere"


def _rule(chosen: TariffAssignment | None, *, driver: Driver) -> Rule:
    if chosen is None:
        return Rule.NONE
    if chosen.price_group_id is not None:
        return Rule.PRICE_GROUP
    is_ad_hoc = chosen.tariff.type == Tariff.Type.AD_HOC_PAYMENT
    return Rule.AD_HOC if driver.is_guest and is_ad_hoc else Rule.PUBLIC


def _evidence(each: Considered) -> dict[str, Any]:
    assignment = each.assignment
    return {
        "tariff": str(assignment.tariff.public_id),
        "name": assignment.tariff.name,
        "version": assignment.tariff.version,
        "type": assignment.tariff.type,
        "place": each.place,
        "price_group": assignment.price_group.name if assignment.price_group else None,
        "valid_from": assignment.valid_from.isoformat(),
        "verdict": str(each.verdict),
    }
