"""Stores meter readings, many stations' in one statement."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.moments import IMPOSSIBLE_CLOCK, moment
from stations.ocpp.messages import MeterReading
from stations.ocpp.rows import run_with_rows

VALUES = (
    "power_w", "current_l1_a", "current_l2_a", "current_l3_a", "voltage_l1_v", "voltage_l2_v", "voltage_l3_v",
    "offered_a", "offered_w", "soc_percent", "temperature_c",
)  # fmt: skip
_COLUMNS = {
    "station_id": "bigint", "evse_number": "smallint", "sampled_at": "timestamptz", "context": "text",
    "transaction_ref": "text", "received_at": "timestamptz", "energy_wh": "numeric",
    **dict.fromkeys(VALUES, "double precision"), "extra": "jsonb", "flags": "varchar(40)[]",
}  # fmt: skip
_KEY = ("station_id", "evse_number", "sampled_at", "context")
_MERGED = ("session_id", *[name for name in _COLUMNS if name not in (*_KEY, "received_at", "extra")])
_STORE = f"""
WITH stored AS (
    INSERT INTO charging_sessions_metersample AS old (session_id, {", ".join(_COLUMNS)})
    SELECT coalesce(named.id, timely.id), {", ".join(f"r.{name}" for name in _COLUMNS)}
    FROM {{rows}}
    LEFT JOIN charging_sessions_chargingsession named
        ON named.station_id = r.station_id AND named.transaction_ref = r.transaction_ref
    LEFT JOIN LATERAL (
        SELECT s.id FROM charging_sessions_chargingsession s
        JOIN stations_evse e ON e.id = s.evse_id
        WHERE named.id IS NULL AND r.evse_number > 0
            AND s.station_id = r.station_id AND e.number = r.evse_number
            AND s.started_at <= r.sampled_at AND (s.ended_at IS NULL OR s.ended_at >= r.sampled_at)
        ORDER BY s.started_at DESC LIMIT 1
    ) timely ON true
    ON CONFLICT ({", ".join(_KEY)}) DO UPDATE
        SET {", ".join(f"{name} = coalesce(excluded.{name}, old.{name})" for name in _MERGED)},
            extra = CASE WHEN old.extra IS NULL OR excluded.extra IS NULL
                THEN coalesce(excluded.extra, old.extra) ELSE old.extra || excluded.extra END
    RETURNING session_id
)
SELECT DISTINCT session_id FROM stored WHERE session_id IS NOT NULL
"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class StationReadings:
    """Readings of one EVSE (0: the main meter) as one message brought them."""

    station_id: int
    evse_number: int
    transaction_ref: str | None
    readings: Sequence[MeterReading]
    received_at: dt.datetime
    flags: Sequence[str] = ()


def record_samples(messages: Iterable[StationReadings]) -> list[int]:
    """Every reading is stored once, however often it was sent; returns the ids of the sessions concerned.

    A reading belongs to the transaction it names; without one that we know, to the session that ran
    at its EVSE at its time (OCPP 1.6 errata 3.16).
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for message in messages:
        for n, reading in enumerate(message.readings):
            row = _row(message, reading, place=n)
            key = tuple(row[name] for name in _KEY)
            rows[key] = _merged(rows[key], row) if key in rows else row
    if not rows:
        return []
    ordered = [rows[key] for key in sorted(rows)]
    return [session_id for (session_id,) in run_with_rows(_STORE, columns=_COLUMNS, rows=ordered)]


def _row(message: StationReadings, reading: MeterReading, *, place: int) -> dict[str, Any]:
    happened = moment(reading.sampled_at, received_at=message.received_at)
    at, flags = happened.at, message.flags
    if not happened.is_stations:
        flags = (*flags, IMPOSSIBLE_CLOCK)
        at += dt.timedelta(microseconds=place)  # readings of one message stay apart and in order
    row: dict[str, Any] = {
        "station_id": message.station_id,
        "evse_number": message.evse_number,
        "sampled_at": at,
        "context": reading.context[:24],
        "transaction_ref": message.transaction_ref,
        "received_at": message.received_at,
        "energy_wh": reading.energy_wh,
        "extra": reading.extra or None,
        "flags": list(flags) or None,
    }
    for name in VALUES:
        row[name] = getattr(reading, name)
    return row


def _merged(earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Both elements' values: stations may send one element a measurand for one instant."""
    merged = earlier | {name: value for name, value in later.items() if value is not None}
    if earlier["extra"] and later["extra"]:
        merged["extra"] = earlier["extra"] | later["extra"]
        signed = [*earlier["extra"].get("signed", ()), *later["extra"].get("signed", ())]
        if signed:
            merged["extra"]["signed"] = signed
    return merged
