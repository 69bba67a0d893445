"""Prices past sessions again by a tariff and tells who would have paid more or less.

The sessions are priced by the rating engine from what was kept with their charge detail records; where
the tariff asks for more than was kept (hours, power, thresholds), from their meter readings. Nothing that
was charged changes.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from billing import measuring, rating
from billing.models import Cdr, PriceGroup, Tariff, TariffSimulation
from billing.pricing import WAIVED
from billing.rating.extensions import DayCap, SpotPeriod
from billing.spot.market import prices_between
from billing.tariffs.changes import Sums, result_of
from stations.models import Location

#: Up to so many sessions are priced while the person waits.
AT_ONCE = 200
_REPORT_EVERY = 100


@dataclass
class _Pricer:
    """The tariff made ready, with what it needs from session to session."""

    parsed: rating.Tariff
    market: Sequence[SpotPeriod]
    now: dt.datetime
    paid: dict[tuple[Any, dt.date], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def price(self, cdr: Cdr) -> tuple[Decimal, Decimal]:
        """Without and with VAT. Raises rating.InvalidSession."""
        tariff, day = self._tariff(cdr), self._day(cdr)
        rounded = rating.rate(self._measured(cdr, tariff), tariff=tariff).rounded
        excl, incl = rounded.excl or rounded.incl, rounded.incl or rounded.excl
        if excl is None or incl is None:
            raise rating.InvalidTariff("neither a net nor a gross amount")
        if day is not None:
            self.paid[day] += incl.amount
        return excl.amount, incl.amount

    def _tariff(self, cdr: Cdr) -> rating.Tariff:
        tariff, day = self.parsed, self._day(cdr)
        if tariff.dynamic is not None:
            known = _within(self.market, cdr.started_at, cdr.ended_at)
            tariff = replace(tariff, dynamic=replace(tariff.dynamic, prices=known))
        if tariff.day_cap is not None and day is not None:
            tariff = replace(tariff, day_cap=DayCap(incl=tariff.day_cap.incl, paid=self.paid[day]))
        return tariff

    def _day(self, cdr: Cdr) -> tuple[Any, dt.date] | None:
        who = cdr.session.user_id or (cdr.session.id_token_id and -cdr.session.id_token_id)
        if self.parsed.day_cap is None or not who:
            return None
        return who, cdr.started_at.astimezone(ZoneInfo(cdr.time_zone)).date()

    def _measured(self, cdr: Cdr, tariff: rating.Tariff) -> rating.MeasuredSession:
        if rating.needs_readings(tariff):
            _periods, measured = measuring.measured(
                cdr.session, now=self.now, tariff=tariff, time_zone=cdr.time_zone
            )
            return measured
        return measuring.for_rating(
            (measuring.from_snapshot(kept) for kept in cdr.periods_snapshot),
            time_zone=cdr.time_zone,
            register_start_wh=None,
        )


def ask(
    tariff: Tariff,
    *,
    from_date: dt.date,
    until_date: dt.date,
    location: Location | None,
    price_group: PriceGroup | None,
    by: User | None,
    now: dt.datetime,
) -> TariffSimulation:
    """The simulation is noted with the number of its sessions; ``run`` works it out."""
    simulation = TariffSimulation(
        tariff=tariff,
        from_date=from_date,
        until_date=until_date,
        location=location,
        price_group=price_group,
        requested_by=by,
        requested_at=now,
    )
    simulation.sessions_total = cdrs_of(simulation).count()
    simulation.save()
    return simulation


def cdrs_of(simulation: TariffSimulation) -> QuerySet[Cdr]:
    """The records it prices again: those that hold, in its currency; of a new version, its forerunners'."""
    tariff = simulation.tariff
    zone = timezone.get_default_timezone()
    first, until = (
        dt.datetime.combine(day, dt.time(), tzinfo=zone)
        for day in (simulation.from_date, simulation.until_date)
    )
    rows = Cdr.objects.current().filter(
        operator=tariff.operator_id, currency=tariff.currency, ended_at__gte=first, ended_at__lt=until
    )
    if tariff.version > 1:
        rows = rows.filter(tariff__name=tariff.name)
    if simulation.location_id is not None:
        rows = rows.filter(session__station__location=simulation.location_id)
    if simulation.price_group_id is not None:
        rows = rows.filter(price_group=simulation.price_group_id)
    return rows.exclude(remark=WAIVED)


def run(simulation_id: int, *, now: dt.datetime) -> None:
    """The simulation has its result, or says why it failed; done twice it stays as it was."""
    simulation = TariffSimulation.objects.select_related("tariff__dynamic_price").get(pk=simulation_id)
    if simulation.finished_at is not None:
        return
    try:
        pricer = _pricer(simulation, now=now)
    except rating.InvalidTariff as refusal:
        _finish(simulation, now=now, failure=str(refusal)[:300])
        return
    sums = Sums()
    for done, cdr in enumerate(_each(simulation), start=1):
        _add(sums, cdr, pricer)
        if done % _REPORT_EVERY == 0:
            TariffSimulation.objects.filter(pk=simulation.pk).update(sessions_done=done)
    _finish(simulation, now=now, result=result_of(sums))


def _pricer(simulation: TariffSimulation, *, now: dt.datetime) -> _Pricer:
    parsed = rating.parse_tariff(simulation.tariff.as_ocpi())
    market: list[SpotPeriod] = []
    if parsed.dynamic is not None:
        zone = timezone.get_default_timezone()
        # sessions that ended in the period may have begun before it
        start = dt.datetime.combine(simulation.from_date - dt.timedelta(days=7), dt.time(), tzinfo=zone)
        end = dt.datetime.combine(simulation.until_date, dt.time(), tzinfo=zone)
        known = prices_between(start, end, area=parsed.dynamic.area, currency=parsed.currency)
        market = [SpotPeriod(price.start, price.end, price.price) for price in known]
    return _Pricer(parsed, market, now)


def _each(simulation: TariffSimulation) -> Iterator[Cdr]:
    rows = cdrs_of(simulation).select_related("session__station__location", "session__id_token")
    return rows.order_by("started_at", "pk").iterator(chunk_size=500)


def _add(sums: Sums, cdr: Cdr, pricer: _Pricer) -> None:
    try:
        excl, incl = pricer.price(cdr)
    except (rating.InvalidSession, rating.InvalidTariff):
        sums.failed += 1
        return
    sums.before_excl += cdr.total_excl_vat
    sums.after_excl += excl
    sums.rows.append((cdr.session_id, cdr.session.user_id, cdr.total_incl_vat, incl))


def _finish(
    simulation: TariffSimulation,
    *,
    now: dt.datetime,
    result: dict[str, Any] | None = None,
    failure: str = "",
) -> None:
    TariffSimulation.objects.filter(pk=simulation.pk, finished_at=None).update(
        finished_at=now,
        result=result,
        failure=failure,
        sessions_done=0 if result is None else result["sessions"] + result["failed"],
    )


def _within(market: Sequence[SpotPeriod], start: dt.datetime, end: dt.datetime) -> tuple[SpotPeriod, ...]:
    first = bisect_left(market, start, key=lambda period: period.end)
    last = bisect_left(market, end, key=lambda period: period.start)
    return tuple(market[first:last])
