"""The many updates of running 2.x transactions, stored together."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from chargeportal.live import hints
from sessions import transactions
from sessions.moments import moment
from sessions.samples import StationReadings, record_samples
from stations.ocpp.dispatch import Received
from stations.ocpp.messages import TransactionReply, TransactionUpdated
from stations.ocpp.rows import insert_rows, run_with_rows

_KNOWN = """
SELECT r.n, s.id, s.evse_id, e.number, s.charging_state
FROM {rows}
JOIN charging_sessions_chargingsession s
    ON s.station_id = r.station_id AND s.transaction_ref = r.transaction_ref
JOIN stations_evse e ON e.id = s.evse_id
WHERE s.state = 'active'
"""


@dataclass(frozen=True, slots=True)
class _Known:
    session_id: int
    evse_id: int
    evse_number: int
    charging_state: str


def update_many(batch: Sequence[Received[TransactionUpdated]]) -> list[TransactionReply]:
    """Every event and reading is stored; what only brings readings goes in one statement a table."""
    known = _known_sessions(batch)
    replies: list[TransactionReply] = []
    routine = []
    for n, received in enumerate(batch):
        if n in known and _is_routine(received.message, known[n]):
            routine.append((received, known[n]))
            replies.append(TransactionReply(transaction_ref=received.message.transaction_ref))
        else:
            replies.append(transactions.update(received))
    _store(routine)
    return replies


def _known_sessions(batch: Sequence[Received[TransactionUpdated]]) -> dict[int, _Known]:
    rows = [
        {"n": n, "station_id": received.station.id, "transaction_ref": received.message.transaction_ref}
        for n, received in enumerate(batch)
    ]
    columns = {"n": "integer", "station_id": "bigint", "transaction_ref": "text"}
    return {n: _Known(*rest) for n, *rest in run_with_rows(_KNOWN, columns=columns, rows=rows)}


def _is_routine(message: TransactionUpdated, known: _Known) -> bool:
    """Nothing about the session itself can change."""
    return (
        message.id_token is None
        and message.remote_start_id is None
        and message.reservation_id is None
        and message.seq_no is not None
        and message.charging_state in ("", known.charging_state)
        and not message.flags
    )


def _store(routine: Sequence[tuple[Received[TransactionUpdated], _Known]]) -> None:
    new = _store_events(routine)
    for received, known in routine:
        if (known.session_id, received.message.seq_no) not in new:
            transactions.update(received)  # repeated, or another event under a number that is taken
    record_samples(
        StationReadings(
            station_id=received.station.id,
            evse_number=known.evse_number,
            transaction_ref=received.message.transaction_ref,
            readings=received.message.readings,
            received_at=received.received_at,
        )
        for received, known in routine
    )
    hints.changed(
        session_ids=[known.session_id for _, known in routine],
        evse_ids=[known.evse_id for _, known in routine],
    )


def _store_events(
    routine: Sequence[tuple[Received[TransactionUpdated], _Known]],
) -> set[tuple[int, int]]:
    """The (session, sequence number) of the events that were not there yet and now are."""
    stored = insert_rows(
        "charging_sessions_transactionevent",
        columns={
            "session_id": "bigint",
            "type": "text",
            "seq_no": "bigint",
            "trigger_reason": "text",
            "charging_state": "text",
            "occurred_at": "timestamptz",
            "received_at": "timestamptz",
            "offline": "boolean",
            "flags": "varchar(40)[]",
            "payload": "jsonb",
        },
        rows=[
            {
                "session_id": known.session_id,
                "type": "updated",
                "seq_no": received.message.seq_no,
                "trigger_reason": received.message.trigger_reason[:30],
                "charging_state": received.message.charging_state,
                "occurred_at": moment(received.message.occurred_at, received_at=received.received_at).at,
                "received_at": received.received_at,
                "offline": received.message.offline,
                "flags": [],
                "payload": orjson.Fragment(received.message.payload),
            }
            for received, known in routine
        ],
        on_conflict="(session_id, type, seq_no) DO NOTHING",
        returning="session_id, seq_no",
    )
    return {(session_id, seq_no) for session_id, seq_no in stored}
