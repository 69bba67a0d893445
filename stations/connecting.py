"""The history of connections, kept by what the gateway reports of its sockets."""

from collections.abc import Sequence
from typing import Any

from chargeportal.live import hints
from stations.ocpp.dispatch import Received
from stations.ocpp.messages import ConnectionClosed, ConnectionOpened, ConnectionSeen
from stations.ocpp.rows import insert_rows, run_with_rows


def open_connections(batch: Sequence[Received[ConnectionOpened]]) -> list[int]:
    """Each station has one open connection, the new one; its id is the fencing token returned."""
    rows: list[dict[str, Any]] = [
        {
            "station_id": received.station.id,
            "gateway": received.message.process_id[:64],
            "ocpp_version": received.message.version,
            "remote_address": received.message.remote_address[:64],
            "opened_at": received.message.opened_at,
            "last_seen_at": received.message.opened_at,
        }
        for received in sorted(batch, key=lambda received: received.station.id)
    ]
    run_with_rows(
        "UPDATE stations_stationconnection c SET closed_at = greatest(r.opened_at, c.opened_at),"
        " close_reason = 'replaced' FROM {rows} WHERE c.station_id = r.station_id AND c.closed_at IS NULL",
        columns={"station_id": "bigint", "opened_at": "timestamptz"},
        rows=rows,
    )
    tokens = insert_rows(
        "stations_stationconnection",
        columns={
            "station_id": "bigint",
            "gateway": "text",
            "ocpp_version": "text",
            "remote_address": "text",
            "opened_at": "timestamptz",
            "last_seen_at": "timestamptz",
            "close_reason": "text",
        },
        rows=[row | {"close_reason": ""} for row in rows],
        returning="station_id, id",
    )
    run_with_rows(
        "UPDATE stations_chargingstation s SET ocpp_version = r.ocpp_version, last_seen_at = r.opened_at"
        " FROM {rows} WHERE s.id = r.station_id",
        columns={"station_id": "bigint", "ocpp_version": "text", "opened_at": "timestamptz"},
        rows=rows,
    )
    hints.changed(station_ids=[row["station_id"] for row in rows])
    by_station: dict[int, int] = dict(tokens)
    return [by_station[received.station.id] for received in batch]


def close_connections(batch: Sequence[Received[ConnectionClosed]]) -> None:
    """Each connection is history; one that a newer connection replaced stays as it is."""
    rows: list[dict[str, Any]] = [
        {
            "id": received.message.fencing_token,
            "closed_at": received.message.closed_at,
            "close_code": received.message.close_code,
            "reason": received.message.reason[:120],
        }
        for received in sorted(batch, key=lambda received: received.message.fencing_token)
    ]
    closed = run_with_rows(
        "UPDATE stations_stationconnection c SET closed_at = greatest(r.closed_at, c.opened_at),"
        " close_code = r.close_code, close_reason = r.reason"
        " FROM {rows} WHERE c.id = r.id AND c.closed_at IS NULL RETURNING c.station_id",
        columns={"id": "bigint", "closed_at": "timestamptz", "close_code": "integer", "reason": "text"},
        rows=rows,
    )
    hints.changed(station_ids=[station_id for (station_id,) in closed])


def note_seen(batch: Sequence[Received[ConnectionSeen]]) -> None:
    """Connections and their stations were alive at the given times."""
    rows: list[dict[str, Any]] = [
        {"id": received.message.fencing_token, "at": received.message.seen_at}
        for received in sorted(batch, key=lambda received: received.message.fencing_token)
    ]
    run_with_rows(
        "WITH seen AS (UPDATE stations_stationconnection c SET last_seen_at = greatest(r.at, c.last_seen_at)"
        " FROM {rows} WHERE c.id = r.id AND c.closed_at IS NULL RETURNING c.station_id, c.last_seen_at)"
        " UPDATE stations_chargingstation s SET last_seen_at = seen.last_seen_at"
        " FROM seen WHERE s.id = seen.station_id",
        columns={"id": "bigint", "at": "timestamptz"},
        rows=rows,
    )
