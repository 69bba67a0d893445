"""The figures of a period in one query: in all, over time, and by each dimension.

A record counts on the day its session ended. Credits count with their negative amounts, so a correction
changes the day it corrects.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection, transaction

from billing.revenue.periods import Period, buckets, edges


class Dimension(StrEnum):
    """By what revenue is told apart."""

    SITE = "site"
    STATION = "station"
    TARIFF = "tariff"
    PRICE_GROUP = "price_group"
    PAYMENT_KIND = "payment_kind"


@dataclass(frozen=True, slots=True)
class Figures:
    """Amounts in the currency, energy in Wh. Costs are those that are known; see ``unknown_*``."""

    sessions: int = 0
    energy_wh: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    vat: Decimal = Decimal(0)
    net: Decimal = Decimal(0)
    energy_cost: Decimal = Decimal(0)
    card_fees: Decimal = Decimal(0)
    energy_cost_unknown_wh: Decimal = Decimal(0)
    card_fees_unknown: int = 0

    @property
    def costs(self) -> Decimal:
        """What is known to have been paid for energy and to the card processor."""
        return self.energy_cost + self.card_fees

    @property
    def margin(self) -> Decimal:
        """What is left of the net amount after the known costs."""
        return self.net - self.costs

    @property
    def margin_percent(self) -> Decimal | None:
        """The margin as a percentage of the net amount; None where nothing was earned."""
        return self.margin / self.net * 100 if self.net > 0 else None

    @property
    def is_complete(self) -> bool:
        """Whether every cost is known."""
        return not self.energy_cost_unknown_wh and not self.card_fees_unknown


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a dimension, such as one site. ``id`` is None where there is none, as without a tariff."""

    id: int | None
    name: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Revenue:
    """The figures of a period in one currency; ``others`` names the currencies that are left out."""

    period: Period
    currency: str
    total: Figures
    over_time: dict[dt.datetime, Figures]
    rows: dict[Dimension, list[Row]] = field(default_factory=dict)
    others: tuple[str, ...] = ()


_SUMS = """
    count(*) - 2 * count(c.credits_id) AS sessions,
    sum(c.energy_wh) AS energy_wh, sum(c.total_incl_vat) AS gross, sum(c.total_vat) AS vat,
    sum(c.total_excl_vat) AS net, coalesce(sum(cost.energy_cost), 0) AS energy_cost,
    coalesce(sum(cost.card_fee), 0) AS card_fees,
    coalesce(sum(c.energy_wh) FILTER (WHERE cost.energy_cost IS NULL), 0) AS energy_cost_unknown_wh,
    count(*) FILTER (
        WHERE cost.card_fee IS NULL AND c.payment_kind = ANY(%(by_card)s) AND c.total_incl_vat > 0
    ) AS card_fees_unknown
"""
#: The same in whole ten-thousandths, which are added up several times faster and as exactly.
_WHOLE_SUMS = """
    count(*) - 2 * count(c.credits_id) AS sessions,
    (sum(c.energy_wh) * 10000)::bigint AS energy_wh, (sum(c.total_incl_vat) * 10000)::bigint AS gross,
    (sum(c.total_vat) * 10000)::bigint AS vat, (sum(c.total_excl_vat) * 10000)::bigint AS net,
    (coalesce(sum(cost.energy_cost), 0) * 10000)::bigint AS energy_cost,
    (coalesce(sum(cost.card_fee), 0) * 10000)::bigint AS card_fees,
    (coalesce(sum(c.energy_wh) FILTER (WHERE cost.energy_cost IS NULL), 0) * 10000)::bigint
        AS energy_cost_unknown_wh,
    count(*) FILTER (
        WHERE cost.card_fee IS NULL AND c.payment_kind = ANY(%(by_card)s) AND c.total_incl_vat > 0
    ) AS card_fees_unknown
"""
_FROM = """
FROM billing_cdr c
LEFT JOIN billing_cdrcost cost ON cost.cdr_id = c.id
"""
_WHERE = "WHERE c.ended_at >= %(start)s AND c.ended_at < %(end)s"
_TOTALS = f"SELECT c.currency, {_SUMS} {_FROM} {_WHERE} {{scope}} GROUP BY c.currency"
#: Enough to add up a year of records without a file; given back with the transaction.
_MEMORY = "SET LOCAL work_mem = '64MB'"
#: Every record is read once, into few rows; only these are added up along each dimension.
_SETS = f"""
WITH part AS MATERIALIZED (
    SELECT c.currency, width_bucket(c.ended_at, %(edges)s::timestamptz[]) AS bucket,
        s.station_id, c.tariff_id, c.price_group_id, c.payment_kind,
        {_WHOLE_SUMS}
    {_FROM}
    JOIN charging_sessions_chargingsession s ON s.id = c.session_id
    {_WHERE} {{scope}}
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT part.currency,
    grouping(
        part.bucket, station.location_id, part.station_id, part.tariff_id, part.price_group_id,
        part.payment_kind
    ) AS which,
    part.bucket, station.location_id, part.station_id, part.tariff_id, part.price_group_id, part.payment_kind,
    sum(sessions), sum(energy_wh), sum(gross), sum(vat), sum(net), sum(energy_cost), sum(card_fees),
    sum(energy_cost_unknown_wh), sum(card_fees_unknown)
FROM part JOIN stations_chargingstation station ON station.id = part.station_id
GROUP BY GROUPING SETS (
    (part.currency), (part.currency, part.bucket), (part.currency, station.location_id),
    (part.currency, part.station_id), (part.currency, part.tariff_id), (part.currency, part.price_group_id),
    (part.currency, part.payment_kind)
)
"""  # noqa: S608 - our own text
#: Bits of ``grouping`` that are 0 where the row is grouped by the column.
_ALL = 0b111111
_BY_TIME = "bucket"
_PLACES: dict[int, Dimension | str] = {
    0b011111: _BY_TIME,
    0b101111: Dimension.SITE,
    0b110111: Dimension.STATION,
    0b111011: Dimension.TARIFF,
    0b111101: Dimension.PRICE_GROUP,
    0b111110: Dimension.PAYMENT_KIND,
}
_COLUMN = {
    _BY_TIME: 2, Dimension.SITE: 3, Dimension.STATION: 4, Dimension.TARIFF: 5, Dimension.PRICE_GROUP: 6,
    Dimension.PAYMENT_KIND: 7,
}  # fmt: skip
_FIRST_SUM = 8
_AMOUNTS = ("energy_wh", "gross", "vat", "net", "energy_cost", "card_fees", "energy_cost_unknown_wh")
_TEN_THOUSANDTH = Decimal("0.0001")


