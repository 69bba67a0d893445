"""Off-peak incentives: what is taken off energy in certain hours, as a negative line of its own.

The energy stays on the bill at its price, and the driver sees what the hour was worth. A discount is never
more than the energy it is on, exactly and on paper: rounding must not make money out of nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from billing.rating.counting import Charge, Rebate, Tallies
from billing.rating.quantities import NWH_PER_KWH
from billing.rating.result import RatedLine, Rounded, rounded_total
from billing.rating.session import MeasuredSession
from billing.rating.tariff import Tariff, TaxIncluded
from billing.rating.taxes import taxed
from chargeportal.common.money import Money, round_half_up


def lines(
    tallies: Tallies, *, among: Sequence[RatedLine], tariff: Tariff, session: MeasuredSession
) -> list[RatedLine]:
    """Return a line for every incentive that took something off, one for each VAT rate of the energy."""
    found: list[RatedLine] = []
    for rebate in tallies.rebates.values():
        if rebate.amount:
            line = _line(rebate, tariff=tariff, session=session)
            found.append(_within(line, [*among, *found]))
    return found


def _line(rebate: Rebate, *, tariff: Tariff, session: MeasuredSession) -> RatedLine:
    quantity = Fraction(rebate.counted, NWH_PER_KWH)
    vat_rate = None if rebate.vat_rate is None else Fraction(rebate.vat_rate)
    amount = taxed(-rebate.amount, vat_rate=vat_rate, tariff=tariff)
    untaxed = tariff.tax_included is TaxIncluded.NOT_APPLICABLE
    return RatedLine(
        charge=Charge.OFF_PEAK_DISCOUNT,
        quantity=quantity,
        measured=quantity,
        unit="kWh",
        unit_price=round_half_up(-rebate.amount / quantity, digits=4),
        currency=tariff.currency,
        tax_included=tariff.tax_included,
        vat_rate=None if untaxed else rebate.vat_rate,
        excl=amount.excl,
        incl=amount.incl,
        rounded=Rounded.of(excl=amount.excl, incl=amount.incl, currency=tariff.currency),
        candidate=None,
        runs=tuple(rebate.runs),
        session=session,
        incentive=tariff.incentives[rebate.index],
    )


def _within(line: RatedLine, others: Sequence[RatedLine]) -> RatedLine:
    """Return the line, on paper no more than what energy of its VAT rate costs there."""
    energy = [
        other
        for other in others
        if other.charge in (Charge.ENERGY, Charge.OFF_PEAK_DISCOUNT) and other.vat_rate == line.vat_rate
    ]
    paid = rounded_total(energy, currency=line.currency)
    rounded = Rounded.between(_at_most(line.rounded.excl, paid.excl), _at_most(line.rounded.incl, paid.incl))
    return line if rounded == line.rounded else replace(line, rounded=rounded)


def _at_most(taken: Money | None, paid: Money | None) -> Money | None:
    return taken if taken is None or paid is None else max(taken, -paid)
