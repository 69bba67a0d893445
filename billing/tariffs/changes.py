"""What a simulation found: totals, a histogram of the changes, and who is concerned the most."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

#: Rows in the tables of the largest changes.
LARGEST = 20
#: Sessions whose prices are kept one by one, for the file.
_MOST_ROWS = 100_000
#: Bounds of the histogram, in the currency: changes below, between and above them.
BOUNDS = tuple(Decimal(n) for n in (-100, -50, -20, -10, -5, 0, 5, 10, 20, 50, 100))

#: Session, driver, charged, by the tariff; with VAT.
Row = tuple[int, int | None, Decimal, Decimal]


@dataclass
class Sums:
    """What has been found so far."""

    rows: list[Row] = field(default_factory=list)
    before_excl: Decimal = Decimal(0)
    after_excl: Decimal = Decimal(0)
    failed: int = 0


def result_of(sums: Sums) -> dict[str, Any]:
    """The result as it is kept: amounts as text, sessions and drivers by their ids."""
    changes = [after - before for _session, _user, before, after in sums.rows]
    before = sum((row[2] for row in sums.rows), Decimal(0))
    after = sum((row[3] for row in sums.rows), Decimal(0))
    return {
        "sessions": len(sums.rows),
        "failed": sums.failed,
        "before_incl": str(before),
        "after_incl": str(after),
        "change_incl": str(after - before),
        "before_excl": str(sums.before_excl),
        "after_excl": str(sums.after_excl),
        "change_excl": str(sums.after_excl - sums.before_excl),
        "more": sum(change > 0 for change in changes),
        "less": sum(change < 0 for change in changes),
        "same": sum(change == 0 for change in changes),
        "histogram": histogram(changes),
        "drivers": _drivers(sums.rows),
        "largest": [
            _row(row) for row in sorted(sums.rows, key=lambda r: abs(r[3] - r[2]), reverse=True)[:LARGEST]
        ],
        "rows": [[row[0], str(row[2]), str(row[3])] for row in sums.rows[:_MOST_ROWS]],
    }


def histogram(changes: Sequence[Decimal]) -> list[dict[str, Any]]:
    """How many sessions change by how much: below, between and above the bounds; no change stands apart.

    A change of just 5 is counted with 0 to 5, one of just -5 with -5 to 0.
    """
    counts = [0] * (len(BOUNDS) + 1)
    same = 0
    for change in changes:
        if not change:
            same += 1
        elif change < 0:
            counts[bisect_right(BOUNDS, change)] += 1
        else:
            counts[bisect_left(BOUNDS, change)] += 1
    zero = BOUNDS.index(Decimal(0))
    bars = [
        {
            "from": str(low) if low is not None else None,
            "to": str(high) if high is not None else None,
            "count": n,
        }
        for low, high, n in zip((None, *BOUNDS), (*BOUNDS, None), counts, strict=True)
    ]
    return [*bars[: zero + 1], {"from": "0", "to": "0", "count": same}, *bars[zero + 1 :]]


def _drivers(rows: Sequence[Row]) -> list[dict[str, Any]]:
    totals: dict[int, list[Any]] = {}
    for _session, user_id, before, after in rows:
        if user_id is not None:
            total = totals.setdefault(user_id, [0, Decimal(0), Decimal(0)])
            total[0], total[1], total[2] = total[0] + 1, total[1] + before, total[2] + after
    ordered = sorted(totals.items(), key=lambda item: abs(item[1][2] - item[1][1]), reverse=True)
    return [
        {
            "user": user_id,
            "sessions": n,
            "before": str(before),
            "after": str(after),
            "change": str(after - before),
        }
        for user_id, (n, before, after) in ordered[:LARGEST]
    ]


def _row(row: Row) -> Mapping[str, Any]:
    return {
        "session": row[0], "user": row[1], "before": str(row[2]), "after": str(row[3]),
        "change": str(row[3] - row[2]),
    }  # fmt: skip
