"""Many rows in one statement: one JSON parameter, unfolded by PostgreSQL.

5-8 µs a row whatever the columns, where `bulk_create` into a JSON column costs 150 µs. Runs on
Django's default connection, inside whatever transaction is open there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import psycopg
from django.db import connection
from psycopg.types.json import Jsonb


def insert_rows(
    table: str,
    *,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    on_conflict: str = "",
    returning: str = "",
) -> list[tuple[Any, ...]]:
    """Insert `rows` into `table` in one statement and return what `returning` asks for.

    `columns` names each column with its PostgreSQL type ("station_id": "bigint"); a key missing in
    a row is NULL. Values are what orjson takes: numbers, texts, aware datetimes, UUIDs, lists (for
    arrays and jsonb), dicts and `orjson.Fragment` (for jsonb). `on_conflict` continues the words
    ON CONFLICT ("(station_id, number) DO NOTHING"); the caller keeps two rows with one key out of
    a DO UPDATE.
    """
    if not rows:
        return []
    names = ", ".join(columns)
    statement = f"INSERT INTO {table} ({names}) SELECT {names} FROM {{rows}}"  # noqa: S608 - names of our own, values as a parameter
    if on_conflict:
        statement += f" ON CONFLICT {on_conflict}"
    if returning:
        statement += f" RETURNING {returning}"
    return run_with_rows(statement, columns=columns, rows=rows)


def run_with_rows(
    statement: str,
    *,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    parameters: Sequence[Any] = (),
) -> list[tuple[Any, ...]]:
    """Run `statement` with `{rows}` standing for the rows as a table `r`, and return its result rows.

    `UPDATE t SET power_w = r.power_w FROM {rows} WHERE t.id = r.id` updates many in one go.
    `parameters` are for further %s after `{rows}`.
    """
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    sql = statement.replace("{rows}", f"jsonb_to_recordset(%s) AS r({typed})")
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, [Jsonb(rows, dumps=_dumps), *parameters])
        return cursor.fetchall() if cursor.description else []


def _dumps(rows: Any) -> bytes:
    return orjson.dumps(rows, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> str:
    """Decimals travel as text: PostgreSQL reads them exactly."""
    return str(value)
