"""Turns what a station says of a transaction into a charging session.

Whatever order messages come in, however often, and however odd they are: a transaction message is
stored, never refused (OCPP 1.6 §4.8 and §4.10, 2.0.1 E01). Each function runs inside the caller's
database transaction.
"""

import datetime as dt
from dataclasses import dataclass

import orjson
from django.db import connection

from chargeportal.common.events import publish
from chargeportal.live import hints
from sessions import authorization, registers, remote_starts
from sessions.events import SessionCorrected, SessionEnded, SessionStarted
from sessions.models import ChargingSession, TransactionEvent, UnmatchedStop
from sessions.samples import StationReadings, record_samples
from stations.models import Evse
from stations.ocpp.dispatch import Received
from stations.ocpp.messages import TransactionEnded, TransactionReply, TransactionStarted, TransactionUpdated
from stations.topology import ensure_connectors

AnyTransaction = TransactionStarted | TransactionUpdated | TransactionEnded

#: A station's time further off than this from the time of receipt cannot be right.
FUTURE_TOLERANCE = dt.timedelta(hours=1)
OLDEST_QUEUED = dt.timedelta(days=366)
MISSING_STOP = "missing_stop"


@dataclass(frozen=True, slots=True)
class _Moment:
    """When it happened as far as that can be true, and whether the station's clock said so."""

    at: dt.datetime
    is_stations: bool


def begin(received: Received[TransactionStarted]) -> TransactionReply:
    """The session exists, once, with its first event and readings.

    A repeated StartTransaction of 1.6 (which has no id yet) gets the id of the first.
    """
    message = received.message
    session = _known_start(received) or _create(received)
    session = _fill_in(session, received)
    _keep_event(session, received, TransactionEvent.Type.STARTED)
    _store_readings(session, received)
    hints.changed(session_ids=[session.pk], evse_ids=[session.evse_id] if session.evse_id else [])
    return _reply(session, received, always_with_verdict=message.transaction_ref is None)


def update(received: Received[TransactionUpdated]) -> TransactionReply:
    """The event and its readings are stored; the session is created if its start was not seen yet."""
    session = find(received.station.id, received.message.transaction_ref) or _create(received)
    session = _fill_in(session, received)
    is_new = _keep_event(session, received, TransactionEvent.Type.UPDATED)
    _store_readings(session, received)
    if is_new and not session.is_active:
        _correct(session)
    hints.changed(session_ids=[session.pk], evse_ids=[session.evse_id] if session.evse_id else [])
    return _reply(session, received)


def end(received: Received[TransactionEnded]) -> TransactionReply:
    """The session has its end and its energy; a stop of an unknown transaction is kept for matching."""
    message = received.message
    session = find(received.station.id, message.transaction_ref, lock=True)
    if session is None and received.station.version == "1.6":
        session = _match_stop(received)
        if session is None:
            return _park_stop(received)
    session = _fill_in(session or _create(received), received)
    is_new = _keep_event(session, received, TransactionEvent.Type.ENDED)
    _store_readings(session, received)
    if session.is_active or MISSING_STOP in session.flags:
        _close(session, received)
    elif is_new:
        _correct(session)
    hints.changed(session_ids=[session.pk], evse_ids=[session.evse_id] if session.evse_id else [])
    return _reply(session, received)


def find(station_id: int, transaction_ref: str, *, lock: bool = False) -> ChargingSession | None:
    """The station's session of that transaction."""
    sessions = ChargingSession.objects.filter(station_id=station_id, transaction_ref=transaction_ref)
    return (sessions.select_for_update(of=("self",)) if lock else sessions).select_related("evse").first()


def _known_start(received: Received[TransactionStarted]) -> ChargingSession | None:
    message = received.message
    if message.transaction_ref is not None:
        return find(received.station.id, message.transaction_ref, lock=True)
    return (
        ChargingSession.objects.filter(
            station_id=received.station.id,
            connector_number=message.evse_number,
            id_token_uid=message.id_token.uid if message.id_token else "",
            meter_start_wh=_decimal(message.meter_start_wh),
            events__type=TransactionEvent.Type.STARTED,
            events__occurred_at=message.occurred_at,
        )
        .select_related("evse")
        .first()
    )


