"""Turns what a station says of a transaction into a charging session.

Whatever order messages come in, however often, and however odd they are: a transaction message is
stored, never refused (OCPP 1.6 §4.8 and §4.10, 2.0.1 E01). Each function runs inside the caller's
database transaction and holds the lock on the session's row to its end.
"""

from typing import Any

import orjson
from django.db import connection
from django.db.models import Max, Q

from chargeportal.common.events import publish
from chargeportal.live import hints
from sessions import authorization, closing, registers, remote_starts, unknown_stops
from sessions.events import SessionStarted
from sessions.models import ChargingSession, TransactionEvent
from sessions.moments import IMPOSSIBLE_CLOCK, Moment, moment
from sessions.samples import StationReadings, record_samples
from stations.models import Evse
from stations.ocpp.dispatch import Received
from stations.ocpp.messages import TransactionEnded, TransactionReply, TransactionStarted, TransactionUpdated
from stations.topology import ensure_connectors

AnyTransaction = TransactionStarted | TransactionUpdated | TransactionEnded

#: Flags of a time that the station did not tell, so that it cannot tell two starts apart.
TIMELESS = {"missing_timestamp", "bad_timestamp"}
LONGEST_REF = 36


def begin(received: Received[TransactionStarted]) -> TransactionReply:
    """The session exists, once, with its first event and readings.

    A repeated StartTransaction of 1.6 (which has no id yet) gets the id of the first.
    """
    message = received.message
    session = _known_start(received) or _create(received)
    session.flags = [flag for flag in session.flags if flag != closing.MISSING_START]
    _take(session, received, TransactionEvent.Type.STARTED)
    return _reply(session, received, always_with_verdict=message.transaction_ref is None)


def update(received: Received[TransactionUpdated]) -> TransactionReply:
    """The event and its readings are stored; the session is created if its start was not seen yet."""
    session = find(received.station.id, received.message.transaction_ref)
    _take(session or _create(received), received, TransactionEvent.Type.UPDATED)
    return _reply(session, received)


def end(received: Received[TransactionEnded]) -> TransactionReply:
    """The session has its end and its energy; a stop of an unknown transaction is kept for matching."""
    session = find(received.station.id, received.message.transaction_ref)
    if session is None and received.station.version == "1.6":
        session = unknown_stops.match(received)
        if session is None:
            return unknown_stops.park(received)
    _take(session or _create(received), received, TransactionEvent.Type.ENDED)
    return _reply(session, received)


def find(station_id: int, transaction_ref: str) -> ChargingSession | None:
    """The station's session of that transaction, locked."""
    return (
        ChargingSession.objects.filter(station_id=station_id, transaction_ref=transaction_ref[:LONGEST_REF])
        .select_for_update(of=("self",))
        .select_related("evse")
        .first()
    )


def _take(session: ChargingSession, received: Received, event_type: str) -> None:
    """Everything the message says is stored with the session, and the session follows from it."""
    before = _state_of(session)
    _fill_in(session, received)
    is_new = _keep_event(session, received, event_type)
    _store_readings(session, received)
    ends_now = event_type == TransactionEvent.Type.ENDED and (session.is_active or _may_end_again(session))
    if ends_now:
        _close(session, received)
    elif is_new and not session.is_active:
        closing.take_late_data(session, now=received.received_at)
    elif _state_of(session) != before:
        session.save()
    remote_starts.bind(session, now=received.received_at)
    hints.changed(session_ids=[session.pk], evse_ids=[session.evse_id] if session.evse_id else [])


def _may_end_again(session: ChargingSession) -> bool:
    """Its end was assumed, not told; a bill by the assumed end is corrected."""
    return bool({closing.MISSING_STOP, closing.MATCHED_STOP} & {*session.flags})


def _known_start(received: Received[TransactionStarted]) -> ChargingSession | None:
    """The session of a start that was told before: by its id, in 1.6 by everything else it says."""
    message = received.message
    if message.transaction_ref is not None:
        return find(received.station.id, message.transaction_ref)
    same = ChargingSession.objects.filter(
        station_id=received.station.id,
        connector_number=message.evse_number,
        id_token_uid=message.id_token.uid[:255] if message.id_token else "",
        meter_start_wh=_wh(message.meter_start_wh),
    )
    told_at = orjson.loads(message.payload).get("timestamp")
    if TIMELESS & {*message.flags}:
        same = same.active()
    elif told_at:
        same = same.filter(
            events__type=TransactionEvent.Type.STARTED, events__payload__contains={"timestamp": told_at}
        )
    else:
        same = same.filter(started_at=message.occurred_at)
    known = same.order_by("-pk").first()
    return find(received.station.id, known.transaction_ref) if known else None


