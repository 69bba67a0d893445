"""Answers to what a station says of tokens, transactions and meters."""

from collections.abc import Sequence

from chargeportal.live import hints
from sessions import authorization, late_readings, transactions, updates
from sessions.samples import StationReadings, record_samples
from stations.ocpp.dispatch import Received, answers
from stations.ocpp.messages import (
    EMPTY,
    Authorize,
    AuthorizeReply,
    MeterValues,
    Reply,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)


@answers(Authorize, lane="decisions")
def authorize(batch: Sequence[Received[Authorize]]) -> Sequence[Reply]:
    """The verdict on each token (OCPP 1.6 §4.1, 2.0.1 C01)."""
    shown = [authorization.Shown(received.message.id_token.uid, received.station.id) for received in batch]
    verdicts = authorization.judge(shown, now=batch[0].received_at)
    return [AuthorizeReply(verdicts[one].info()) for one in shown]


@answers(TransactionStarted, lane="transactions")
def begin_sessions(batch: Sequence[Received[TransactionStarted]]) -> Sequence[Reply]:
    """The session exists before the station hears of it (OCPP 1.6 §4.8, 2.0.1 E01-E03)."""
    return [transactions.begin(received) for received in batch]


@answers(TransactionUpdated)
def update_sessions(batch: Sequence[Received[TransactionUpdated]]) -> Sequence[Reply]:
    """The event and its readings are stored (OCPP 2.0.1 E02, J02)."""
    return updates.update_many(batch)


@answers(TransactionEnded, lane="transactions")
def end_sessions(batch: Sequence[Received[TransactionEnded]]) -> Sequence[Reply]:
    """The session is ended with its energy settled (OCPP 1.6 §4.10, 2.0.1 E06-E10)."""
    return [transactions.end(received) for received in batch]


@answers(MeterValues)
def store_meter_values(batch: Sequence[Received[MeterValues]]) -> Sequence[Reply]:
    """Every reading is stored with the session it belongs to (OCPP 1.6 §4.7, 2.0.1 J01)."""
    session_ids = record_samples(
        StationReadings(
            station_id=received.station.id,
            evse_number=received.message.evse_number,
            transaction_ref=received.message.transaction_ref,
            readings=received.message.readings,
            received_at=received.received_at,
            flags=received.message.flags,
        )
        for received in batch
    )
    late_readings.notice(session_ids)
    hints.changed(session_ids=session_ids)
    return [EMPTY] * len(batch)