def _create(received: Received) -> ChargingSession:
    message = received.message
    moment = _moment(received)
    evse = _evse(received.station.id, message.evse_number, message.connector_number)
    transaction_ref = message.transaction_ref
    if transaction_ref is None:
        transaction_ref = str(_next_transaction_id())
    if evse is not None:
        _close_abandoned(evse, before=moment.at, received_at=received.received_at)
    session = ChargingSession.objects.create(
        station_id=received.station.id,
        evse=evse,
        connector_number=message.evse_number
        if received.station.version == "1.6"
        else message.connector_number,
        transaction_ref=transaction_ref,
        ocpp_version=received.station.version,
        started_at=moment.at,
        start_received_at=received.received_at,
        meter_start_wh=_decimal(getattr(message, "meter_start_wh", None)),
        id_token_uid="",
        flags=[] if moment.is_stations else ["impossible_clock"],
    )
    publish(SessionStarted(session.pk))
    return session


def _next_transaction_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('charging_sessions_transaction_id_seq')")
        return cursor.fetchone()[0]


def _evse(station_id: int, evse_number: int | None, connector_number: int | None) -> Evse | None:
    if not evse_number:
        return None
    found = Evse.objects.filter(station_id=station_id, number=evse_number).first()
    if found is None:
        ensure_connectors([(station_id, evse_number, connector_number or 1)])
        found = Evse.objects.get(station_id=station_id, number=evse_number)
    return found


def _moment(received: Received) -> _Moment:
    told, now = received.message.occurred_at, received.received_at
    if now - OLDEST_QUEUED <= told <= now + FUTURE_TOLERANCE:
        return _Moment(told, is_stations=True)
    return _Moment(now, is_stations=False)


def _fill_in(session: ChargingSession, received: Received) -> ChargingSession:
    """What the message tells and the session did not know yet: EVSE, token, start register, flags."""
    message = received.message
    before = _changeable(session)
    if session.evse_id is None and message.evse_number:
        session.evse = _evse(session.station_id, message.evse_number, message.connector_number)
        session.connector_number = message.connector_number
    is_stop_of_1_6 = isinstance(message, TransactionEnded) and received.station.version == "1.6"
    if message.id_token is not None and not session.id_token_uid and not is_stop_of_1_6:
        _identify(session, received)
    session.remote_start_id = session.remote_start_id or message.remote_start_id
    session.reservation_id = session.reservation_id or message.reservation_id
    if isinstance(message, TransactionStarted):
        _take_start(session, received)
    if session.meter_start_wh is None:
        session.meter_start_wh = _decimal(_register(message, "transaction_begin"))
    _take_charging_state(session, message)
    session.flags = sorted({*session.flags, *message.flags})
    if _changeable(session) != before:
        session.save()
    remote_starts.bind(session)
    return session


def _changeable(session: ChargingSession) -> tuple:
    return (
        *tuple(
            getattr(session, field.attname)
            for field in session._meta.concrete_fields
            if field.name != "flags"
        ),
        tuple(session.flags),
    )


def _take_start(session: ChargingSession, received: Received[TransactionStarted]) -> None:
    """A start that comes after other events of its transaction sets the true beginning."""
    moment = _moment(received)
    if moment.is_stations and moment.at < session.started_at:
        session.started_at = moment.at
    if session.meter_start_wh is None:
        session.meter_start_wh = _decimal(received.message.meter_start_wh)


def _take_charging_state(session: ChargingSession, message: AnyTransaction) -> None:
    if not message.charging_state or message.charging_state == session.charging_state:
        return
    is_overtaken = (
        message.seq_no is not None
        and session.events.filter(seq_no__gt=message.seq_no).exclude(charging_state="").exists()
    )
    if not is_overtaken:
        session.charging_state = message.charging_state


def _identify(session: ChargingSession, received: Received) -> None:
    """The token that the station showed is on the session, with the verdict on it and whose it is."""
    token = received.message.id_token
    verdict = authorization.judge_one(token.uid, now=received.received_at)
    session.id_token_uid = token.uid[:255]
    session.id_token_type = token.type[:20]
    session.id_token = verdict.token
    session.authorization_status = verdict.status
    if verdict.is_accepted and verdict.token is not None:
        session.user = verdict.token.user


def _register(message: AnyTransaction, context: str) -> float | None:
    """The register among the message's readings that has the context."""
    for reading in message.readings:
        if reading.context == context and reading.energy_wh is not None:
            return reading.energy_wh
    return None


def _decimal(value: float | None):
    return None if value is None else registers.as_wh(value)


