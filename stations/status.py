"""Keeps the status history: one open interval per connector, closed when another status begins."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from chargeportal.live import hints
from stations.ocpp.rows import insert_rows, run_with_rows
from stations.topology import ensure_connectors

#: A status is never queued by a station, so a time further off than this is a wrong clock.
CLOCK_TOLERANCE = dt.timedelta(minutes=5)

_REPORT_COLUMNS = {"n": "integer", "station_id": "bigint", "evse": "smallint", "connector": "smallint"}
_PRESENT = """
SELECT r.n, e.id, c.id, s.id, s.status, s.error_code, s.info, s.started_at
FROM {rows}
LEFT JOIN stations_evse e ON e.station_id = r.station_id AND e.number = r.evse
LEFT JOIN stations_connector c ON c.evse_id = e.id AND c.number = r.connector
LEFT JOIN LATERAL (
    SELECT i.* FROM stations_statusinterval i
    WHERE i.ended_at IS NULL AND r.evse <> 0 AND i.connector_id = c.id
    UNION ALL
    SELECT i.* FROM stations_statusinterval i
    WHERE i.ended_at IS NULL AND r.evse = 0 AND i.connector_id IS NULL AND i.station_id = r.station_id
) s ON true
"""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What a station said of one connector; EVSE number 0 is the station as a whole."""

    station_id: int
    evse_number: int
    connector_number: int
    status: str
    reported_at: dt.datetime | None
    received_at: dt.datetime
    error_code: str = ""
    info: str = ""
    vendor_error_code: str = ""

    @property
    def at(self) -> dt.datetime:
        """The station's time where it can be right, else the time of receipt; never in the future."""
        if self.reported_at is None or abs(self.reported_at - self.received_at) > CLOCK_TOLERANCE:
            return self.received_at
        return min(self.reported_at, self.received_at)


@dataclass(frozen=True, slots=True)
class _Present:
    """The EVSE and connector a report speaks of and their open interval, where there are any."""

    evse_id: int | None
    connector_id: int | None
    interval_id: int | None
    status: str | None
    error_code: str | None
    info: str | None
    started_at: dt.datetime | None

    def is_changed_by(self, report: StatusReport) -> bool:
        if self.interval_id is None or self.started_at is None:
            return True
        told = (report.status, report.error_code[:50], report.info[:255])
        return told != (self.status, self.error_code, self.info) and report.at >= self.started_at


def record_statuses(reports: Sequence[StatusReport]) -> None:
    """The history holds every reported change; repeated and outdated reports change nothing.

    At most one report per connector in a call. Unknown EVSEs and connectors are created.
    """
    presents = _presents(reports)
    missing = [
        (r.station_id, r.evse_number, r.connector_number)
        for r, present in zip(reports, presents, strict=True)
        if r.evse_number and present.connector_id is None
    ]
    if missing:
        ensure_connectors(missing)
        presents = _presents(reports)
    changes = [pair for pair in zip(reports, presents, strict=True) if pair[1].is_changed_by(pair[0])]
    _close_intervals(changes)
    _open_intervals(changes)
    hints.changed(
        evse_ids=[present.evse_id for _, present in changes if present.evse_id],
        station_ids=[report.station_id for report, present in changes if not present.evse_id],
    )


def _presents(reports: Sequence[StatusReport]) -> list[_Present]:
    rows = [
        {"n": n, "station_id": r.station_id, "evse": r.evse_number, "connector": r.connector_number}
        for n, r in enumerate(reports)
    ]
    found = {n: _Present(*rest) for n, *rest in run_with_rows(_PRESENT, columns=_REPORT_COLUMNS, rows=rows)}
    return [found[n] for n in range(len(reports))]


def _close_intervals(changes: Sequence[tuple[StatusReport, _Present]]) -> None:
    rows = [
        {"id": present.interval_id, "at": report.at} for report, present in changes if present.interval_id
    ]
    if rows:
        run_with_rows(
            "UPDATE stations_statusinterval s SET ended_at = r.at FROM {rows} WHERE s.id = r.id",
            columns={"id": "bigint", "at": "timestamptz"},
            rows=sorted(rows, key=lambda row: row["id"]),
        )


def _open_intervals(changes: Sequence[tuple[StatusReport, _Present]]) -> None:
    insert_rows(
        "stations_statusinterval",
        columns={
            "station_id": "bigint",
            "connector_id": "bigint",
            "status": "text",
            "error_code": "text",
            "info": "text",
            "vendor_error_code": "text",
            "started_at": "timestamptz",
            "received_at": "timestamptz",
            "reported_at": "timestamptz",
        },
        rows=[
            {
                "station_id": report.station_id,
                "connector_id": present.connector_id,
                "status": report.status,
                "error_code": report.error_code[:50],
                "info": report.info[:255],
                "vendor_error_code": report.vendor_error_code[:255],
                "started_at": report.at,
                "received_at": report.received_at,
                "reported_at": report.reported_at,
            }
            for report, present in changes
        ],
    )
