"""What holds for every tariff and every session."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.rating import (
    Charge,
    MeasuredPeriod,
    MeasuredSession,
    PeriodKind,
    parse_tariff,
    rate,
    thinned,
    trace,
)
from tests.billing.rating_builders import STOCKHOLM

prices = st.decimals(min_value=0, max_value=20, places=4)
vats = st.sampled_from([None, Decimal(0), Decimal(6), Decimal(25)])
clock_times = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
days = st.lists(st.sampled_from(["MONDAY", "FRIDAY", "SATURDAY", "SUNDAY"]), min_size=1, unique=True)

restrictions = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"start_time": clock_times, "end_time": clock_times}),
    st.fixed_dictionaries({"day_of_week": days}),
    st.fixed_dictionaries({"min_kwh": st.integers(0, 20)}),
    st.fixed_dictionaries({"max_kwh": st.decimals(min_value=0, max_value=20, places=2)}),
    st.fixed_dictionaries({"max_duration": st.integers(0, 20_000)}),
    st.fixed_dictionaries({"min_duration": st.integers(0, 20_000), "start_time": clock_times}),
    st.fixed_dictionaries({"min_power": st.integers(0, 50)}),
    st.fixed_dictionaries({"max_current": st.integers(0, 60)}),
)

NO_STEPS = st.just(0)


@st.composite
def tariffs(draw: Any, *, steps: Any = NO_STEPS, bounded: bool = False) -> dict[str, Any]:
    elements = []
    for _ in range(draw(st.integers(1, 4))):
        kinds = draw(
            st.lists(
                st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]),
                min_size=1,
                max_size=4,
                unique=True,
            )
        )
        components = [
            {"type": kind, "price": draw(prices), "vat": draw(vats), "step_size": draw(steps)}
            for kind in kinds
        ]
        elements.append({"price_components": components, "restrictions": draw(restrictions)})
    ocpi: dict[str, Any] = {
        "id": "any",
        "country_code": "SE",
        "currency": "SEK",
        "elements": elements,
        "tax_included": draw(st.sampled_from(["NO", "N/A"])),
    }
    if bounded:
        low, high = sorted(draw(st.tuples(*[st.decimals(min_value=0, max_value=200, places=2)] * 2)))
        ocpi["min_price"] = {"before_taxes": low, "after_taxes": low}
        ocpi["max_price"] = {"before_taxes": high, "after_taxes": high}
    return ocpi


FIRST_QUARTER = datetime(2026, 3, 28, tzinfo=UTC)
spot_prices = st.decimals(min_value=-2, max_value=6, places=6)


@st.composite
def day_ahead(draw: Any) -> list[dict[str, Any]]:
    """Quarters of an hour from the middle of a session on, some of them missing."""
    first = draw(st.sampled_from([FIRST_QUARTER, datetime(2026, 10, 24, tzinfo=UTC)]))
    at = first + timedelta(minutes=15 * draw(st.integers(0, 130)))
    prices = []
    for _ in range(draw(st.integers(0, 30))):
        until = at + timedelta(minutes=15)
        if draw(st.integers(0, 5)):
            prices.append({"start": at.isoformat(), "end": until.isoformat(), "price": draw(spot_prices)})
        at = until
    return prices


incentives = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.just("Off-peak"),
            "restrictions": st.fixed_dictionaries({"start_time": clock_times, "end_time": clock_times})
            | st.fixed_dictionaries({"day_of_week": days}),
        },
        optional={},
    ).flatmap(
        lambda incentive: st.one_of(
            st.decimals(min_value=0, max_value=100, places=1).map(
                lambda share: incentive | {"percent": share}
            ),
            prices.map(lambda amount: incentive | {"per_kwh": amount}),
        )
    ),
    max_size=2,
)


@st.composite
def own_tariffs(draw: Any, *, capped: bool = True, **limits: Any) -> dict[str, Any]:
    """Tariffs with everything that ours have beyond OCPI."""
    ocpi = draw(tariffs(**limits)) | {
        "x_idle_grace_s": draw(st.integers(0, 10_000)),
        "x_incentives": draw(incentives),
    }
    if draw(st.booleans()):
        floor, cap = sorted(draw(st.tuples(prices, prices)))
        ocpi["x_dynamic"] = {
            "area": "SE3",
            "add_percent": draw(st.integers(0, 20)),
            "add_per_kwh": draw(prices),
            "floor": floor,
            "cap": draw(st.none() | st.just(cap)),
            "fallback_per_kwh": draw(prices),
            "prices": draw(day_ahead()),
        }
    if capped:
        ocpi["x_day_cap"] = {
            "incl": draw(st.decimals(min_value=0, max_value=300, places=2)),
            "paid": draw(st.decimals(min_value=0, max_value=300, places=2)),
        }
    return ocpi


@st.composite
def sessions(draw: Any) -> MeasuredSession:
    # Around both nights the clocks change, in Stockholm.
    day = draw(st.sampled_from([datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)]))
    at = day + timedelta(minutes=draw(st.integers(0, 2000)))
    periods = []
    for _ in range(draw(st.integers(1, 6))):
        until = at + timedelta(seconds=draw(st.integers(0, 20_000)))
        kind = draw(st.sampled_from([PeriodKind.CHARGING, PeriodKind.CHARGING, PeriodKind.PARKING]))
        energy_wh = draw(st.decimals(min_value=0, max_value=15_000, places=1))
        power_w = draw(st.none() | st.decimals(min_value=0, max_value=60_000, places=0))
        current_a = draw(st.none() | st.decimals(min_value=0, max_value=64, places=1))
        periods.append(MeasuredPeriod(at, until, kind, energy_wh, power_w, current_a))
        at = until
    return MeasuredSession(tuple(periods), STOCKHOLM)


def cut(session: MeasuredSession, *, index: int, sixteenths: int) -> MeasuredSession:
    """Return the session with one period cut in two, its energy shared as its time, which is exact."""
    period = session.periods[index]
    middle = period.start + (period.end - period.start) * sixteenths / 16
    first_wh = period.energy_wh * sixteenths / 16
    halves = (
        period._replace(end=middle, energy_wh=first_wh),
        period._replace(start=middle, energy_wh=period.energy_wh - first_wh),
    )
    return replace(session, periods=session.periods[:index] + halves + session.periods[index + 1 :])


@given(tariffs(), sessions(), st.data())
def test_cutting_a_period_anywhere_changes_nothing_without_steps(ocpi, session, data):
    tariff = parse_tariff(ocpi)
    index = data.draw(st.integers(0, len(session.periods) - 1))
    pieces = cut(session, index=index, sixteenths=data.draw(st.integers(0, 16)))
    whole, parts = rate(session, tariff=tariff), rate(pieces, tariff=tariff)
    assert (parts.excl, parts.incl) == (whole.excl, whole.incl)
    assert parts.rounded == whole.rounded
    assert [(line.charge, line.quantity) for line in parts.lines] == [
        (line.charge, line.quantity) for line in whole.lines
    ]


@given(own_tariffs(steps=st.sampled_from([0, 1, 60, 500])), sessions(), st.data())
def test_cutting_a_period_anywhere_changes_nothing_in_our_own_tariffs(ocpi, session, data):
    tariff = parse_tariff(ocpi)
    index = data.draw(st.integers(0, len(session.periods) - 1))
    pieces = cut(session, index=index, sixteenths=data.draw(st.integers(0, 16)))
    whole, parts = rate(session, tariff=tariff), rate(pieces, tariff=tariff)
    assert (parts.excl, parts.incl, parts.rounded) == (whole.excl, whole.incl, whole.rounded)


@given(own_tariffs(steps=st.sampled_from([0, 1, 60, 500])), sessions())
def test_a_session_of_fewer_periods_costs_the_same_line_by_line(ocpi, session):
    tariff = parse_tariff(ocpi)
    thin = thinned(session, tariff=tariff)
    whole, parts = rate(session, tariff=tariff), rate(thin, tariff=tariff)
    assert [(line.charge, line.quantity, line.excl, line.rounded) for line in parts.lines] == [
        (line.charge, line.quantity, line.excl, line.rounded) for line in whole.lines
    ]
    assert (parts.measured, parts.billed) == (whole.measured, whole.billed)
    assert len(thin.periods) <= len(session.periods)


@given(own_tariffs(steps=st.sampled_from([0, 1, 60, 900])), sessions())
def test_our_own_tariffs_add_up_are_never_negative_and_keep_to_the_days_cap(ocpi, session):
    rated = rate(session, tariff=parse_tariff(ocpi))
    cap = ocpi["x_day_cap"]
    left = max(cap["incl"] - cap["paid"], Decimal(0))
    for side in ("excl", "incl"):
        exact, paid = getattr(rated, side), getattr(rated.rounded, side).amount
        assert exact == sum((getattr(line, side) for line in rated.lines), start=Fraction(0))
        assert paid == sum((getattr(line.rounded, side).amount for line in rated.lines), start=Decimal(0))
        assert 0 <= exact <= left
        assert 0 <= paid <= left
    for line in rated.lines:
        assert line.rounded.excl + line.rounded.vat == line.rounded.incl
        assert all(Fraction(item["quantity"]) >= 0 for item in trace(line) if item["code"] == "period")


@given(own_tariffs(capped=False), sessions())
def test_a_discount_is_never_more_than_the_energy_it_is_on(ocpi, session):
    rated = rate(session, tariff=parse_tariff(ocpi))
    for side in ("excl", "incl"):
        priced = rated.lines_of(Charge.ENERGY, Charge.OFF_PEAK_DISCOUNT)
        assert sum((getattr(line, side) for line in priced), start=Fraction(0)) >= 0
        assert sum((getattr(line.rounded, side).amount for line in priced), start=Decimal(0)) >= 0


@given(own_tariffs(capped=False), sessions())
def test_the_prices_of_the_market_in_the_trace_come_to_the_line(ocpi, session):
    for line in rate(session, tariff=parse_tariff(ocpi)).lines_of(Charge.ENERGY):
        shares = [item for item in trace(line) if item["code"] == "market_price"]
        if shares:
            cost = sum(Fraction(item["quantity"]) * Fraction(item["price"]) for item in shares)
            assert abs(cost - line.excl) <= Fraction(len(shares) * 100, 10**12)


@given(tariffs(steps=st.sampled_from([0, 1, 60, 500, 900])), sessions(), st.data())
def test_cutting_a_period_anywhere_changes_nothing_with_steps_either(ocpi, session, data):
    tariff = parse_tariff(ocpi)
    index = data.draw(st.integers(0, len(session.periods) - 1))
    pieces = cut(session, index=index, sixteenths=data.draw(st.integers(0, 16)))
    assert rate(pieces, tariff=tariff).excl == rate(session, tariff=tariff).excl


@given(tariffs(steps=st.sampled_from([0, 1, 60, 900]), bounded=True), sessions())
def test_totals_are_the_sums_of_the_lines_and_lie_within_the_bounds(ocpi, session):
    rated = rate(session, tariff=parse_tariff(ocpi))
    for side, name in (("excl", "before_taxes"), ("incl", "after_taxes")):
        exact, paid = getattr(rated, side), getattr(rated.rounded, side).amount
        assert exact == sum((getattr(line, side) for line in rated.lines), start=Fraction(0))
        assert paid == sum((getattr(line.rounded, side).amount for line in rated.lines), start=Decimal(0))
        for amount in (exact, paid):
            assert ocpi["min_price"][name] <= amount <= ocpi["max_price"][name]


@given(tariffs(steps=st.sampled_from([0, 1, 60, 900]), bounded=True), sessions())
def test_net_and_vat_are_the_gross_on_every_line(ocpi, session):
    rated = rate(session, tariff=parse_tariff(ocpi))
    for priced in (*rated.lines, rated):
        assert priced.excl + priced.vat == priced.incl
        assert priced.rounded.excl + priced.rounded.vat == priced.rounded.incl
    for line in rated.lines:
        if line.candidate is not None:
            assert abs(Fraction(line.rounded.incl.amount) - line.incl) <= Fraction(1, 200)
            assert abs(Fraction(line.rounded.excl.amount) - line.excl) <= Fraction(1, 200)


@given(tariffs() | own_tariffs(capped=False), sessions(), st.data())
def test_more_energy_never_costs_less(ocpi, session, data):
    """Where neither energy thresholds nor steps can move a quantity to a cheaper price."""
    for element in ocpi["elements"]:
        for name in ("min_kwh", "max_kwh"):
            element["restrictions"].pop(name, None)
    tariff = parse_tariff(ocpi)
    index = data.draw(st.integers(0, len(session.periods) - 1))
    period = session.periods[index]
    more = period._replace(energy_wh=period.energy_wh + data.draw(st.decimals(0, 5000, places=1)))
    fuller = replace(session, periods=(*session.periods[:index], more, *session.periods[index + 1 :]))
    assert rate(fuller, tariff=tariff).excl >= rate(session, tariff=tariff).excl
    if "x_incentives" not in ocpi:  # a discount is rounded beside its energy, which may cost the öre it saves
        assert rate(fuller, tariff=tariff).rounded.incl >= rate(session, tariff=tariff).rounded.incl


@given(tariffs(steps=st.sampled_from([0, 1, 60])), sessions())
def test_each_clock_is_billed_for_its_own_time_only(ocpi, session):
    rated = rate(session, tariff=parse_tariff(ocpi))
    step = Fraction(60)
    assert rated.billed.charging_s < rated.measured.charging_s + step
    assert rated.billed.parking_s < rated.measured.parking_s + step
    if not rated.measured.charging_s:
        assert rated.lines_of(Charge.TIME) == ()
    if not rated.measured.parking_s:
        assert rated.lines_of(Charge.PARKING_TIME) == ()


@given(tariffs(steps=st.sampled_from([0, 1, 60])), sessions())
def test_the_live_price_at_the_end_is_the_final_price(ocpi, session):
    """A running session is the same function with the last period ending now."""
    tariff = parse_tariff(ocpi)
    last = session.periods[-1]
    half = last.start + (last.end - last.start) / 2
    running = replace(session, periods=(*session.periods[:-1], last._replace(end=half)))
    rate(running, tariff=tariff)
    closed = replace(running, periods=(*running.periods[:-1], running.periods[-1]._replace(end=last.end)))
    assert rate(closed, tariff=tariff).rounded == rate(session, tariff=tariff).rounded


@given(tariffs(steps=st.sampled_from([0, 1, 60, 500])), sessions())
def test_the_explanation_accounts_for_every_quantity(ocpi, session):
    for line in rate(session, tariff=parse_tariff(ocpi)).lines:
        items = trace(line)
        assert items[0]["quantity"] is not None
        shares = [Fraction(item["quantity"]) for item in items if item["code"] == "period"]
        if shares:
            assert abs(sum(shares) - line.measured) <= Fraction(len(shares), 10**12)
