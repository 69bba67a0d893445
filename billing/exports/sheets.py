"""Writes tables as CSV and as Excel sheets: row by row, the same bytes each time, and harmless to open.

A text that a spreadsheet would run as a formula (it begins with = + - @, tab or CR) gets an apostrophe
before it. Source: OWASP, CSV Injection.
"""

import csv
import datetime as dt
import io
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, Protocol

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from billing.exports.zips import rewrite

#: Excel's own limit, with a row for the heads.
MOST_SHEET_ROWS = 1_048_575
#: The last four are the wide forms, which some spreadsheets read like the narrow ones.
_DANGEROUS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_WORD_START = re.compile(r"^[\s'\"]*")
_COLUMN_WIDTH = 18


def no_tick(done: int, *, total: int | None = None) -> None:
    """Nobody is told."""
    del done, total


class Tick(Protocol):
    """Hears how far the writing has come."""

    def __call__(self, done: int, *, total: int | None = None) -> None:
        """So many rows are done; ``total`` is told once, where it is known."""


class TooManyRows(ValueError):
    """An Excel sheet has no room for so many rows."""


@dataclass(frozen=True, slots=True)
class Table:
    """What is going to be written; ``total`` is the number of rows, where it is known beforehand."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]
    total: int | None = None


def write_csv(table: Table, file: BinaryIO, *, tick: Tick) -> None:
    """The table in UTF-8 with a byte order mark, separated by commas, lines ending in CRLF."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.columns)
    for row in _counted(table, tick):
        writer.writerow([_csv_cell(value) for value in row])
    text.flush()
    text.detach()


def write_xlsx(table: Table, file: BinaryIO, *, tick: Tick) -> None:
    """The table as an Excel workbook with one sheet: numbers are numbers, dates are dates.

    Raises: TooManyRows.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Export")
    sheet.freeze_panes = "A2"
    for number in range(1, len(table.columns) + 1):
        sheet.column_dimensions[_letters(number)].width = _COLUMN_WIDTH
    sheet.append(list(table.columns))
    for count, row in enumerate(_counted(table, tick), start=1):
        if count > MOST_SHEET_ROWS:
            raise TooManyRows
        sheet.append([_sheet_cell(value) for value in row])
    with tempfile.TemporaryFile() as raw:
        book.save(raw)
        raw.seek(0)
        rewrite(raw, file)


def harmless(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would take it for a formula."""
    if text.startswith(_DANGEROUS) or _WORD_START.sub("", text).startswith(_DANGEROUS):
        return f"'{text}"
    return text


def _counted(table: Table, tick: Tick) -> Iterator[tuple[Any, ...]]:
    tick(0, total=table.total)
    for count, row in enumerate(table.rows, start=1):
        yield row
        tick(count)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, int | dt.date):
        return str(value)
    return harmless(str(value).replace("\0", ""))


def _sheet_cell(value: Any) -> Any:
    if value is None or isinstance(value, int | Decimal):
        return value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)
    if isinstance(value, dt.date):
        return value
    return harmless(ILLEGAL_CHARACTERS_RE.sub("", str(value)))


def _letters(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
