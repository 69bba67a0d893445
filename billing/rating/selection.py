"""Which price is active at an instant.

For every dimension apart: the first element that has a component of it and whose restrictions all match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from billing.rating.quantities import Count, nwh_from_wh, us_from_s
from billing.rating.quotes import Discount, Quote, changes_us, discount, quote
from billing.rating.restrictions import (
    MIDNIGHT,
    ReservationRestriction,
    Restrictions,
    on_date,
    within_hours,
)
from billing.rating.session import PeriodKind, ReservationOutcome
from billing.rating.tariff import Dimension, PriceComponent, Tariff


class Bounds(NamedTuple):
    """What a measured value must reach (included) and stay below (excluded), in the engine's units."""

    low: Any
    high: Any

    def hold(self, value: Any) -> bool:
        """Return whether the value lies within; one that was not measured satisfies no bound."""
        if self.low is None and self.high is None:
            return True
        if value is None:
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value < self.high)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One price component in its place in the tariff, its restrictions ready to be tested."""

    element_index: int
    component_index: int
    component: PriceComponent
    restrictions: Restrictions
    elapsed_us: Bounds
    energy_nwh: Bounds
    power_w: Bounds
    current_a: Bounds
    price: Fraction
    vat_rate: Fraction | None

    def matches(self, situation: Situation) -> bool:
        """Return whether every restriction but the kind of reservation holds in the situation."""
        return (
            self.elapsed_us.hold(situation.elapsed_us)
            and self.energy_nwh.hold(situation.energy_nwh)
            and self.power_w.hold(situation.power_w)
            and self.current_a.hold(situation.current_a)
            and within_hours(self.restrictions, situation.wall_clock.time())
            and on_date(self.restrictions, situation.wall_clock.date())
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """The instant a choice is made for: the wall clock, and what the session has come to."""

    wall_clock: datetime
    elapsed_us: Count
    energy_nwh: Count
    power_w: Decimal | None
    current_a: Decimal | None


@dataclass(frozen=True, slots=True)
class Active:
    """The component of each dimension that is active in a situation, None where the dimension is free."""

    energy: Candidate | None
    time: Candidate | None
    flat: Candidate | None


@dataclass(frozen=True)
class Plan:
    """A tariff made ready for rating: its components by use, and every value at which a choice may change."""

    session: tuple[Candidate, ...]
    reservation: tuple[Candidate, ...]
    expiry: tuple[Candidate, ...]
    times: frozenset[time]
    durations_s: tuple[Decimal, ...]
    energies_wh: tuple[Decimal, ...]
    energies_nwh: tuple[Count, ...]
    powers_w: tuple[Decimal, ...]
    currents_a: tuple[Decimal, ...]
    instants_us: tuple[int, ...]
    grace_us: Count
    tariff: Tariff

    @property
    def asks_when(self) -> bool:
        """Whether the price depends on when in a session the energy flowed, or on how fast."""
        return bool(
            self.times or self.durations_s or self.energies_wh or self.instants_us or self.asks_how_fast
        )

    @property
    def asks_how_fast(self) -> bool:
        """Whether the price depends on power or current."""
        return bool(self.powers_w or self.currents_a)

    def quote(self, energy: Candidate, *, at_us: Count) -> Quote | None:
        """Return what a kWh costs at the instant under a dynamic tariff, None under any other."""
        if self.tariff.dynamic is None:
            return None
        return quote(
            self.tariff.dynamic,
            at_us=at_us,
            vat_rate=energy.vat_rate,
            tax_included=self.tariff.tax_included,
        )

    def discount(self, price: Fraction, *, wall_clock: datetime) -> Discount | None:
        """Return what is taken off a price of energy at that time of the wall clock."""
        return discount(self.tariff.incentives, wall_clock=wall_clock, price=price)

    def active(self, situation: Situation, *, kind: PeriodKind, reservation: ReservationOutcome) -> Active:
        """Return what is active in the situation."""
        if kind is PeriodKind.RESERVATION:
            chain = self.reservation
            if reservation is ReservationOutcome.EXPIRED:
                chain = self.expiry + self.reservation
            return Active(
                energy=None,
                time=_first(chain, Dimension.TIME, situation),
                flat=_first(chain, Dimension.FLAT, situation),
            )
        clock = Dimension.PARKING_TIME if kind is PeriodKind.PARKING else Dimension.TIME
        return Active(
            energy=_first(self.session, Dimension.ENERGY, situation),
            time=_first(self.session, clock, situation),
            flat=_first(self.session, Dimension.FLAT, situation),
        )


@lru_cache(maxsize=1024)
def plan_for(tariff: Tariff) -> Plan:
    """Return the tariff's plan, made once per parsed tariff."""
    candidates = tuple(_candidates(tariff))
    used = [element.restrictions for element in tariff.elements]
    hours = [incentive.hours for incentive in tariff.incentives]
    energies_wh = _values(used, "min_energy_wh", "max_energy_wh")
    return Plan(
        session=_of_use(candidates, None),
        reservation=_of_use(candidates, ReservationRestriction.RESERVATION),
        expiry=_of_use(candidates, ReservationRestriction.RESERVATION_EXPIRES),
        times=frozenset(_times([*used, *hours])),
        durations_s=_values(used, "min_duration_s", "max_duration_s"),
        energies_wh=energies_wh,
        energies_nwh=tuple(nwh_from_wh(energy_wh) for energy_wh in energies_wh),
        powers_w=_values(used, "min_power_w", "max_power_w"),
        currents_a=_values(used, "min_current_a", "max_current_a"),
        instants_us=changes_us(tariff.dynamic),
        grace_us=us_from_s(tariff.idle_grace_s),
        tariff=tariff,
    )


