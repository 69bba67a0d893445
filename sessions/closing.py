"""Ends sessions: with the energy their registers prove, and held where a person must look first."""

import datetime as dt

from django.db.models import Max, Min

from chargeportal.common.events import publish
from sessions import authorization, ports, registers
from sessions.events import SessionCorrected, SessionEnded
from sessions.models import ChargingSession, TransactionEvent
from stations.models import Evse

MISSING_START = "missing_start"
MISSING_STOP = "missing_stop"
MATCHED_STOP = "matched_stop"
MISSING_EVENTS = "missing_events"
LATE_DATA = "late_data"
#: A queue that has not brought the missing events by then will not bring them.
WAIT_FOR_EVENTS = dt.timedelta(hours=1)


def settle(session: ChargingSession, *, ended_at: dt.datetime, received_at: dt.datetime) -> None:
    """The session is ended with the energy its registers prove; what they cannot prove is held."""
    session.state = ChargingSession.State.ENDED
    session.ended_at = max(ended_at, session.started_at)
    session.end_received_at = received_at
    settled = registers.settle(session)
    session.energy_wh = settled.energy_wh
    session.flags = sorted({*session.flags, *settled.flags})
    session.held_reason = _reason_to_hold(session, settled)
    session.save()
    publish(SessionEnded(session.pk))


def take_late_data(session: ChargingSession) -> None:
    """Data came for an ended session: it is settled again, or marked for correction if it has been priced.

    The caller holds the lock on the session's row, as the pricing does, so one of them is first.
    """
    session.flags = sorted({*session.flags, LATE_DATA})
    if is_priced(session) or session.ended_at is None:
        session.save()
        publish(SessionCorrected(session.pk))
        return
    settle(
        session,
        ended_at=session.ended_at,
        received_at=session.end_received_at or session.ended_at,
    )


def is_priced(session: ChargingSession) -> bool:
    """Whether the session has its CDR, which nothing changes any more."""
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
        held_reason=MISSING_EVENTS, end_received_at__lte=now - WAIT_FOR_EVENTS
    )
    released = 0
    for session in waiting.select_for_update(skip_locked=True, of=("self",)).select_related("evse")[:500]:
        session.held_reason = ""
        session.save(update_fields=["held_reason"])
        publish(SessionEnded(session.pk))
        released += 1
    return released


def _reason_to_hold(session: ChargingSession, settled: registers.Settled) -> str:
    for flag in (MISSING_STOP, MISSING_START):
        if flag in session.flags:
            return flag
    if settled.doubt:
        return settled.doubt
    if session.evse_id is None:
        return "no_evse"
    if not session.id_token_uid:
        return "unidentified"
    if session.authorization_status != authorization.ACCEPTED:
        return "not_authorized"
    return MISSING_EVENTS if _lacks_events(session) else ""


def _lacks_events(session: ChargingSession) -> bool:
    """Whether a 2.x station that sends from its queue has not sent all sequence numbers yet."""
    events = session.events.all()
    if session.ocpp_version == "1.6" or not events.filter(offline=True).exists():
        return False
    span = events.aggregate(first=Min("seq_no"), last=Max("seq_no"))
    started = events.filter(type=TransactionEvent.Type.STARTED).exists()
    count = events.values("seq_no").distinct().count()
    return started and span["last"] - span["first"] + 1 > count
