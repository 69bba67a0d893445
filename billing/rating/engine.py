"""The one place where a price comes into being: measured periods and a tariff in, priced lines out.

The preview, the live cost of a running session, the CDR and the invoice are all this function; it knows no
clock, no database and no Django. The steps follow OCPI 2.3.0 (mod_tariffs, mod_cdrs):

1. cut the measured periods wherever another component may become active (`slicing`, `localtime`),
2. choose the active component of every dimension in each slice (`selection`),
3. count what each component is paid for (`counting`) and round it up to the step size (`steps`),
4. price and tax each count (`taxes`), take off discounts (`discounts`), and hold the total within the minimum
   and maximum and the day's cap (`limits`).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from billing.rating import discounts, limits, steps
from billing.rating.counting import Charge, Tallies, Tally, count
from billing.rating.quantities import NWH_PER_KWH, NWH_PER_WH, US_PER_HOUR, US_PER_S
from billing.rating.result import Quantities, RatedLine, RatedSession, Rounded
from billing.rating.selection import plan_for
from billing.rating.session import MeasuredSession, PeriodKind
from billing.rating.tariff import Tariff, TaxIncluded
from billing.rating.taxes import taxed
from chargeportal.common.money import round_half_up

#: Decimals of a price that is not written in the tariff but came about.
UNIT_PRICE_DIGITS = 4

#: The unit of each charge and how much of it the engine counts; in the order of a bill.
_UNITS = {
    Charge.RESERVATION_FLAT: ("x", 1),
    Charge.RESERVATION_TIME: ("h", US_PER_HOUR),
    Charge.FLAT: ("x", 1),
    Charge.ENERGY: ("kWh", NWH_PER_KWH),
    Charge.TIME: ("h", US_PER_HOUR),
    Charge.PARKING_TIME: ("h", US_PER_HOUR),
}


def rate(session: MeasuredSession, *, tariff: Tariff) -> RatedSession:
    """Return what the session costs under the tariff, exactly and rounded, with the reasons.

    Raises InvalidSession when the measured periods contradict each other.
    """
    tallies = count(session, plan=plan_for(tariff))
    steps.round_up(tallies)
    lines = [
        _line(tally, tariff=tariff, session=session) for charge in _UNITS for tally in tallies.of(charge)
    ]
    lines += discounts.lines(tallies, among=lines, tariff=tariff, session=session)
    for adjustment in (limits.adjustment, limits.day_cap):
        bounded = adjustment(lines, tariff=tariff, session=session)
        if bounded is not None:
            lines.append(bounded)
    return RatedSession(
        tariff=tariff,
        session=session,
        lines=tuple(lines),
        measured=_measured(tallies),
        billed=_billed(tallies),
        warnings=_warnings(tallies),
    )


def _line(tally: Tally, *, tariff: Tariff, session: MeasuredSession) -> RatedLine:
    unit, per_unit = _UNITS[tally.charge]
    candidate = tally.candidate
    quantity = Fraction(tally.counted + tally.rounded_up, per_unit)
    untaxed = tariff.tax_included is TaxIncluded.NOT_APPLICABLE
    price = tally.price(per_unit=per_unit)
    amount = taxed(price, vat_rate=candidate.vat_rate, tariff=tariff)
    is_parking = tally.charge is Charge.PARKING_TIME
    return RatedLine(
        charge=tally.charge,
        quantity=quantity,
        measured=Fraction(tally.counted, per_unit),
        unit=unit,
        unit_price=_unit_price(tally, price=price, quantity=quantity),
        currency=tariff.currency,
        tax_included=tariff.tax_included,
        vat_rate=None if untaxed else candidate.component.vat_rate,
        excl=amount.excl,
        incl=amount.incl,
        rounded=Rounded.of(excl=amount.excl, incl=amount.incl, currency=tariff.currency),
        candidate=candidate,
        runs=tuple(tally.runs),
        session=session,
        shares=tuple(tally.shares),
        dynamic=tariff.dynamic if tally.shares else None,
        free_s=Fraction(tariff.idle_grace_s) if is_parking else Fraction(0),
    )


def _unit_price(tally: Tally, *, price: Fraction, quantity: Fraction) -> Decimal:
    """Return the component's price, or what a unit came to where the price changed with the market."""
    if not tally.shares:
        return tally.candidate.component.price
    return round_half_up(price / quantity, digits=UNIT_PRICE_DIGITS)


def _measured(tallies: Tallies) -> Quantities:
    clocks = tallies.clocks_us
    return Quantities(
        energy_wh=Fraction(tallies.energy_nwh, NWH_PER_WH),
        charging_s=Fraction(clocks[PeriodKind.CHARGING], US_PER_S),
        parking_s=Fraction(clocks[PeriodKind.PARKING], US_PER_S),
        reservation_s=Fraction(clocks[PeriodKind.RESERVATION], US_PER_S),
    )


def _billed(tallies: Tallies) -> Quantities:
    def billed(charge: Charge, per_unit: int) -> Fraction:
        return Fraction(sum(tally.counted + tally.rounded_up for tally in tallies.of(charge)), per_unit)

    return Quantities(
        energy_wh=billed(Charge.ENERGY, NWH_PER_WH),
        charging_s=billed(Charge.TIME, US_PER_S),
        parking_s=billed(Charge.PARKING_TIME, US_PER_S),
        reservation_s=billed(Charge.RESERVATION_TIME, US_PER_S),
    )


def _warnings(tallies: Tallies) -> tuple[str, ...]:
    found = {"power_not_measured": tallies.power_unknown, "current_not_measured": tallies.current_unknown}
    return tuple(code for code, missing in found.items() if missing)
