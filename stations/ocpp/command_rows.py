"""The gateway's statements on `stations_stationcommand`: claim, finish, sweep.

By name, because this package imports no models. Run in threads of their own.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import psycopg
from django.db import Error, connection

from chargeportal.live import hints
from stations.ocpp.frame_log import storable
from stations.ocpp.framing import CallError

GRACE_S = 30  # how long after its own time-out a sent command may still be settled by its process
MAX_SWEPT = 1_000
_DETAIL_LENGTH = 255
_YES = frozenset({"Accepted", "Scheduled", "Unlocked", "RebootRequired", ""})


class Claimed(NamedTuple):
    """What is to be asked."""

    kind: str
    parameters: dict[str, Any]
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: `state` is accepted, rejected, error, offline or timed_out.

    `detail` is the station's own word, or says what went wrong.
    """

    state: str
    finished_at: datetime
    detail: str = ""
    response: Any = None

    @classmethod
    def answered(cls, payload: dict[str, Any]) -> "Outcome":
        """Return the outcome of a CALLRESULT."""
        word = _word_in(payload)
        state = "accepted" if word in _YES else "rejected"
        return cls(state, datetime.now(UTC), storable(word, _DETAIL_LENGTH), payload)

    @classmethod
    def refused(cls, error: CallError) -> "Outcome":
        """Return the outcome of a CALLERROR."""
        detail = f"{error.code}: {error.description}" if error.description else error.code
        return cls("error", datetime.now(UTC), storable(detail, _DETAIL_LENGTH), error.details or None)

    @classmethod
    def failed(cls, state: str, detail: str) -> "Outcome":
        """Return the outcome when the station gave no answer at all."""
        return cls(state, datetime.now(UTC), storable(detail, _DETAIL_LENGTH))


def claim(command_id: int, message_id: str) -> Claimed | None:
    """Make the queued command ours to send; None when someone else has it or it is no longer queued."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcommand SET state = 'sent', sent_at = %s, message_id = %s"
            " WHERE id = %s AND state = 'queued' RETURNING kind, parameters, timeout_s",
            [datetime.now(UTC), message_id, command_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    parameters = orjson.loads(row[1]) if isinstance(row[1], str | bytes) else row[1]
    return Claimed(row[0], parameters, row[2])


def finish(
    command_id: int, station_id: int, outcome: Outcome, *, action: str, payload: dict[str, Any] | None
) -> None:
    """File what was sent and the outcome of a command of ours; open pages learn of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcommand SET state = %s, finished_at = %s, detail = %s,"
            " response = %s::jsonb, action = %s, payload = %s::jsonb WHERE id = %s AND state = 'sent'",
            [
                outcome.state,
                outcome.finished_at,
                outcome.detail,
                _json(outcome.response),
                action[:60],
                _json(payload),
                command_id,
            ],
        )
    hints.changed(station_ids=[station_id])


def queued() -> list[tuple[int, int]]:
    """Return `(command, station)` of the commands that wait to be sent, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, station_id FROM stations_stationcommand WHERE state = 'queued' ORDER BY id LIMIT %s",
            [MAX_SWEPT],
        )
        return cursor.fetchall()


def expire() -> list[int]:
    """Close commands whose time is up: never sent (offline), or sent by a process that died (timed_out)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcommand SET finished_at = %(now)s,"
            " state = CASE state WHEN 'queued' THEN 'offline' ELSE 'timed_out' END"
            " WHERE (state = 'queued' AND requested_at < %(now)s - timeout_s * interval '1 second')"
            " OR (state = 'sent' AND sent_at < %(now)s - (timeout_s + %(grace)s) * interval '1 second')"
            " RETURNING id, station_id",
            {"now": datetime.now(UTC), "grace": GRACE_S},
        )
        expired = cursor.fetchall()
    hints.changed(station_ids=[station_id for _, station_id in expired])
    return [command_id for command_id, _ in expired]


def with_fresh_connection(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return what `function` returns; a connection that died meanwhile is replaced once."""
    try:
        return function(*arguments, **options)
    except (Error, psycopg.Error):
        if connection.connection is not None and connection.is_usable():
            raise
        connection.close()
        return function(*arguments, **options)


def close_connection(together: threading.Barrier) -> None:
    """Close this thread's connection, once all threads are here to close theirs."""
    with suppress(threading.BrokenBarrierError):
        together.wait(5)
    connection.close()


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _word_in(payload: dict[str, Any]) -> str:
    """Return the station's word: `status`, or of Get/SetVariables the first that is not Accepted."""
    status = payload.get("status")
    if isinstance(status, str):
        return status
    for name in ("setVariableResult", "getVariableResult"):
        results = payload.get(name)
        if isinstance(results, list):
            words = [str(item.get("attributeStatus", "")) for item in results if isinstance(item, dict)]
            return next((word for word in words if word not in _YES), words[0] if words else "")
    return ""
