"""EVSEs and connectors a station speaks of before anyone entered them."""

import uuid
from collections.abc import Iterable

from stations.ocpp.rows import insert_rows, run_with_rows


def ensure_connectors(numbers: Iterable[tuple[int, int, int]]) -> None:
    """Each (station id, EVSE number, connector number) exists; number 0, the whole station, is left out."""
    wanted = sorted({triple for triple in numbers if triple[1] > 0 and triple[2] > 0})
    if not wanted:
        return
    evses = sorted({(station_id, evse) for station_id, evse, _ in wanted})
    insert_rows(
        "stations_evse",
        columns={
            "station_id": "bigint",
            "number": "smallint",
            "public_id": "uuid",
            "evse_id": "text",
            "current_type": "text",
        },
        rows=[
            {
                "station_id": station_id,
                "number": number,
                "public_id": uuid.uuid4(),
                "evse_id": "",
                "current_type": "AC",
            }
            for station_id, number in evses
        ],
        on_conflict="(station_id, number) DO NOTHING",
    )
    run_with_rows(
        "INSERT INTO stations_connector (evse_id, number, standard, format)"
        " SELECT e.id, r.connector, 'IEC_62196_T2', 'SOCKET' FROM {rows}"
        " JOIN stations_evse e ON e.station_id = r.station_id AND e.number = r.evse"
        " ON CONFLICT (evse_id, number) DO NOTHING",
        columns={"station_id": "bigint", "evse": "smallint", "connector": "smallint"},
        rows=[{"station_id": s, "evse": e, "connector": c} for s, e, c in wanted],
    )
