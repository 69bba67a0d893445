"""Revenue as a table for spreadsheets, by a dimension or over time."""

import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from billing.exports.sheets import Table, no_tick, write_csv
from billing.revenue.figures import Dimension, Figures, Revenue

#: The table over time, beside those of the dimensions.
TIME = "time"
_CENT = Decimal("0.01")
_AMOUNTS = (
    "currency", "sessions", "energy_kwh", "gross", "vat", "net", "energy_cost", "card_fees", "margin",
    "energy_without_known_cost_kwh", "payments_without_known_fee",
)  # fmt: skip


def as_csv(revenue: Revenue, *, by: str) -> bytes:
    """The figures by a dimension or over time, as CSV that no spreadsheet takes for formulas.

    The names of the columns are for programs and are never translated.
    """
    file = io.BytesIO()
    rows = list(_rows(revenue, by=by))
    write_csv(Table((by, *_AMOUNTS), rows, len(rows)), file, tick=no_tick)
    return file.getvalue()


def _rows(revenue: Revenue, *, by: str) -> Iterator[tuple[Any, ...]]:
    if by == TIME:
        for begin in sorted(revenue.over_time):
            yield begin.isoformat(" ", "minutes"), *_amounts(revenue.over_time[begin], revenue.currency)
        return
    for row in revenue.rows[Dimension(by)]:
        yield row.name, *_amounts(row.figures, revenue.currency)


def _amounts(figures: Figures, currency: str) -> tuple[Any, ...]:
    return (
        currency,
        figures.sessions,
        _kwh(figures.energy_wh),
        figures.gross.quantize(_CENT),
        figures.vat.quantize(_CENT),
        figures.net.quantize(_CENT),
        figures.energy_cost.quantize(_CENT),
        figures.card_fees.quantize(_CENT),
        figures.margin.quantize(_CENT),
        _kwh(figures.energy_cost_unknown_wh),
        figures.card_fees_unknown,
    )


def _kwh(energy_wh: Decimal) -> Decimal:
    return (energy_wh / 1000).quantize(Decimal("0.001"))
