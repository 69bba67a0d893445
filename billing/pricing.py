"""Prices sessions: the live cost and the CDR come from here, and both from the one rating engine."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings

from billing import measuring, rating
from billing.models import Cdr, PriceGroup, Tariff
from billing.rating_facts import facts_for, with_facts
from billing.tariff_selection import tariff_of_session
from chargeportal.common.money import Money, round_half_up
from sessions import clocks
from sessions.models import ChargingSession
from sessions.ports import CannotBePriced, Price, PricedLine

QUANTITY_DIGITS = 6
FREE_CURRENCY = "SEK"
#: The remark of a record that charges for nothing because a person said so.
WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class RatedNow:
    """A session rated until an instant: the tariff that held at its start, its periods and its lines."""

    tariff: Tariff | None
    time_zone: str
    periods: tuple[clocks.MeasuredPeriod, ...]
    lines: tuple[PricedLine, ...]
    currency: str
    price_group: PriceGroup | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    def spent_s(self, kind: str) -> int:
        """Whole seconds on one of the clocks."""
        lengths = (period.end - period.start for period in self.periods if period.kind == kind)
        return round(sum(lengths, dt.timedelta()).total_seconds())

    def total(self, amount: str) -> Decimal:
        """The sum of one amount over the lines, in the currency's minor unit."""
        return sum((getattr(line, amount) for line in self.lines), Money.zero(self.currency).rounded().amount)


class SessionPricing:
    """The pricing port's implementation."""

    def price(self, session: ChargingSession, *, now: dt.datetime) -> Price | None:
        """The CDR's price when there is one, else as if it ended ``now``; None where nothing costs."""
        current = Cdr.objects.current().filter(session=session)
        cdr = current.select_related("tariff").prefetch_related("lines").first()
        if cdr is not None:
            return price_of_cdr(cdr)
        rated = rate_until(session, now=now)
        return None if rated.tariff is None else _price(rated)

    def if_billed(self, session: ChargingSession, *, now: dt.datetime) -> Price | None:
        """What a CDR made now would say, whatever one said before; None where nothing costs."""
        try:
            rated = rate_until(session, now=now)
        except (rating.InvalidTariff, rating.InvalidSession) as error:
            raise CannotBePriced from error
        return None if rated.tariff is None else _price(rated)

    def totals(self, session_ids: list[int]) -> dict[int, tuple[Decimal, str]]:
        """(total including VAT, currency) of those sessions that have a CDR, in one query."""
        current = Cdr.objects.current().filter(session__in=session_ids)
        rows = current.values_list("session", "total_incl_vat", "currency")
        return {session_id: (total, currency) for session_id, total, currency in rows}


def rate_until(session: ChargingSession, *, now: dt.datetime, for_good: bool = False) -> RatedNow:
    """The session rated to its end, or to ``now`` while it runs, by the tariff that held at its start.

    ``for_good`` when a CDR is made of it: then it needs a transaction.
    """
    chosen = tariff_of_session(session)
    tariff = chosen.tariff
    evidence: dict[str, Any] = {"selection": chosen.evidence}
    location = session.station.location
    time_zone = location.time_zone if location else settings.TIME_ZONE
    if tariff is None:
        periods = tuple(clocks.measured_periods(session, now=now))
        return RatedNow(None, time_zone, periods, (), FREE_CURRENCY, evidence=evidence)
    ocpi = tariff.as_ocpi()
    evidence |= facts_for(
        ocpi, tariff=tariff, session=session, now=now, time_zone=time_zone, for_good=for_good
    )
    parsed = rating.parse_tariff(with_facts(ocpi, evidence))
    periods, measured = measuring.measured(session, now=now, tariff=parsed, time_zone=time_zone)
    rated = rating.rate(measured, tariff=parsed)
    if rated.warnings:
        evidence["warnings"] = list(rated.warnings)
    return RatedNow(
        tariff=tariff,
        time_zone=time_zone,
        periods=periods,
        lines=tuple(priced_line(line) for line in rated.lines),
        currency=tariff.currency,
        price_group=chosen.price_group,
        evidence=evidence,
    )


def lines_again(cdr: Cdr) -> tuple[PricedLine, ...]:
    """The lines of a charge, rated again from nothing but the CDR itself; they are the same, to the öre."""
    if cdr.tariff_snapshot is None:
        return ()
    measured = measuring.for_rating(
        (measuring.from_snapshot(kept) for kept in cdr.periods_snapshot),
        time_zone=cdr.time_zone,
        register_start_wh=None,
    )
    tariff = rating.parse_tariff(with_facts(cdr.tariff_snapshot, cdr.evidence))
    return tuple(priced_line(line) for line in rating.rate(measured, tariff=tariff).lines)


def price_of_cdr(cdr: Cdr) -> Price:
    """The price as it was charged."""
    return Price(
        currency=cdr.currency,
        total_excl_vat=cdr.total_excl_vat,
        total_vat=cdr.total_vat,
        total_incl_vat=cdr.total_incl_vat,
        lines=tuple(
            PricedLine(
                dimension=line.dimension,
                quantity=line.quantity,
                unit=line.unit,
                unit_price=line.unit_price,
                price_includes_vat=line.price_includes_vat,
                vat_rate=line.vat_rate,
                amount_excl_vat=line.amount_excl_vat,
                amount_vat=line.amount_vat,
                amount_incl_vat=line.amount_incl_vat,
                trace=line.trace,
            )
            for line in cdr.lines.all()
        ),
        tariff_name=cdr.tariff.name if cdr.tariff else "",
        is_final=True,
        charging_s=cdr.charging_s,
        parking_s=cdr.parking_s,
        is_waived=cdr.remark == WAIVED,
    )


def _price(rated: RatedNow) -> Price:
    return Price(
        currency=rated.currency,
        total_excl_vat=rated.total("amount_excl_vat"),
        total_vat=rated.total("amount_vat"),
        total_incl_vat=rated.total("amount_incl_vat"),
        lines=rated.lines,
        tariff_name=rated.tariff.name if rated.tariff else "",
        is_final=False,
        charging_s=rated.spent_s(clocks.CHARGING),
        parking_s=rated.spent_s(clocks.PARKING),
    )


def priced_line(line: rating.RatedLine) -> PricedLine:
    """The line rounded to the currency's minor unit; where no tax is known there is none on it."""
    excl, vat, incl = _amounts(line.rounded)
    return PricedLine(
        dimension=line.charge.name,
        quantity=round_half_up(line.quantity, digits=QUANTITY_DIGITS),
        unit=line.unit,
        unit_price=line.unit_price,
        price_includes_vat=line.tax_included is rating.TaxIncluded.YES,
        vat_rate=line.vat_rate,
        amount_excl_vat=excl,
        amount_vat=vat,
        amount_incl_vat=incl,
        trace=rating.trace(line),
    )


def _amounts(rounded: rating.Rounded) -> tuple[Decimal, Decimal, Decimal]:
    excl = rounded.incl if rounded.excl is None else rounded.excl
    incl = rounded.excl if rounded.incl is None else rounded.incl
    if excl is None or incl is None:
        raise ValueError("A rated line has neither a net nor a gross amount")
    return excl.amount, incl.amount - excl.amount, incl.amount
