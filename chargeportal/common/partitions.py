"""Monthly partitions of the big tables.

Partitions are made ahead by ``migrate`` and by a daily beat task; rows of a month that has none yet
fall into the default partition, which a check watches.
"""

import datetime as dt
from collections.abc import Iterable

from django.db import connection

PARTITIONED_TABLES = ("stations_ocppframe", "charging_sessions_metersample")


def months(first: dt.date, count: int) -> Iterable[tuple[dt.date, dt.date]]:
    """``count`` half-open months, beginning with the one ``first`` lies in."""
    start = first.replace(day=1)
    for _ in range(count):
        following = (start + dt.timedelta(days=32)).replace(day=1)
        yield start, following
        start = following


def ensure_partitions(*, today: dt.date, ahead: int = 3) -> list[str]:
    """Every partitioned table that exists has partitions for this month and ``ahead`` more.

    Returns the names of those newly made. A month whose rows already fell into the default partition
    is left there, because PostgreSQL refuses to split it off while rows are present.
    """
    made = []
    with connection.cursor() as cursor:
        for table in PARTITIONED_TABLES:
            if not _exists(cursor, table):
                continue
            for start, end in months(today, ahead + 1):
                name = f"{table}_{start:%Y_%m}"
                if not _exists(cursor, name) and _make(cursor, table, name, start, end):
                    made.append(name)
    return made


def default_partition_rows() -> dict[str, int]:
    """How many rows lie in each table's default partition; anything but 0 deserves a look."""
    with connection.cursor() as cursor:
        counts = {}
        for table in PARTITIONED_TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}_default")  # noqa: S608 - our own table names
            counts[table] = cursor.fetchone()[0]
        return counts


def _exists(cursor, table: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
    return cursor.fetchone()[0]


def _make(cursor, table: str, name: str, start: dt.date, end: dt.date) -> bool:
    column = "occurred_at" if table == "stations_ocppframe" else "sampled_at"
    rows_of_month = f"SELECT FROM {table}_default WHERE {column} >= %s AND {column} < %s"
    cursor.execute(f"SELECT EXISTS ({rows_of_month})", [start, end])
    if cursor.fetchone()[0]:
        return False
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM ('{start}') TO ('{end}')"
    )
    return True