def _create(received: Received) -> ChargingSession:
    message = received.message
    happened = _moment(received)
    is_1_6 = received.station.version == "1.6"
    flags = set() if happened.is_stations else {IMPOSSIBLE_CLOCK}
    if not isinstance(message, TransactionStarted):
        flags.add(closing.MISSING_START)
    session = ChargingSession(
        station_id=received.station.id,
        evse=_evse(received.station.id, message),
        connector_number=message.evse_number if is_1_6 else message.connector_number,
        transaction_ref=(message.transaction_ref or str(_next_transaction_id()))[:LONGEST_REF],
        ocpp_version=received.station.version,
        started_at=happened.at,
        start_received_at=received.received_at,
        meter_start_wh=_wh(getattr(message, "meter_start_wh", None)),
        flags=sorted(flags),
    )
    _identify(session, received)
    session.save(force_insert=True)
    _clear_evse(session, received)
    publish(SessionStarted(session.pk))
    return session


def _next_transaction_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('charging_sessions_transaction_id_seq')")
        return cursor.fetchone()[0]


def _evse(station_id: int, message: AnyTransaction) -> Evse | None:
    if not message.evse_number:
        return None
    found = Evse.objects.filter(station_id=station_id, number=message.evse_number).first()
    if found is None:
        ensure_connectors([(station_id, message.evse_number, message.connector_number or 1)])
        found = Evse.objects.get(station_id=station_id, number=message.evse_number)
    return found


def _clear_evse(session: ChargingSession, received: Received) -> None:
    """No other session is left open where this one begins."""
    if session.evse is not None:
        closing.close_abandoned(
            session.evse, before=session.started_at, received_at=received.received_at, except_for=session.pk
        )


def _moment(received: Received) -> Moment:
    return moment(received.message.occurred_at, received_at=received.received_at)


def _fill_in(session: ChargingSession, received: Received) -> None:
    """What the message tells and the session did not know yet: EVSE, token, registers, state, flags."""
    message = received.message
    if session.evse_id is None and message.evse_number:
        session.evse = _evse(session.station_id, message)
        session.connector_number = message.connector_number
        _clear_evse(session, received)
    _identify(session, received)
    session.remote_start_id = session.remote_start_id or message.remote_start_id
    session.reservation_id = session.reservation_id or message.reservation_id
    if isinstance(message, TransactionStarted):
        _take_start(session, received)
    if session.meter_start_wh is None:
        session.meter_start_wh = _wh(_register(message, "transaction_begin"))
    _take_charging_state(session, message)
    session.flags = sorted({*session.flags, *message.flags})


def _state_of(session: ChargingSession) -> list[Any]:
    return [str(getattr(session, field.attname)) for field in session._meta.concrete_fields]


def _take_start(session: ChargingSession, received: Received[TransactionStarted]) -> None:
    """A start that comes after other events of its transaction sets the true beginning."""
    message, happened = received.message, _moment(received)
    if happened.is_stations and happened.at < session.started_at:
        session.started_at = happened.at
    if session.meter_start_wh is None:
        session.meter_start_wh = _wh(message.meter_start_wh)
    if session.meter_start_wh is None and message.transaction_ref is not None:
        told = (reading.energy_wh for reading in message.readings if reading.energy_wh is not None)
        session.meter_start_wh = _wh(next(told, None))


def _take_charging_state(session: ChargingSession, message: AnyTransaction) -> None:
    if message.charging_state not in ChargingSession.ChargingState:
        return
    if message.charging_state == session.charging_state:
        return
    is_overtaken = (
        message.seq_no is not None
        and session.events.filter(seq_no__gt=message.seq_no).exclude(charging_state="").exists()
    )
    if not is_overtaken:
        session.charging_state = message.charging_state


def _identify(session: ChargingSession, received: Received) -> None:
    """The token the station showed is on the session, with the verdict on it and whose it is.

    An accepted token stays; one that was not accepted gives way to the next. The token of a 1.6 stop
    is who stopped, not who charged.
    """
    token = received.message.id_token
    stops_1_6 = isinstance(received.message, TransactionEnded) and received.station.version == "1.6"
    if token is None or stops_1_6 or session.authorization_status == authorization.ACCEPTED:
        return
    if session.id_token_uid.upper() == token.uid.upper()[:255]:
        return
    verdict = _verdict(session, token.uid, received)
    session.id_token_uid = token.uid[:255]
    session.id_token_type = token.type[:20]
    session.id_token_id = verdict.token_id
    session.authorization_status = verdict.status
    if verdict.is_accepted:
        session.user_id = verdict.user_id