def _first(chain: tuple[Candidate, ...], dimension: Dimension, situation: Situation) -> Candidate | None:
    for candidate in chain:
        if candidate.component.dimension is dimension and candidate.matches(situation):
            return candidate
    return None


def _candidates(tariff: Tariff) -> Iterator[Candidate]:
    """Yield the components in order; of two of one dimension in an element only the first counts."""
    for element_index, element in enumerate(tariff.elements):
        seen: set[Dimension] = set()
        for component_index, component in enumerate(element.components):
            if component.dimension in seen:
                continue
            seen.add(component.dimension)
            yield _candidate(element_index, component_index, component, element.restrictions)


def _candidate(
    element_index: int, component_index: int, component: PriceComponent, restrictions: Restrictions
) -> Candidate:
    return Candidate(
        element_index=element_index,
        component_index=component_index,
        component=component,
        restrictions=restrictions,
        elapsed_us=_bounds(restrictions.min_duration_s, restrictions.max_duration_s, us_from_s),
        energy_nwh=_bounds(restrictions.min_energy_wh, restrictions.max_energy_wh, nwh_from_wh),
        power_w=Bounds(restrictions.min_power_w, restrictions.max_power_w),
        current_a=Bounds(restrictions.min_current_a, restrictions.max_current_a),
        price=Fraction(component.price),
        vat_rate=None if component.vat_rate is None else Fraction(component.vat_rate),
    )


def _bounds(low: Decimal | None, high: Decimal | None, scale: Callable[[Decimal], Count]) -> Bounds:
    return Bounds(None if low is None else scale(low), None if high is None else scale(high))


def _of_use(candidates: tuple[Candidate, ...], use: ReservationRestriction | None) -> tuple[Candidate, ...]:
    return tuple(candidate for candidate in candidates if candidate.restrictions.reservation is use)


def _times(used: list[Restrictions]) -> Iterator[time]:
    for restrictions in used:
        if restrictions.start_time is not None or restrictions.end_time is not None:
            yield restrictions.start_time or MIDNIGHT
            yield restrictions.end_time or MIDNIGHT
        if restrictions.weekdays or restrictions.start_date or restrictions.end_date:
            yield MIDNIGHT


def _values(used: list[Restrictions], *names: str) -> tuple[Decimal, ...]:
    """Return, sorted, every value the fields have anywhere in the tariff."""
    found = {getattr(restrictions, name) for restrictions in used for name in names}
    return tuple(sorted(found - {None}))