def _keep_event(session: ChargingSession, received: Received, event_type: str) -> bool:
    """The event is stored once; returns whether it is new."""
    message = received.message
    seq_no = message.seq_no
    if seq_no is None:
        seq_no = 0 if event_type == TransactionEvent.Type.STARTED else 1
    _, created = TransactionEvent.objects.get_or_create(
        session=session,
        type=event_type,
        seq_no=seq_no,
        defaults={
            "trigger_reason": message.trigger_reason[:30],
            "charging_state": message.charging_state,
            "occurred_at": message.occurred_at,
            "received_at": received.received_at,
            "offline": message.offline,
            "flags": list(message.flags),
            "payload": orjson.loads(message.payload),
        },
    )
    return created


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
    message = received.message
    moment = _moment(received)
    stop = message.meter_stop_wh
    if stop is None:
        stop = _register(message, "transaction_end")
    session.meter_stop_wh = _decimal(stop)
    flags = {*session.flags} - {MISSING_STOP}
    if not moment.is_stations:
        flags.add("impossible_clock")
    if moment.at < session.started_at:
        flags.add("ended_before_start")
    session.flags = sorted(flags)
    session.stop_reason = message.stop_reason[:30]
    _settle(session, ended_at=max(moment.at, session.started_at), received_at=received.received_at)


def _close_abandoned(evse: Evse, *, before: dt.datetime, received_at: dt.datetime) -> None:
    """Sessions left open at an EVSE where another begins are ended with what is known of them, and held."""
    abandoned = ChargingSession.objects.active().filter(evse=evse, started_at__lt=before).select_for_update()
    for session in abandoned:
        last = session.samples.order_by("-sampled_at").values_list("sampled_at", flat=True).first()
        session.flags = sorted({*session.flags, MISSING_STOP})
        session.held_reason = MISSING_STOP
        ended_at = min(max(last or session.started_at, session.started_at), before)
        _settle(session, ended_at=ended_at, received_at=received_at)


def _settle(session: ChargingSession, *, ended_at: dt.datetime, received_at: dt.datetime) -> None:
    """The session is ended with the energy its registers prove; what they cannot prove is held."""
    session.state = ChargingSession.State.ENDED
    session.ended_at = ended_at
    session.end_received_at = received_at
    settled = registers.settle(session)
    session.energy_wh = settled.energy_wh
    session.flags = sorted({*session.flags, *settled.flags})
    session.held_reason = _reason_to_hold(session, settled)
    session.save()
    publish(SessionEnded(session.pk))


def _reason_to_hold(session: ChargingSession, settled: registers.Settled) -> str:
    if MISSING_STOP in session.flags:
        return MISSING_STOP
    if settled.doubt:
        return settled.doubt
    if not session.id_token_uid:
        return "unidentified"
    return "" if session.authorization_status == authorization.ACCEPTED else "not_authorized"


def _correct(session: ChargingSession) -> None:
    """Data that came after the end is marked; whoever priced the session hears of it."""
    if "late_data" not in session.flags:
        session.flags = sorted({*session.flags, "late_data"})
        session.save(update_fields=["flags"])
    publish(SessionCorrected(session.pk))


def _match_stop(received: Received[TransactionEnded]) -> ChargingSession | None:
    """The one running session of the station that a stop with an unknown id can only mean."""
    message = received.message
    running = ChargingSession.objects.active().filter(
        station_id=received.station.id, started_at__lte=message.occurred_at
    )
    if message.id_token is not None:
        running = running.filter(id_token_uid__iexact=message.id_token.uid)
    candidates = list(running.select_for_update(of=("self",)).select_related("evse")[:2])
    if len(candidates) != 1 or message.transaction_ref not in ("-1", "0"):
        return None
    candidates[0].flags = sorted({*candidates[0].flags, "matched_stop"})
    return candidates[0]


def _park_stop(received: Received[TransactionEnded]) -> TransactionReply:
    message = received.message
    UnmatchedStop.objects.get_or_create(
        station_id=received.station.id,
        transaction_ref=message.transaction_ref,
        occurred_at=message.occurred_at,
        defaults={
            "id_token_uid": message.id_token.uid[:255] if message.id_token else "",
            "meter_stop_wh": _decimal(message.meter_stop_wh),
            "stop_reason": message.stop_reason[:30],
            "received_at": received.received_at,
            "payload": orjson.loads(message.payload),
        },
    )
    info = None
    if message.id_token is not None:
        info = authorization.judge_one(message.id_token.uid, now=received.received_at).info()
    return TransactionReply(transaction_ref=message.transaction_ref, id_token_info=info)


def _reply(
    session: ChargingSession, received: Received, *, always_with_verdict: bool = False
) -> TransactionReply:
    token = received.message.id_token
    info = None
    if token is not None:
        info = authorization.judge_one(token.uid, now=received.received_at).info()
    elif always_with_verdict:
        info = authorization.Verdict(authorization.UNKNOWN).info()
    return TransactionReply(transaction_ref=session.transaction_ref, id_token_info=info)
