"""Cutting a session into slices in which nothing a restriction can ask about changes.

Measured periods between which nothing changes are one slice, so that a session of a thousand samples is
mostly a handful of slices; a period inside which something changes is several.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.rating import localtime
from billing.rating.quantities import (
    EPOCH,
    MICROSECOND,
    US_PER_S,
    Count,
    nwh_from_wh,
    us_from_datetime,
    us_from_s,
)
from billing.rating.selection import Plan
from billing.rating.session import (
    LONGEST_SESSION_S,
    InvalidSession,
    MeasuredPeriod,
    MeasuredSession,
    PeriodKind,
)
from chargeportal.common.money import EXACT

#: Beyond every instant and every energy: the ends of the lists of thresholds.
END_OF_TIME_US = 1 << 80
ENDLESS_WH = Decimal("Infinity")


class Bands(NamedTuple):
    """Between which thresholds a slice lies, which is all that a choice of prices depends on.

    `segment` counts the boundaries in time passed so far, `energy` the thresholds of energy reached, `power`
    and `current` those the mean of the period reaches; -1 means not measured.
    """

    kind: PeriodKind
    segment: int
    energy: int
    power: int
    current: int


class Slice(NamedTuple):
    """A stretch [start, end) within the same bands, with the session's energy at both ends.

    `period` is the first measured period in it; the others are alike in all that restrictions ask for.
    """

    bands: Bands
    period: MeasuredPeriod
    start_us: Count
    end_us: Count
    start_nwh: Count
    end_nwh: Count


def slices(session: MeasuredSession, *, plan: Plan) -> Iterator[Slice]:  # noqa: C901 - see below
    """Yield the slices in order; together they are exactly the measured periods.

    Raises InvalidSession where the periods contradict each other. Longer than most functions here, because
    it is the loop over all samples and a call in it costs more than the work it would name.
    """
    cuts = [*time_cuts(session, plan=plan), END_OF_TIME_US]
    thresholds = (*plan.energies_wh, ENDLESS_WH)
    powers, currents = plan.powers_w, plan.currents_a
    segment = power = current = 0
    energy_wh = Decimal(0)
    band = bisect_right(plan.energies_wh, energy_wh)
    growing: _Growing | None = None
    end, end_us = None, 0
    for number, period in enumerate(session.periods):
        start, until, kind, amount_wh, power_w, current_a = period
        start_us = end_us if start is end else us_from_datetime(start)
        until_us = (until - EPOCH) // MICROSECOND
        if until_us < start_us or (start_us < end_us and number):
            raise InvalidSession(f"periods[{number}]: ends before it starts, or overlaps the one before")
        if not amount_wh.is_finite() or amount_wh < 0 or (amount_wh and kind is PeriodKind.RESERVATION):
            raise InvalidSession(f"periods[{number}]: energy is zero or more, and zero in a reservation")
        total_wh = EXACT.add(energy_wh, amount_wh)
        while cuts[segment] <= start_us:
            segment += 1
        if powers:
            power = -1 if power_w is None else bisect_right(powers, power_w)
        if currents:
            current = -1 if current_a is None else bisect_right(currents, current_a)
        is_cut = cuts[segment] < until_us or thresholds[band] < total_wh
        bands = (kind, segment, band, power, current)
        if growing is not None and (is_cut or bands != growing.bands or start_us != end_us):
            yield growing.grown(end_us, energy_wh)
            growing = None
        if is_cut:
            whole = _Growing(bands, period, start_us, energy_wh).grown(until_us, total_wh)
            yield from _pieces(whole, cuts=cuts[segment:-1], thresholds=plan.energies_nwh[band:])
        elif growing is None:
            growing = _Growing(bands, period, start_us, energy_wh)
        end, end_us, energy_wh = until, until_us, total_wh
        while thresholds[band] <= energy_wh:
            band += 1
    if growing is not None:
        yield growing.grown(end_us, energy_wh)


class _Growing(NamedTuple):
    """The beginning of a slice whose end has not been found yet."""

    bands: tuple[PeriodKind, int, int, int, int]
    period: MeasuredPeriod
    start_us: int
    start_wh: Decimal

    def grown(self, end_us: int, end_wh: Decimal) -> Slice:
        """Return the slice up to there."""
        return Slice(
            Bands(*self.bands),
            self.period,
            self.start_us,
            end_us,
            nwh_from_wh(self.start_wh),
            nwh_from_wh(end_wh),
        )


def origins(session: MeasuredSession) -> tuple[int, int]:
    """Return where durations count from: the first period of the session, the first of the reservation.

    After a reservation the session's own durations count from the reservation's end.
    """
    periods = session.periods
    first = us_from_datetime(periods[0].start)
    if periods[0].kind is not PeriodKind.RESERVATION:
        return first, first
    charging = next((period for period in periods if period.kind is not PeriodKind.RESERVATION), None)
    return (first if charging is None else us_from_datetime(charging.start)), first


def parted(piece: Slice, *, after_us: Count) -> tuple[Slice, Slice]:
    """Return the slice's first microseconds and the rest of it; energy goes with time."""
    energy, duration = piece.end_nwh - piece.start_nwh, piece.end_us - piece.start_us
    middle_us, middle_nwh = piece.start_us + after_us, piece.start_nwh + _part(energy, after_us, duration)
    bands, period, start_us, end_us, start_nwh, end_nwh = piece
    return (
        Slice(bands, period, start_us, middle_us, start_nwh, middle_nwh),
        Slice(bands, period, middle_us, end_us, middle_nwh, end_nwh),
    )


