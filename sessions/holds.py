"""Sessions whose bill waits for a person: why, and what the person decides.

A held session has exactly one open review. Whoever changes ``held_reason`` calls ``keep``, holding the
lock on the session's row; a decision takes that lock too, so of two people one decides.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.backends import organisations_allowing
from accounts.models import User
from chargeportal.common.events import publish
from chargeportal.live import hints
from sessions import evidence, registers
from sessions.events import SessionCorrected, SessionEnded, SessionHeld
from sessions.models import ChargingSession, SessionReview

MISSING_EVENTS = "missing_events"
CLOCK = "clock"
OVERLONG = "overlong"
#: Data came that does not fit what a person entered.
AFTER_DECISION = "late_after_decision"
#: A flag: the session has a bill that is to be compared with what is known now.
TO_CORRECT = "to_correct"
LONGEST_NOTE = 500
MOST_WH = Decimal(10_000_000)

Decision = SessionReview.Decision


VIEW = "charging_sessions.view_sessionreview"
DECIDE = "charging_sessions.change_sessionreview"


class AlreadyDecided(Exception):
    """Somebody has decided about the session, or new data has lifted the hold."""


class InvalidAdjustment(ValueError):
    """The corrected values cannot be; the message says why, in the person's language."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What settling a session comes to: its energy, and why it is held (empty: it is not)."""

    energy_wh: Decimal
    held_reason: str


def reviews_for(user: Any, *, permission: str = VIEW) -> QuerySet[SessionReview]:
    """The reviews of sessions at the stations where the person may see them, or with DECIDE decide."""
    reviews = SessionReview.objects.visible_to(user).select_related(
        "session__station__location", "session__evse", "session__user", "session__id_token", "decided_by"
    )
    if getattr(user, "is_superuser", False):
        return reviews
    mine = organisations_allowing(user, permission)
    at_mine = Q(session__station__location__operator__in=mine) | Q(session__station__location=None)
    return reviews.filter(at_mine) if mine else reviews.none()


def keep(session: ChargingSession, *, now: dt.datetime) -> None:
    """A held session has an open review with the evidence of now; another has none open."""
    review = session.reviews.select_for_update().filter(decision="").first()
    if not session.held_reason:
        if review is not None:
            _close(review, Decision.APPROVE, by=None, note=_("The reason for the hold has gone."), now=now)
        return
    if review is None:
        review = SessionReview(session=session, opened_at=now)
    review.reason = session.held_reason
    review.evidence = evidence.gather(session)
    review.save()
    publish(SessionHeld(review.pk))


def open_missing(*, most: int, now: dt.datetime) -> int:
    """Held sessions that have no open review get one; returns how many."""
    opened = 0
    without = ChargingSession.objects.exclude(held_reason="").exclude(reviews__decision="")
    for session_id in list(without.order_by("pk").values_list("pk", flat=True)[:most]):
        with transaction.atomic():
            session = _locked(session_id)
            if session.held_reason:
                keep(session, now=now)
                opened += 1
    return opened


def announce(session: ChargingSession) -> None:
    """Billing hears that the session may have changed: to rate it, or to correct its bill."""
    is_billed = TO_CORRECT in session.flags
    publish(SessionCorrected(session.pk) if is_billed else SessionEnded(session.pk))


def last_decision(session: ChargingSession) -> SessionReview | None:
    """What a person decided last about the session."""
    return session.reviews.filter(decided_by__isnull=False).order_by("-decided_at", "-pk").first()


def is_waived(session: ChargingSession) -> bool:
    """Whether a person decided that nobody pays for the session."""
    return session.reviews.filter(decision=Decision.WAIVE).exists()


def respected(session: ChargingSession, measured: Outcome) -> Outcome:
    """What is measured now, as far as no person has decided otherwise.

    A waived session is never held again. Adjusted values stand while the registers prove what they
    proved then; if they prove something else, a person looks again. An approved doubt is not raised a
    second time over the same energy.
    """
    decided = last_decision(session)
    if measured.held_reason == MISSING_EVENTS and _released_itself(session):
        measured = Outcome(measured.energy_wh, "")
    if decided is None:
        return measured
    if decided.decision == Decision.WAIVE:
        return Outcome(measured.energy_wh, "")
    is_as_then = decided.adjustment.get("measured_wh") == str(measured.energy_wh)
    if decided.decision == Decision.ADJUST:
        if is_as_then and session.energy_wh is not None:
            return Outcome(session.energy_wh, "")
        return Outcome(measured.energy_wh, measured.held_reason or AFTER_DECISION)
    if is_as_then and decided.reason == measured.held_reason:
        return Outcome(measured.energy_wh, "")
    return measured


