"""The log of OCPP frames: one row for each CALL with its answer, either way.

Rows of CALLs from stations are written in the transaction that handles them. The table is
`stations_ocppframe`, partitioned by month; its columns are named here because this package imports
no models.
"""

from datetime import datetime
from typing import Any

import orjson

from stations.ocpp.rows import insert_rows

TABLE = "stations_ocppframe"
COLUMNS = {
    "occurred_at": "timestamptz",
    "station_id": "bigint",
    "connection_id": "bigint",
    "direction": "text",
    "message_id": "text",
    "action": "text",
    "payload": "jsonb",
    "response": "jsonb",
    "answered_at": "timestamptz",
    "error_code": "text",
    "error_description": "text",
    "flags": "text[]",
    "raw": "text",
}
MAX_RAW = 20_000
FROM_STATION, TO_STATION = "in", "out"


def insert_frames(rows: list[dict[str, Any]]) -> None:
    """Write the rows."""
    insert_rows(TABLE, columns=COLUMNS, rows=rows)


def frame_row(  # noqa: PLR0913 - one argument for each column
    *,
    station_id: int,
    connection_id: int | None,
    occurred_at: datetime,
    direction: str = FROM_STATION,
    message_id: str = "",
    action: str = "",
    payload: bytes | None = None,
    response: bytes | None = None,
    answered_at: datetime | None = None,
    error_code: str = "",
    error_description: str = "",
    flags: list[str] | None = None,
    raw: str | None = None,
) -> dict[str, Any]:
    """Return one row. `payload` and `response` are JSON; `raw` is kept for what could not be read."""
    return {
        "occurred_at": occurred_at,
        "station_id": station_id,
        "connection_id": connection_id,
        "direction": direction,
        "message_id": storable(message_id, 64),
        "action": storable(action, 60),
        "payload": None if payload is None else orjson.Fragment(payload),
        "response": None if response is None else orjson.Fragment(response),
        "answered_at": answered_at,
        "error_code": storable(error_code, 40),
        "error_description": storable(error_description, 255),
        "flags": flags or [],
        "raw": None if raw is None else storable(raw, MAX_RAW),
    }


def storable(text: str, limit: int) -> str:
    """Return the text as PostgreSQL takes it: no NUL, no lone surrogate, at most `limit` characters."""
    cut = text[:limit]
    if "\x00" in cut:
        cut = cut.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()
