"""The life of a tariff's versions: draft, published from an instant on, replaced; never edited.

A change of price is a new version. Publishing it closes what it replaces at the instant it begins and
opens it at the same places for the same groups; until then it can be withdrawn, and all is as before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from billing.models import (
    Cdr,
    DynamicPrice,
    OffPeakIncentive,
    PriceComponent,
    Tariff,
    TariffAssignment,
    TariffElement,
)
from billing.tariffs.checking import check
from billing.tariffs.findings import Finding, errors_of


class NotAllowed(Exception):
    """The step does not fit the version's state; the text says why and what to do."""


class Refused(Exception):
    """The tariff has errors; ``findings`` are all of them and the warnings."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(str(finding) for finding in errors_of(findings)))
        self.findings = list(findings)


class State(StrEnum):
    """Where a version is in its life."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    IN_FORCE = "in_force"
    PAST = "past"


@dataclass(frozen=True, slots=True)
class Holding:
    """Where and for whom a tariff is to hold; no place means everywhere else, no group everybody."""

    location_id: int | None = None
    evse_id: int | None = None
    price_group_id: int | None = None


def state_of(tariff: Tariff, *, now: dt.datetime) -> State:
    """The version's state; its assignments should have been prefetched."""
    if tariff.published_at is None and not tariff.assignments.all():
        return State.DRAFT
    assignments = list(tariff.assignments.all())
    if any(a.valid_from <= now and (a.valid_until is None or a.valid_until > now) for a in assignments):
        return State.IN_FORCE
    return State.SCHEDULED if any(a.valid_from > now for a in assignments) else State.PAST


def holdings_of(tariff: Tariff, *, at: dt.datetime) -> list[Holding]:
    """Where the tariff holds at that time, or will."""
    open_then = tariff.assignments.filter(Q(valid_until=None) | Q(valid_until__gt=at)).order_by("pk")
    found = [Holding(a.location_id, a.evse_id, a.price_group_id) for a in open_then]
    return list(dict.fromkeys(found))


def new_version(tariff: Tariff, *, by: User | None) -> Tariff:
    """A draft with the same prices that replaces the tariff when it is published.

    Raises NotAllowed for a draft, and where a newer version exists.
    """
    with transaction.atomic():
        old = Tariff.objects.select_for_update().get(pk=tariff.pk)
        if old.published_at is None:
            raise NotAllowed(_("This version is a draft still: change it instead."))
        newer = Tariff.objects.filter(replaces=old).first()
        if newer is not None:
            raise NotAllowed(
                _("Version %(number)d replaces this one already: go on with that.")
                % {"number": newer.version}
            )
        draft = _copy(old)
        audit.record(by, act="tariff.versioned", subject=f"tariff {draft} {draft.version}")
        return draft


def publish(
    tariff: Tariff,
    *,
    starts_at: dt.datetime,
    holdings: Iterable[Holding],
    now: dt.datetime,
    by: User | None,
) -> list[Finding]:
    """The draft holds from ``starts_at`` at the places, and what it replaces ends there then.

    Places at which the replaced version holds keep that version's end. Returns the warnings. Raises
    NotAllowed where the state or the time forbids it, Refused when the tariff has errors.
    """
    wanted = list(dict.fromkeys(holdings))
    with transaction.atomic():
        locked = _locked(tariff)
        if locked.published_at is not None:
            raise NotAllowed(_("This version is published already."))
        _check_start(starts_at, wanted, now=now)
        findings = check(locked, holdings=wanted, at=starts_at)
        if errors_of(findings):
            raise Refused(findings)
        closed = _close_replaced(locked, starts_at)
        locked.published_at = now
        locked.save(update_fields=["published_at", "updated_at"])
        _open(locked, wanted, starts_at=starts_at, ends=closed)
        _record(by, "tariff.published", locked, starts_at=starts_at, places=len(wanted))
        return findings


def extend(
    tariff: Tariff,
    *,
    starts_at: dt.datetime,
    holdings: Iterable[Holding],
    now: dt.datetime,
    by: User | None,
) -> list[Finding]:
    """The published version holds at more places too. Raises as ``publish`` does."""
    wanted = list(dict.fromkeys(holdings))
    with transaction.atomic():
        locked = _locked(tariff)
        if locked.published_at is None:
            raise NotAllowed(_("A draft holds nowhere: publish it."))
        _check_start(starts_at, wanted, now=now)
        there = set(holdings_of(locked, at=starts_at))
        fresh = [holding for holding in wanted if holding not in there]
        if not fresh:
            raise NotAllowed(_("It holds there already."))
        findings = check(locked, holdings=fresh, at=starts_at)
        if errors_of(findings):
            raise Refused(findings)
        _open(locked, fresh, starts_at=starts_at, ends={})
        _record(by, "tariff.extended", locked, starts_at=starts_at, places=len(fresh))
        return findings


def end(assignment: TariffAssignment, *, at: dt.datetime, now: dt.datetime, by: User | None) -> None:
    """The tariff holds at this place until then. Raises NotAllowed for the past, and where it has ended."""
    with transaction.atomic():
        tariff = _locked(assignment.tariff)
        locked = TariffAssignment.objects.select_for_update().get(pk=assignment.pk)
        if at < now:
            raise NotAllowed(_("What has been charged cannot be changed: choose a time to come."))
        if locked.valid_until is not None and locked.valid_until <= at:
            raise NotAllowed(_("It has ended there by then anyway."))
        if at <= locked.valid_from:
            raise NotAllowed(_("It has not begun by then: withdraw the version instead."))
        locked.valid_until = at
        locked.save(update_fields=["valid_until"])
        _record(by, "tariff.ended", tariff, ends_at=at, place=str(locked))


