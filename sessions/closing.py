"""Ends sessions: with the energy their registers prove, and held where a person must look first."""

import datetime as dt

from django.conf import settings
from django.db.models import Max, Min

from sessions import authorization, holds, ports, registers
from sessions.models import ChargingSession, TransactionEvent
from sessions.moments import IMPOSSIBLE_CLOCK
from stations.models import Evse

MISSING_START = "missing_start"
MISSING_STOP = "missing_stop"
MATCHED_STOP = "matched_stop"
ENDED_BEFORE_START = "ended_before_start"
LATE_DATA = "late_data"
#: A queue that has not brought the missing events by then will not bring them.
WAIT_FOR_EVENTS = dt.timedelta(hours=1)


def settle(
    session: ChargingSession,
    *,
    ended_at: dt.datetime,
    received_at: dt.datetime,
    now: dt.datetime | None = None,
) -> None:
    """The session is ended with the energy its registers prove; what they cannot prove is held.

    One that has its bill already is marked to be corrected. What a person decided about it stands, as
    ``holds.respected`` says. ``now`` is when this became known, if not with the end.
    """
    had_ended = not session.is_active
    session.state = ChargingSession.State.ENDED
    session.ended_at = max(ended_at, session.started_at)
    session.end_received_at = received_at
    measured = registers.settle(session)
    marks = {holds.TO_CORRECT} if had_ended and is_priced(session) else set()
    session.flags = sorted({*session.flags} - registers.FLAGS | {*measured.flags} | marks)
    result = holds.Outcome(measured.energy_wh, _reason_to_hold(session, measured))
    if had_ended:
        result = holds.respected(session, result)
    session.energy_wh = result.energy_wh
    session.held_reason = result.held_reason
    session.save()
    if had_ended or session.held_reason:
        holds.keep(session, now=now or received_at)
    holds.announce(session)


def take_late_data(session: ChargingSession, *, now: dt.datetime) -> None:
    """Data came for an ended session: it is settled again, and its bill is corrected if it has one.

    The caller holds the lock on the session's row, as the pricing does, so one of them is first.
    """
    session.flags = sorted({*session.flags, LATE_DATA})
    if session.ended_at is None:
        session.save()
        return
    settle(
        session,
        ended_at=session.ended_at,
        received_at=session.end_received_at or session.ended_at,
        now=now,
    )


def take_late_readings(session: ChargingSession, *, now: dt.datetime) -> bool:
    """Readings of an ended session came after its end; it is settled again if they prove something else.

    Returns whether they did. The caller holds the lock on the session's row.
    """
    if session.is_active or session.energy_wh is None:
        return False
    measured = registers.settle(session)
    result = holds.Outcome(measured.energy_wh, _reason_to_hold(session, measured))
    result = holds.respected(session, result)
    if (result.energy_wh, result.held_reason) == (session.energy_wh, session.held_reason):
        return False
    take_late_data(session, now=now)
    return True


def hold(session: ChargingSession, *, reason: str, now: dt.datetime) -> None:
    """The session waits for a person, for that reason. The caller holds the lock on its row."""
    session.held_reason = reason
    session.save(update_fields=["held_reason"])
    holds.keep(session, now=now)


def corrected(session: ChargingSession) -> None:
    """The session's bill is what is known of it: nothing waits to be corrected any more."""
    if holds.TO_CORRECT in session.flags:
        session.flags = [flag for flag in session.flags if flag != holds.TO_CORRECT]
        session.save(update_fields=["flags"])


def is_priced(session: ChargingSession) -> bool:
    """Whether the session has its CDR; from then on it is corrected, not changed."""
    return session.pk in ports.pricing().totals([session.pk])


def close_abandoned(
    evse: Evse, *, before: dt.datetime, received_at: dt.datetime, except_for: int | None = None
) -> None:
    """Sessions left open at an EVSE where another begins are ended with what is known of them, and held."""
    abandoned = ChargingSession.objects.active().filter(evse=evse, started_at__lte=before)
    if except_for is not None:
        abandoned = abandoned.exclude(pk=except_for)
    for session in abandoned.select_for_update(of=("self",)).select_related("evse"):
        last = session.samples.order_by("-sampled_at").values_list("sampled_at", flat=True).first()
        session.flags = sorted({*session.flags, MISSING_STOP})
        settle(session, ended_at=min(last or session.started_at, before), received_at=received_at)


def release_incomplete(*, now: dt.datetime) -> int:
    """Sessions that waited long enough for queued events are settled without them; returns how many."""
    waiting = ChargingSession.objects.filter(
        held_reason=holds.MISSING_EVENTS, end_received_at__lte=now - WAIT_FOR_EVENTS
    )
    released = 0
    for session in waiting.select_for_update(skip_locked=True, of=("self",)).select_related("evse")[:500]:
        session.held_reason = ""
        session.save(update_fields=["held_reason"])
        holds.keep(session, now=now)
        holds.announce(session)
        released += 1
    return released


def _reason_to_hold(session: ChargingSession, settled: registers.Settled) -> str:
    """The first thing that a person must look at; empty when there is none."""
    reasons = {
        MISSING_STOP: MISSING_STOP in session.flags,
        MISSING_START: MISSING_START in session.flags,
        settled.doubt: bool(settled.doubt),
        holds.CLOCK: bool({IMPOSSIBLE_CLOCK, ENDED_BEFORE_START} & {*session.flags}),
        "no_evse": session.evse_id is None,
        "unidentified": not session.id_token_uid,
        "not_authorized": session.authorization_status != authorization.ACCEPTED,
        holds.OVERLONG: _is_overlong(session),
    }
    found = next((reason for reason, is_so in reasons.items() if is_so), "")
    return found or (holds.MISSING_EVENTS if _lacks_events(session) else "")


def _is_overlong(session: ChargingSession) -> bool:
    longest_h = settings.SESSION_OVERLONG_HOURS
    if not longest_h or session.ended_at is None:
        return False
    return session.ended_at - session.started_at > dt.timedelta(hours=longest_h)


def _lacks_events(session: ChargingSession) -> bool:
    """Whether a 2.x station that sends from its queue has not sent all sequence numbers yet."""
    events = session.events.all()
    if session.ocpp_version == "1.6" or not events.filter(offline=True).exists():
        return False
    span = events.aggregate(first=Min("seq_no"), last=Max("seq_no"))
    started = events.filter(type=TransactionEvent.Type.STARTED).exists()
    count = events.values("seq_no").distinct().count()
    return started and span["last"] - span["first"] + 1 > count
