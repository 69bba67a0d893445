"""What records cost the operator: the energy bought for them and the card processor's fees.

Energy costs the location's purchase price of the session's first day: fixed, or the day-ahead price of
each market period with an addition, where the energy of a measured stretch is spread evenly over it. A
card's fee is that of the payments of the record's document, by the record's share of its amount, or of
the payment that names the session. What a top-up of a wallet cost is no cost of a session.
"""

import datetime as dt
from collections.abc import Iterable

from django.db import connection
from django.db.models import F, Q

from billing.models import Cdr, CdrCost, PaymentKind
from chargeportal.live import hints

#: How long missing prices and fees are looked for, and how often.
LOOK_BACK = dt.timedelta(days=60)
LOOK_AGAIN = dt.timedelta(hours=1)
#: Pages are told of so few records at once; of more they learn when they refresh.
_TELL_AT_MOST = 100
#: Energy in Wh of a record for which no day-ahead price needs to be known.
TOLERANCE_WH = 1

_WORK_OUT = """
WITH wanted AS (
    SELECT c.id, c.session_id, c.currency, c.energy_wh, c.total_incl_vat, c.payment_kind, c.periods_snapshot,
        CASE WHEN c.credits_id IS NULL THEN 1 ELSE -1 END AS sign,
        price.area, price.per_kwh
    FROM billing_cdr c
    JOIN charging_sessions_chargingsession s ON s.id = c.session_id
    JOIN stations_chargingstation station ON station.id = s.station_id
    LEFT JOIN LATERAL (
        SELECT e.area, e.per_kwh FROM billing_energycost e
        WHERE e.location_id = station.location_id AND e.currency = c.currency
            AND e.valid_from <= (c.started_at AT TIME ZONE c.time_zone)::date
        ORDER BY e.valid_from DESC LIMIT 1
    ) price ON true
    WHERE c.id = ANY(%(ids)s)
), market AS (
    SELECT w.id,
        sum(spot.price_per_kwh * period.energy_wh / 1000 * share.of_period) AS cost,
        sum(period.energy_wh * share.of_period) AS covered_wh
    FROM wanted w
    CROSS JOIN LATERAL jsonb_to_recordset(w.periods_snapshot)
        AS period(start timestamptz, "end" timestamptz, energy_wh numeric)
    JOIN billing_spotprice spot ON spot.area = w.area AND spot.currency = w.currency
        AND spot.starts_at < period."end" AND spot.starts_at > period.start - interval '3 hours'
        AND spot.ends_at > period.start
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM least(spot.ends_at, period."end") - greatest(spot.starts_at, period.start))
            / extract(epoch FROM period."end" - period.start) AS of_period
    ) share
    WHERE w.area <> '' AND period.energy_wh <> 0 AND period."end" > period.start
    GROUP BY w.id
), paid AS (
    SELECT w.id, p.stripe_payment_intent,
        CASE WHEN i.payable = 0 THEN 0 ELSE w.total_incl_vat / i.payable END AS part
    FROM wanted w
    JOIN billing_billedcdr billed ON billed.cdr_id = w.id
    JOIN billing_invoice i ON i.id = billed.invoice_id
    JOIN billing_payment p ON p.invoice_id = i.id
    WHERE w.sign = 1
    UNION ALL
    SELECT w.id, p.stripe_payment_intent, 1
    FROM wanted w
    JOIN billing_payment p ON p.session_id = w.session_id AND p.invoice_id IS NULL
    WHERE w.sign = 1
), fees AS (
    SELECT paid.id, sum(b.fee * paid.part) AS fee
    FROM paid
    JOIN billing_balancetransaction b ON b.payment_intent = paid.stripe_payment_intent
    WHERE paid.stripe_payment_intent <> ''
    GROUP BY paid.id
)
INSERT INTO billing_cdrcost AS known (cdr_id, energy_cost, card_fee, worked_out_at)
SELECT w.id,
    CASE
        WHEN w.energy_wh = 0 THEN 0
        WHEN w.per_kwh IS NULL THEN NULL
        WHEN w.area = '' THEN round(w.energy_wh / 1000 * w.per_kwh, 4)
        WHEN abs(coalesce(market.covered_wh, 0) - abs(w.energy_wh)) <= %(tolerance)s
            THEN round(market.cost * w.sign + w.energy_wh / 1000 * w.per_kwh, 4)
    END,
    CASE
        WHEN fees.fee IS NOT NULL THEN round(fees.fee, 4)
        WHEN w.sign = -1 OR w.total_incl_vat = 0 OR w.payment_kind <> ALL(%(by_card)s) THEN 0
    END,
    %(now)s
FROM wanted w LEFT JOIN market ON market.id = w.id LEFT JOIN fees ON fees.id = w.id
ON CONFLICT (cdr_id) DO UPDATE SET
    energy_cost = excluded.energy_cost, card_fee = excluded.card_fee, worked_out_at = excluded.worked_out_at
"""


def work_out(cdr_ids: Iterable[int], *, now: dt.datetime) -> None:
    """Each of the records has its costs as far as they are known now; open pages are told."""
    ids = sorted(cdr_ids)
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _WORK_OUT,
            {
                "ids": ids,
                "now": now,
                "tolerance": TOLERANCE_WH,
                "by_card": [PaymentKind.CARD.value, PaymentKind.GUEST.value],
            },
        )
    if len(ids) <= _TELL_AT_MOST:
        hints.changed(session_ids=Cdr.objects.filter(pk__in=ids).values_list("session_id", flat=True))


def unknown(*, most: int, now: dt.datetime) -> list[int]:
    """Ids of records without costs, and of those whose unknown costs may have become known."""
    recent = Cdr.objects.filter(rated_at__gte=now - LOOK_BACK)
    without = list(recent.filter(cost__isnull=True).order_by("pk").values_list("pk", flat=True)[:most])
    in_doubt = CdrCost.objects.filter(
        Q(energy_cost__isnull=True) | Q(card_fee__isnull=True),
        worked_out_at__lte=now - LOOK_AGAIN,
        cdr__rated_at__gte=now - LOOK_BACK,
    )
    again = in_doubt.order_by("worked_out_at").values_list("pk", flat=True)[: most - len(without)]
    return [*without, *again]


def of_location(location_id: int, *, since: dt.date) -> list[int]:
    """Ids of the records of sessions at the location that began on that day or later."""
    records = Cdr.objects.filter(
        session__station__location=location_id,
        started_at__gte=dt.datetime.combine(since, dt.time(), dt.UTC) - dt.timedelta(days=1),
    )
    return list(records.order_by("pk").values_list(F("pk"), flat=True))
