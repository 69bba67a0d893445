"""The gateway's statements on `stations_stationcommand`: claim, finish, sweep.

By name, because this package imports no models. Run in threads of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import psycopg
from django.db import Error, connection

from chargeportal.live import hints
from stations.ocpp.frame_log import storable

GRACE_S = 30  # how long after its own time-out a sent command may still be settled by its process
MAX_SWEPT = 1_000


class Claimed(NamedTuple):
    """What is to be sent."""

    action: str
    payload: dict[str, Any]
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: `state` is answered, call_error, offline or timed_out."""

    state: str
    finished_at: datetime
    response: Any = None
    response_status: str = ""
    error_code: str = ""
    error_description: str = ""

    @classmethod
    def answered(cls, payload: dict[str, Any]) -> "Outcome":
        """The station gave a CALLRESULT."""
        return cls("answered", datetime.now(UTC), payload, storable(_status_in(payload), 40))

    @classmethod
    def failed(cls, state: str, code: str, description: str, details: Any = None) -> "Outcome":
        """It gave a CALLERROR, or nothing."""
        return cls(
            state,
            datetime.now(UTC),
            details or None,
            error_code=storable(str(code), 40),
            error_description=storable(str(description), 255),
        )


def claim(command_id: int, message_id: str) -> Claimed | None:
    """Make the queued command ours to send; None when someone else has it or it is no longer queued."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcommand SET state = 'sent', sent_at = %s, message_id = %s"
            " WHERE id = %s AND state = 'queued' RETURNING action, payload, timeout_s",
            [datetime.now(UTC), message_id, command_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    payload = orjson.loads(row[1]) if isinstance(row[1], str | bytes) else row[1]
    return Claimed(row[0], payload, row[2])


def finish(command_id: int, station_id: int, outcome: Outcome) -> None:
    """File the outcome of a command that we sent; open pages learn of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcommand SET state = %s, finished_at = %s, response = %s::jsonb,"
            " response_status = %s, error_code = %s, error_description = %s"
            " WHERE id = %s AND state = 'sent'",
            [
                outcome.state,
                outcome.finished_at,
                None if outcome.response is None else orjson.dumps(outcome.response).decode(),
                outcome.response_status,
                outcome.error_code,
                outcome.error_description,
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


def with_fresh_connection(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `function` returns; a connection that died meanwhile is replaced once."""
    try:
        return function(*arguments)
    except (Error, psycopg.Error):
        if connection.connection is not None and connection.is_usable():
            raise
        connection.close()
        return function(*arguments)


def _status_in(payload: dict[str, Any]) -> str:
    """Return the station's word: `status`, or the first attributeStatus of Get/SetVariables."""
    status = payload.get("status")
    if isinstance(status, str):
        return status
    for name in ("setVariableResult", "getVariableResult"):
        results = payload.get(name)
        if isinstance(results, list) and results and isinstance(results[0], dict):
            return str(results[0].get("attributeStatus", ""))
    return ""
