"""Counting what is charged for: one tally for every price component that was active in a session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from billing.rating.localtime import wall_clock
from billing.rating.quantities import NWH_PER_KWH, Count
from billing.rating.quotes import Discount, Quote
from billing.rating.selection import Active, Candidate, Plan, Situation
from billing.rating.session import MeasuredSession, PeriodKind
from billing.rating.slicing import Bands, Slice, origins, parted, slices


class Charge(StrEnum):
    """What a line of the bill is for. The flat fee and the time of a reservation are not the session's."""

    RESERVATION_FLAT = "RESERVATION_FLAT"
    RESERVATION_TIME = "RESERVATION_TIME"
    FLAT = "FLAT"
    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    OFF_PEAK_DISCOUNT = "OFF_PEAK_DISCOUNT"
    MIN_PRICE = "MIN_PRICE"
    MAX_PRICE = "MAX_PRICE"
    DAY_CAP = "DAY_CAP"


#: The clock that runs in each kind of period.
CLOCKS = {
    PeriodKind.CHARGING: Charge.TIME,
    PeriodKind.PARKING: Charge.PARKING_TIME,
    PeriodKind.RESERVATION: Charge.RESERVATION_TIME,
}


@dataclass(slots=True)
class Run:
    """An uninterrupted time during which one component was active, and what it counted in that time."""

    start_us: Count
    end_us: Count
    start_nwh: Count
    end_nwh: Count
    counted: Count


@dataclass(slots=True)
class Share:
    """A stretch of time under a dynamic tariff with one price of energy, and the nWh counted in it."""

    start_us: Count
    end_us: Count
    counted: Count
    quote: Quote


@dataclass(slots=True, eq=False)
class Tally:
    """How much a component counted, in its own unit (nWh, µs, times), and in which runs.

    `rounded_up` is what the step size adds at the end. `shares` are there under a dynamic tariff only.
    """

    charge: Charge
    candidate: Candidate
    counted: Count = 0
    rounded_up: Count = 0
    runs: list[Run] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)

    def add(self, piece: Slice, amount: Count) -> None:
        """Count the amount for the slice."""
        self.counted += amount
        _prolong(self.runs, piece, amount)

    def add_at(self, piece: Slice, amount: Count, quote: Quote) -> None:
        """Count the amount for the slice at a price of the market; what is rounded up has the last one."""
        self.add(piece, amount)
        shares = self.shares
        if shares and shares[-1].end_us == piece.start_us and shares[-1].quote == quote:
            shares[-1].end_us = piece.end_us
            shares[-1].counted += amount
        else:
            shares.append(Share(piece.start_us, piece.end_us, amount, quote))

    def price(self, *, per_unit: int) -> Fraction:
        """Return what all that was counted costs, exactly and in the tariff's tax form."""
        if not self.shares:
            return Fraction(self.counted + self.rounded_up, per_unit) * self.candidate.price
        cost = sum((share.counted * share.quote.price for share in self.shares), start=Fraction(0))
        return (cost + self.rounded_up * self.shares[-1].quote.price) / per_unit


@dataclass(slots=True, eq=False)
class Rebate:
    """How much energy one incentive made cheaper, by how much in all (exact, per VAT rate), and when."""

    index: int
    vat_rate: Decimal | None
    counted: Count = 0
    amount: Fraction = Fraction(0)
    runs: list[Run] = field(default_factory=list)

    def add(self, piece: Slice, energy_nwh: Count, per_kwh: Fraction) -> None:
        """Take so much off the energy of the slice; what the step size adds is not made cheaper."""
        self.counted += energy_nwh
        self.amount += energy_nwh * per_kwh / NWH_PER_KWH
        _prolong(self.runs, piece, energy_nwh)


def _prolong(runs: list[Run], piece: Slice, amount: Count) -> None:
    if runs and runs[-1].end_us == piece.start_us:
        run = runs[-1]
        run.end_us, run.end_nwh = piece.end_us, piece.end_nwh
        run.counted += amount
    else:
        runs.append(Run(piece.start_us, piece.end_us, piece.start_nwh, piece.end_nwh, amount))