def approve(review: SessionReview, *, by: User, note: str = "", now: dt.datetime) -> SessionReview:
    """The session is billed as measured. Raises AlreadyDecided."""
    return _decide(review, Decision.APPROVE, by=by, note=note, now=now, change=lambda _session: {})


def waive(review: SessionReview, *, by: User, note: str = "", now: dt.datetime) -> SessionReview:
    """Nobody pays for the session; its record has no lines. Raises AlreadyDecided."""
    return _decide(review, Decision.WAIVE, by=by, note=note, now=now, change=lambda _session: {})


def adjust(
    review: SessionReview,
    *,
    energy_wh: Decimal | None = None,
    ended_at: dt.datetime | None = None,
    by: User,
    note: str = "",
    now: dt.datetime,
) -> SessionReview:
    """The session has the corrected energy and end and is billed. Raises AlreadyDecided, InvalidAdjustment.

    With an end but no energy, the energy is what the registers prove until that end.
    """

    def change(session: ChargingSession) -> dict[str, dict[str, str]]:
        before = {"energy_wh": str(session.energy_wh), "ended_at": _text(session.ended_at)}
        if ended_at is not None:
            session.ended_at = _checked_end(session, ended_at, now=now)
        proven = registers.settle(session).energy_wh
        session.energy_wh = proven if energy_wh is None else _checked_energy(energy_wh)
        after = {"energy_wh": str(session.energy_wh), "ended_at": _text(session.ended_at)}
        return {
            name: {"before": before[name], "after": after[name]}
            for name in before
            if before[name] != after[name]
        }

    if energy_wh is None and ended_at is None:
        raise InvalidAdjustment(_("Enter the corrected energy or the corrected end."))
    return _decide(review, Decision.ADJUST, by=by, note=note, now=now, change=change)


def _decide(
    review: SessionReview,
    decision: str,
    *,
    by: User,
    note: str,
    now: dt.datetime,
    change: Callable[[ChargingSession], dict],
) -> SessionReview:
    with transaction.atomic():
        session = _locked(review.session_id)
        current = SessionReview.objects.select_for_update().get(pk=review.pk)
        if current.decision:
            raise AlreadyDecided(current.get_decision_display())
        changed = change(session)
        current.adjustment = {**changed, "measured_wh": str(registers.settle(session).energy_wh)}
        session.held_reason = ""
        session.save(update_fields=["held_reason", "energy_wh", "ended_at"])
        _close(current, decision, by=by, note=note, now=now)
        audit.record(
            by,
            act=f"hold.{decision}",
            subject=f"session {session.public_id}",
            details={"reason": current.reason, "note": current.note, **changed},
        )
        announce(session)
        hints.changed(session_ids=[session.pk], evse_ids=[session.evse_id] if session.evse_id else [])
    return current


def _close(review: SessionReview, decision: str, *, by: User | None, note: str, now: dt.datetime) -> None:
    review.decision = decision
    review.decided_by = by
    review.decided_at = now
    review.note = note[:LONGEST_NOTE]
    review.save()


def _released_itself(session: ChargingSession) -> bool:
    return session.reviews.filter(reason=MISSING_EVENTS).exclude(decision="").exists()


def _checked_energy(energy_wh: Decimal) -> Decimal:
    if not 0 <= energy_wh <= MOST_WH:
        raise InvalidAdjustment(_("The energy must lie between 0 and 10,000 kWh."))
    return energy_wh.quantize(registers.WH)


def _checked_end(session: ChargingSession, ended_at: dt.datetime, *, now: dt.datetime) -> dt.datetime:
    if ended_at < session.started_at:
        raise InvalidAdjustment(_("The end must not lie before the start."))
    if ended_at > now:
        raise InvalidAdjustment(_("The end must not lie in the future."))
    return ended_at


def _text(at: dt.datetime | None) -> str:
    return "" if at is None else at.isoformat()


def _locked(session_id: int) -> ChargingSession:
    return (
        ChargingSession.objects.select_for_update(of=("self",))
        .select_related("station__location", "evse")
        .get(pk=session_id)
    )