def withdraw(tariff: Tariff, *, now: dt.datetime, by: User | None) -> None:
    """The scheduled version is a draft again, and what it would have replaced goes on.

    Raises NotAllowed once it has begun anywhere.
    """
    with transaction.atomic():
        locked = _locked(tariff)
        assignments = list(locked.assignments.select_for_update())
        if locked.published_at is None:
            raise NotAllowed(_("This version is not published."))
        if any(a.valid_from <= now for a in assignments) or Cdr.objects.filter(tariff=locked).exists():
            raise NotAllowed(_("It has begun: publish a new version instead."))
        for assignment in assignments:
            _reopen(locked, assignment)
            assignment.delete()
        locked.published_at = None
        locked.save(update_fields=["published_at", "updated_at"])
        _record(by, "tariff.withdrawn", locked)


def _locked(tariff: Tariff) -> Tariff:
    """The tariff and what it replaces, locked in the order of their ids."""
    ids = sorted(pk for pk in (tariff.pk, tariff.replaces_id) if pk is not None)
    rows = {row.pk: row for row in Tariff.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
    return rows[tariff.pk]


def _check_start(starts_at: dt.datetime, wanted: Sequence[Holding], *, now: dt.datetime) -> None:
    if starts_at < now:
        raise NotAllowed(_("A price cannot begin in the past: what was charged stays as it was."))
    if not wanted:
        raise NotAllowed(_("Choose where the tariff is to hold."))


def _close_replaced(tariff: Tariff, starts_at: dt.datetime) -> dict[Holding, dt.datetime | None]:
    """What the tariff replaces ends; returns until when each place was to have it."""
    if tariff.replaces_id is None:
        return {}
    open_then = TariffAssignment.objects.select_for_update().filter(tariff=tariff.replaces_id)
    ends: dict[Holding, dt.datetime | None] = {}
    for assignment in open_then.filter(Q(valid_until=None) | Q(valid_until__gt=starts_at)).order_by("pk"):
        if assignment.valid_from >= starts_at:
            raise NotAllowed(
                _(
                    "The version it replaces begins on %(start)s only: choose a later time, or"
                    " withdraw that one."
                )
                % {"start": f"{assignment.valid_from:%Y-%m-%d %H:%M} UTC"}
            )
        ends[_holding(assignment)] = assignment.valid_until
        assignment.valid_until = starts_at
        assignment.save(update_fields=["valid_until"])
    return ends


def _reopen(tariff: Tariff, assignment: TariffAssignment) -> None:
    """The replaced version holds at the place as long as it would have."""
    TariffAssignment.objects.filter(
        tariff=tariff.replaces_id,
        location=assignment.location_id,
        evse=assignment.evse_id,
        price_group=assignment.price_group_id,
        valid_until=assignment.valid_from,
    ).update(valid_until=assignment.valid_until)


def _open(
    tariff: Tariff,
    holdings: Iterable[Holding],
    *,
    starts_at: dt.datetime,
    ends: dict[Holding, dt.datetime | None],
) -> None:
    TariffAssignment.objects.bulk_create(
        TariffAssignment(
            tariff=tariff,
            location_id=holding.location_id,
            evse_id=holding.evse_id,
            price_group_id=holding.price_group_id,
            valid_from=starts_at,
            valid_until=ends.get(holding),
        )
        for holding in holdings
    )


def _holding(assignment: TariffAssignment) -> Holding:
    return Holding(assignment.location_id, assignment.evse_id, assignment.price_group_id)


def _copy(old: Tariff) -> Tariff:
    """A draft with everything of the old version but its life."""
    own = {"id", "public_id", "version", "replaces", "published_at", "created_at", "updated_at"}
    fields = {f.attname: getattr(old, f.attname) for f in Tariff._meta.concrete_fields if f.name not in own}
    last = Tariff.objects.filter(operator=old.operator_id, name=old.name).order_by("-version").first()
    draft = Tariff.objects.create(**fields, version=(last or old).version + 1, replaces=old)
    for element in old.elements.prefetch_related("price_components"):
        copy = TariffElement.objects.create(
            tariff=draft, position=element.position, restrictions=element.restrictions
        )
        PriceComponent.objects.bulk_create(
            PriceComponent(
                element=copy,
                type=component.type,
                price=component.price,
                vat_percent=component.vat_percent,
                step_size=component.step_size,
            )
            for component in element.price_components.all()
        )
    for dynamic in DynamicPrice.objects.filter(tariff=old):
        dynamic.pk, dynamic.tariff = None, draft
        dynamic.save(force_insert=True)
    for incentive in OffPeakIncentive.objects.filter(tariff=old):
        incentive.pk, incentive.tariff = None, draft
        incentive.save(force_insert=True)
    return draft


def _record(by: User | None, act: str, tariff: Tariff, **details: object) -> None:
    said = {name: v.isoformat() if isinstance(v, dt.datetime) else v for name, v in details.items()}
    audit.record(by, act=act, subject=f"tariff {tariff} {tariff.version}", details=said)