class Tallies:
    """All tallies of a session in the order they began, and which of each kind of step was the last."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[Charge, Candidate], Tally] = {}
        self.rebates: dict[tuple[int, Decimal | None], Rebate] = {}
        self.last_energy: Tally | None = None
        self.last_clock: Tally | None = None
        self.last_reservation: Tally | None = None
        self.energy_nwh: Count = 0
        self.clocks_us: dict[PeriodKind, Count] = dict.fromkeys(PeriodKind, 0)
        self.power_unknown = False
        self.current_unknown = False

    def of(self, charge: Charge) -> list[Tally]:
        """Return the tallies of one kind of charge, in the order they began."""
        return [tally for tally in self._tallies.values() if tally.charge is charge and tally.runs]

    def tally(self, charge: Charge, candidate: Candidate | None) -> Tally | None:
        """Return the component's tally, None where nothing is charged."""
        if candidate is None:
            return None
        return self._tallies.setdefault((charge, candidate), Tally(charge, candidate))

    def rebate(self, discount: Discount | None, candidate: Candidate) -> Rebate | None:
        """Return the incentive's rebate on energy of the component's VAT rate."""
        if discount is None:
            return None
        key = (discount.place, candidate.component.vat_rate)
        return self.rebates.setdefault(key, Rebate(*key))

    def count(self, piece: Slice, choice: _Choice, *, clock_is_free: bool = False) -> None:
        """Count the slice; nothing but a first slice counts a flat fee, and no empty one sets the step."""
        energy_nwh, duration_us = piece.end_nwh - piece.start_nwh, piece.end_us - piece.start_us
        kind = piece.bands.kind
        self.energy_nwh += energy_nwh
        self.clocks_us[kind] += duration_us
        if choice.energy is not None and energy_nwh:
            choice.count_energy(piece, energy_nwh)
            self.last_energy = choice.energy
        if choice.clock is not None and duration_us and not clock_is_free:
            choice.clock.add(piece, duration_us)
            if kind is PeriodKind.RESERVATION:
                self.last_reservation = choice.clock
            else:
                self.last_clock = choice.clock
        if choice.flat is not None and not self.of(choice.flat.charge):
            choice.flat.add(piece, 1)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The tallies that count while nothing changes."""

    energy: Tally | None
    clock: Tally | None
    flat: Tally | None
    quote: Quote | None = None
    discount: Discount | None = None
    rebate: Rebate | None = None

    def count_energy(self, piece: Slice, energy_nwh: Count) -> None:
        """Count the energy at the price of the component or of the market, and the discount on it."""
        if self.energy is None:
            return
        if self.quote is None:
            self.energy.add(piece, energy_nwh)
        else:
            self.energy.add_at(piece, energy_nwh, self.quote)
        if self.rebate is not None and self.discount is not None:
            self.rebate.add(piece, energy_nwh, self.discount.per_kwh)


def count(session: MeasuredSession, *, plan: Plan) -> Tallies:
    """Return what every component counts before steps.

    A choice is made once for the slices within the same bands and reused, which is what makes a session
    whose power swings between two prices cheap.
    """
    tallies = Tallies()
    if not session.periods:
        return tallies
    choices: dict[Bands, _Choice] = {}
    session_us, reservation_us = origins(session)
    for piece in slices(session, plan=plan):
        choice = choices.get(piece.bands)
        if choice is None:
            kind = piece.bands.kind
            origin_us = reservation_us if kind is PeriodKind.RESERVATION else session_us
            situation = _situation(piece, session=session, origin_us=origin_us)
            active = plan.active(situation, kind=kind, reservation=session.reservation)
            choice = choices[piece.bands] = _choice(tallies, active, plan=plan, piece=piece, at=situation)
            _note_missing(tallies, piece, plan)
        if plan.grace_us and piece.bands.kind is PeriodKind.PARKING:
            for part, clock_is_free in _with_grace(piece, tallies=tallies, plan=plan):
                tallies.count(part, choice, clock_is_free=clock_is_free)
        else:
            tallies.count(piece, choice)
    return tallies


def _with_grace(piece: Slice, *, tallies: Tallies, plan: Plan) -> Iterator[tuple[Slice, bool]]:
    """Yield the parking slice, cut where the free time of the session ends, and whether its clock is free."""
    rest_us = plan.grace_us - tallies.clocks_us[PeriodKind.PARKING]
    if rest_us <= 0:
        yield piece, False
    elif piece.end_us - piece.start_us <= rest_us:
        yield piece, True
    else:
        free, paid = parted(piece, after_us=rest_us)
        yield free, True
        yield paid, False


def _situation(piece: Slice, *, session: MeasuredSession, origin_us: int) -> Situation:
    return Situation(
        wall_clock=wall_clock(piece.start_us, zone=session.time_zone),
        elapsed_us=piece.start_us - origin_us,
        energy_nwh=piece.start_nwh,
        power_w=piece.period.power_w,
        current_a=piece.period.current_a,
    )


def _choice(tallies: Tallies, active: Active, *, plan: Plan, piece: Slice, at: Situation) -> _Choice:
    kind = piece.bands.kind
    flat = Charge.RESERVATION_FLAT if kind is PeriodKind.RESERVATION else Charge.FLAT
    quote = discount = rebate = None
    if active.energy is not None:
        quote = plan.quote(active.energy, at_us=piece.start_us)
        price = active.energy.price if quote is None else quote.price
        discount = plan.discount(price, wall_clock=at.wall_clock)
        rebate = tallies.rebate(discount, active.energy)
    return _Choice(
        energy=tallies.tally(Charge.ENERGY, active.energy),
        clock=tallies.tally(CLOCKS[kind], active.time),
        flat=tallies.tally(flat, active.flat),
        quote=quote,
        discount=discount,
        rebate=rebate,
    )


def _note_missing(tallies: Tallies, piece: Slice, plan: Plan) -> None:
    """Remember that the tariff asked for a measurement the session does not have."""
    if piece.bands.kind is PeriodKind.CHARGING:
        tallies.power_unknown |= bool(plan.powers_w) and piece.period.power_w is None
        tallies.current_unknown |= bool(plan.currents_a) and piece.period.current_a is None