def totals(operator_ids: Sequence[int] | None, period: Period) -> dict[str, Figures]:
    """The figures of the period by currency, the one with most sessions first; None is every operator."""
    found = _run(_TOTALS, operator_ids, period)
    figures = {row[0]: Figures(*row[1:]) for row in found}
    return dict(sorted(figures.items(), key=lambda item: -item[1].sessions))


def revenue(operator_ids: Sequence[int] | None, period: Period, *, currency: str = "") -> Revenue:
    """The period's figures in that currency, or in the one with most sessions; two queries."""
    found = _run(_SETS, operator_ids, period)
    in_all = {row[0]: _figures(row[_FIRST_SUM:]) for row in found if row[1] == _ALL}
    main = currency or max(in_all, key=lambda code: in_all[code].sessions, default="SEK")
    begins = buckets(period)
    over_time: dict[dt.datetime, Figures] = {}
    by: dict[Dimension, dict[Any, Figures]] = defaultdict(dict)
    for row in found:
        place = _PLACES.get(row[1])
        if row[0] != main or place is None:
            continue
        value, figures = row[_COLUMN[place]], _figures(row[_FIRST_SUM:])
        if isinstance(place, Dimension):
            by[place][value] = figures
        else:
            over_time[begins[value - 1]] = figures
    return Revenue(
        period=period,
        currency=main,
        total=in_all.get(main, Figures()),
        over_time=over_time,
        rows=_named(by),
        others=tuple(sorted(in_all.keys() - {main})),
    )


def _figures(sums: Sequence[Any]) -> Figures:
    """The figures of whole ten-thousandths, with counts first and last."""
    sessions, *amounts, fees_unknown = sums
    exact = {name: amount * _TEN_THOUSANDTH for name, amount in zip(_AMOUNTS, amounts, strict=True)}
    return Figures(sessions=int(sessions), card_fees_unknown=int(fees_unknown), **exact)


def _run(statement: str, operator_ids: Sequence[int] | None, period: Period) -> list[tuple]:
    scope = "" if operator_ids is None else "AND c.operator_id = ANY(%(operators)s)"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MEMORY)
        cursor.execute(
            statement.format(scope=scope),
            {
                "start": period.start,
                "end": period.end,
                "operators": list(operator_ids or ()),
                "edges": edges(period),
                "by_card": ["card", "guest"],
            },
        )
        return cursor.fetchall()


_NAMES = """
SELECT 'site', id, name FROM stations_location WHERE id = ANY(%(site)s)
UNION ALL SELECT 'station', id, CASE WHEN name = '' THEN identity ELSE name END
    FROM stations_chargingstation WHERE id = ANY(%(station)s)
UNION ALL SELECT 'tariff', id, name FROM billing_tariff WHERE id = ANY(%(tariff)s)
UNION ALL SELECT 'price_group', id, name FROM billing_pricegroup WHERE id = ANY(%(price_group)s)
"""


def _named(by: dict[Dimension, dict[Any, Figures]]) -> dict[Dimension, list[Row]]:
    """The rows with their names, the most earning first."""
    with_ids = [each for each in Dimension if each is not Dimension.PAYMENT_KIND]
    wanted = {str(each): [value for value in by[each] if value is not None] for each in with_ids}
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, wanted)
        names = {(kind, row_id): name for kind, row_id, name in cursor.fetchall()}
    named: dict[Dimension, list[Row]] = {}
    for dimension in Dimension:
        if dimension is Dimension.PAYMENT_KIND:
            rows = [Row(None, kind, figures) for kind, figures in by[dimension].items()]
        else:
            rows = [
                Row(value, names.get((str(dimension), value), ""), figures)
                for value, figures in by[dimension].items()
            ]
        named[dimension] = sorted(rows, key=lambda row: (-row.figures.net, row.name))
    return named
