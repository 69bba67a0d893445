"""Monthly partitions of the big tables.

Partitions are made ahead by ``migrate`` and by a daily beat task; rows of a month that has none yet
fall into the default partition, which a check watches.
"""

import datetime as dt
import logging
from collections.abc import Iterable

from django.db import OperationalError, connection, transaction

logger = logging.getLogger(__name__)

#: Attaching a partition locks the whole table: whoever writes to it shall not wait behind us for long.
LOCK_TIMEOUT = "2s"
LOCK_NOT_AVAILABLE = "55P03"
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
    is left there, because PostgreSQL refuses to split it off while rows are present; one whose table is
    busy for long is left for the next day.
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
    try:
        with transaction.atomic():
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table}"
                f" FOR VALUES FROM ('{start}') TO ('{end}')"
            )
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        logger.warning("The partition %s could not be made now: its table is busy", name)
        return False
    return True
