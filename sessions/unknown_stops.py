"""Stops with an id we never gave, or the -1 of a station that never got one (OCPP 1.6 errata 3.18)."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import orjson
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from chargeportal.live import hints
from sessions import authorization, closing
from sessions.closing import MATCHED_STOP, MISSING_STOP
from sessions.models import ChargingSession, TransactionEvent, UnmatchedStop
from sessions.moments import moment
from sessions.registers import as_wh
from stations.ocpp.dispatch import Received
from stations.ocpp.messages import TransactionEnded, TransactionReply

NEVER_GOT_AN_ID = ("-1", "0")
#: A stop is not looked for in sessions that began longer before it.
LOOK_BACK = dt.timedelta(days=14)
MOST_SUGGESTIONS = 12


class NotMatchable(Exception):
    """The stop has its session already, or cannot be the end of that one."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A session that the stop may end. ``energy_wh`` is what the registers would say, None if they do not."""

    session: ChargingSession
    is_same_token: bool
    energy_wh: Decimal | None

    @property
    def fits(self) -> bool:
        """Whether the stop's register does not lie below the session's first."""
        return self.energy_wh is None or self.energy_wh >= 0


def match(received: Received[TransactionEnded]) -> ChargingSession | None:
    """The session that such a stop can only mean, locked and marked.

    It is the one running session of the station and the token; of a repeated stop the session that it
    ended the first time.
    """
    message = received.message
    if message.transaction_ref not in NEVER_GOT_AN_ID or message.id_token is None:
        return None
    theirs = ChargingSession.objects.filter(
        station_id=received.station.id, id_token_uid__iexact=message.id_token.uid
    )
    again = theirs.filter(
        flags__contains=[MATCHED_STOP],
        events__type=TransactionEvent.Type.ENDED,
        events__occurred_at=message.occurred_at,
    )
    running = theirs.active().filter(started_at__lte=message.occurred_at)
    candidates = list(again[:1]) or list(running[:2])
    if len(candidates) != 1:
        return None
    session = (
        ChargingSession.objects.select_for_update(of=("self",))
        .select_related("evse")
        .get(pk=candidates[0].pk)
    )
    session.flags = sorted({*session.flags, MATCHED_STOP})
    return session


def park(received: Received[TransactionEnded]) -> TransactionReply:
    """The stop is kept, once, for a person to match; the station may forget it."""
    message = received.message
    happened = moment(message.occurred_at, received_at=received.received_at)
    UnmatchedStop.objects.get_or_create(
        station_id=received.station.id,
        transaction_ref=message.transaction_ref[:36],
        occurred_at=happened.at,
        defaults={
            "id_token_uid": message.id_token.uid[:255] if message.id_token else "",
            "meter_stop_wh": None if message.meter_stop_wh is None else as_wh(message.meter_stop_wh),
            "stop_reason": message.stop_reason[:30],
            "received_at": received.received_at,
            "payload": orjson.loads(message.payload),
        },
    )
    info = None
    if message.id_token is not None:
        info = authorization.judge_one(
            message.id_token.uid, station_id=received.station.id, now=received.received_at
        ).info()
    return TransactionReply(transaction_ref=message.transaction_ref, id_token_info=info)


def suggestions(stop: UnmatchedStop) -> list[Suggestion]:
    """The station's sessions whose end nobody has told, the likeliest first; two queries."""
    found = [
        _suggestion(stop, session)
        for session in _candidates(stop)
        .select_related("evse", "user", "id_token", "station__location")
        .order_by("-started_at")[: 4 * MOST_SUGGESTIONS]
    ]
    found.sort(key=lambda each: (not each.is_same_token, not each.fits))
    return found[:MOST_SUGGESTIONS]


def assign(stop: UnmatchedStop, *, session_id: int, by: User, now: dt.datetime) -> ChargingSession:
    """The stop ends the session, which is settled with its register; in the audit trail. Raises NotMatchable.

    A stop that the station sends later under the session's own id supersedes it.
    """
    with transaction.atomic():
        session = (
            _candidates(stop)
            .select_for_update(of=("self",))
            .select_related("station__location", "evse")
            .filter(pk=session_id)
            .first()
        )
        current = UnmatchedStop.objects.select_for_update(of=("self",)).get(pk=stop.pk)
        if session is None or current.session_id is not None:
            raise NotMatchable
        current.session = session
        current.save(update_fields=["session"])
        _end_with(session, current, now=now)
        audit.record(
            by,
            act="unmatched_stop.matched",
            subject=f"session {session.public_id}",
            details={
                "stop": current.pk,
                "transaction": current.transaction_ref,
                "meter_stop_wh": None if current.meter_stop_wh is None else str(current.meter_stop_wh),
                "occurred_at": current.occurred_at.isoformat(),
            },
        )
        hints.changed(session_ids=[session.pk], evse_ids=[session.evse_id] if session.evse_id else [])
    return session


def _candidates(stop: UnmatchedStop):
    """The station's sessions that run, or that were ended without word from the charger, or are held."""
    open_ended = (
        Q(state=ChargingSession.State.ACTIVE) | Q(flags__contains=[MISSING_STOP]) | ~Q(held_reason="")
    )
    return ChargingSession.objects.filter(
        open_ended,
        station=stop.station_id,
        started_at__lte=stop.occurred_at,
        started_at__gte=stop.occurred_at - LOOK_BACK,
    )


def _suggestion(stop: UnmatchedStop, session: ChargingSession) -> Suggestion:
    is_known = stop.meter_stop_wh is not None and session.meter_start_wh is not None
    return Suggestion(
        session=session,
        is_same_token=bool(stop.id_token_uid) and session.id_token_uid.upper() == stop.id_token_uid.upper(),
        energy_wh=stop.meter_stop_wh - session.meter_start_wh if is_known else None,  # type: ignore[operator]
    )


def _end_with(session: ChargingSession, stop: UnmatchedStop, *, now: dt.datetime) -> None:
    if stop.meter_stop_wh is not None:
        session.meter_stop_wh = stop.meter_stop_wh
    session.flags = sorted({*session.flags} - {MISSING_STOP} | {MATCHED_STOP})
    session.stop_reason = stop.stop_reason or session.stop_reason
    last = session.events.order_by("-seq_no").values_list("seq_no", flat=True).first()
    TransactionEvent.objects.create(
        session=session,
        type=TransactionEvent.Type.ENDED,
        seq_no=max(last or 0, 1) + 1,
        occurred_at=stop.occurred_at,
        received_at=stop.received_at,
        flags=[MATCHED_STOP],
        payload=stop.payload,
    )
    closing.settle(session, ended_at=stop.occurred_at, received_at=stop.received_at, now=now)