def _pieces(whole: Slice, *, cuts: Sequence[Count], thresholds: Sequence[Count]) -> Iterator[Slice]:
    """Yield one period cut at every boundary inside it; time and energy advance in step."""
    points = [*_time_points(whole, cuts), *_energy_points(whole, thresholds)]
    points.append((whole.end_us, whole.end_nwh))
    at, energy = whole.start_us, whole.start_nwh
    for until, total in sorted(points):
        if until == at and total == energy:
            continue
        kind, segment, band, power, current = whole.bands
        segment += bisect_right(cuts, at)
        band += bisect_right(thresholds, energy)
        bands = Bands(kind, segment, band, power, current)
        yield Slice(bands, whole.period, at, until, energy, total)
        at, energy = until, total


def _time_points(whole: Slice, cuts: Sequence[Count]) -> Iterator[tuple[Count, Count]]:
    duration, energy = whole.end_us - whole.start_us, whole.end_nwh - whole.start_nwh
    for cut in cuts:
        if cut >= whole.end_us:
            return
        yield cut, whole.start_nwh + _part(energy, cut - whole.start_us, duration)


def _energy_points(whole: Slice, thresholds: Sequence[Count]) -> Iterator[tuple[Count, Count]]:
    duration, energy = whole.end_us - whole.start_us, whole.end_nwh - whole.start_nwh
    for threshold in thresholds:
        if threshold >= whole.end_nwh:
            return
        yield whole.start_us + _part(duration, threshold - whole.start_nwh, energy), threshold


def _part(whole: Count, share: Count, of: Count) -> Count:
    """Return whole x share / of, exactly."""
    part = Fraction(whole * share, of)
    return part.numerator if part.denominator == 1 else part


def time_cuts(session: MeasuredSession, *, plan: Plan) -> list[Count]:
    """Return, sorted, the instants at which a restriction on time may begin or cease to match."""
    if not session.periods or not (plan.times or plan.durations_s or plan.instants_us):
        return []
    first = us_from_datetime(session.periods[0].start)
    last = us_from_datetime(session.periods[-1].end)
    if last - first > LONGEST_SESSION_S * US_PER_S:
        raise InvalidSession("periods: the session is longer than ten years")
    cuts: set[Count] = set()
    if plan.times:
        cuts.update(localtime.boundaries(first, last, zone=session.time_zone, times=plan.times))
    for origin in origins(session):
        cuts.update(origin + us_from_s(duration_s) for duration_s in plan.durations_s)
    cuts.update(plan.instants_us[bisect_left(plan.instants_us, first) : bisect_right(plan.instants_us, last)])
    return sorted(cut for cut in cuts if first < cut < last)