def _verdict(session: ChargingSession | None, uid: str, received: Received) -> authorization.Verdict:
    """The verdict on a token at the station, and at the session's EVSE."""
    return authorization.judge_one(
        uid,
        station_id=received.station.id,
        evse_id=session.evse_id if session else None,
        now=received.received_at,
    )


def _register(message: AnyTransaction, context: str) -> float | None:
    """The register among the message's readings that has the context."""
    for reading in message.readings:
        if reading.context == context and reading.energy_wh is not None:
            return reading.energy_wh
    return None


def _stop_register(message: TransactionEnded) -> float | None:
    """The register at the end: told, or read at the end, or (2.x) the last the message brings."""
    if message.meter_stop_wh is not None:
        return message.meter_stop_wh
    told = _register(message, "transaction_end")
    if told is None and message.seq_no is not None:
        readings = sorted(message.readings, key=lambda reading: reading.sampled_at, reverse=True)
        told = next((reading.energy_wh for reading in readings if reading.energy_wh is not None), None)
    return told


def _wh(value: float | None) -> Any:
    return None if value is None else registers.as_wh(value)


def _keep_event(session: ChargingSession, received: Received, event_type: str) -> bool:
    """The event is stored once; returns whether it is new.

    Another event under a number that is taken (stations forget to count) gets the next free one.
    """
    message, payload = received.message, orjson.loads(received.message.payload)
    seq_no = message.seq_no
    if seq_no is None:
        seq_no = 0 if event_type == TransactionEvent.Type.STARTED else 1
    known = session.events.filter(type=event_type, seq_no=seq_no).first()
    if known is not None and received.station.version != "1.6":
        if _is_same(known, received, payload):
            return False
        told_at = Q(payload__contains={"timestamp": payload["timestamp"]}) if "timestamp" in payload else Q()
        if session.events.filter(told_at, type=event_type, flags__contains=["seq_no_repeated"]).exists():
            return False
        seq_no = (session.events.aggregate(last=Max("seq_no"))["last"] or 0) + 1
    elif known is not None:
        return False
    flags = list(message.flags)
    TransactionEvent.objects.create(
        session=session,
        type=event_type,
        seq_no=seq_no,
        trigger_reason=message.trigger_reason[:30],
        charging_state=message.charging_state[:16],
        occurred_at=_moment(received).at,
        received_at=received.received_at,
        offline=message.offline,
        flags=[*flags, "seq_no_repeated"] if known is not None else flags,
        payload=payload,
    )
    return True


def _is_same(known: TransactionEvent, received: Received, payload: dict[str, Any]) -> bool:
    told, tells = known.payload.get("timestamp"), payload.get("timestamp")
    return told == tells if tells else known.occurred_at == _moment(received).at


def _store_readings(session: ChargingSession, received: Received) -> None:
    message = received.message
    if message.readings:
        record_samples(
            [
                StationReadings(
                    station_id=received.station.id,
                    evse_number=session.evse.number if session.evse else message.evse_number or 0,
                    transaction_ref=session.transaction_ref,
                    readings=message.readings,
                    received_at=received.received_at,
                    flags=message.flags,
                )
            ]
        )


def _close(session: ChargingSession, received: Received[TransactionEnded]) -> None:
    message, happened = received.message, _moment(received)
    session.meter_stop_wh = _wh(_stop_register(message))
    flags = {*session.flags} - {closing.MISSING_STOP}
    if message.transaction_ref == session.transaction_ref:
        flags -= {closing.MATCHED_STOP}
    if not happened.is_stations:
        flags.add(IMPOSSIBLE_CLOCK)
    if happened.at < session.started_at:
        flags.add(closing.ENDED_BEFORE_START)
    session.flags = sorted(flags)
    session.stop_reason = message.stop_reason[:30]
    closing.settle(session, ended_at=happened.at, received_at=received.received_at)


def _reply(
    session: ChargingSession | None, received: Received, *, always_with_verdict: bool = False
) -> TransactionReply:
    """The verdict on the token the message shows; the id is ours in 1.6, the station's own else."""
    token = received.message.id_token
    info = None
    if token is not None:
        info = _verdict(session, token.uid, received).info()
    elif always_with_verdict:
        info = authorization.Verdict(authorization.UNKNOWN).info()
    ref = session.transaction_ref if session else received.message.transaction_ref
    return TransactionReply(transaction_ref=ref, id_token_info=info)
