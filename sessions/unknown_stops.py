"""Stops with an id we never gave, or the -1 of a station that never got one (OCPP 1.6 errata 3.18)."""

import orjson

from sessions import authorization
from sessions.closing import MATCHED_STOP
from sessions.models import ChargingSession, TransactionEvent, UnmatchedStop
from sessions.moments import moment
from sessions.registers import as_wh
from stations.ocpp.dispatch import Received
from stations.ocpp.messages import TransactionEnded, TransactionReply

NEVER_GOT_AN_ID = ("-1", "0")


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
