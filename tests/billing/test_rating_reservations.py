"""Reservations: their own time, fee and step, before the session or without one."""

from __future__ import annotations

from decimal import Decimal

from billing.rating import Charge
from tests.billing.rating_builders import (
    billed,
    charging,
    component,
    element,
    price,
    reserved,
    session,
    tariff,
)

PLAIN = element(component("FLAT", "1"), component("TIME", "60"), component("ENERGY", "0.5"))


def test_session_prices_never_apply_to_reserved_time_nor_the_other_way_round():
    only_session = price(session("2026-11-20T10:00", reserved(30), charging(60, 10)), tariff(PLAIN))
    assert only_session.excl == 1 + 60 + 5
    assert only_session.measured.reservation_s == 1800
    only_reservation = tariff(element(component("TIME", "6"), reservation="RESERVATION"))
    assert price(session("2026-11-20T10:00", reserved(30), charging(60, 10)), only_reservation).excl == 3


def test_the_rule_for_expired_reservations_wins_wherever_it_stands():
    ocpi = tariff(
        element(component("TIME", "3"), component("FLAT", "1"), reservation="RESERVATION"),
        element(component("TIME", "6"), reservation="RESERVATION_EXPIRES"),
    )
    rated = price(session("2026-11-20T10:00", reserved(60), expired=True), ocpi)
    assert [(line.charge, line.excl) for line in rated.lines] == [
        (Charge.RESERVATION_FLAT, 1),
        (Charge.RESERVATION_TIME, 6),
    ]


def test_a_used_reservation_never_pays_for_expiry():
    ocpi = tariff(element(component("FLAT", "9"), reservation="RESERVATION_EXPIRES"))
    assert price(session("2026-11-20T10:00", reserved(60), charging(5, 1)), ocpi).excl == 0


def test_reserved_time_is_stepped_apart_from_charging_time():
    ocpi = tariff(
        element(component("TIME", "6", step=600), reservation="RESERVATION"),
        element(component("TIME", "60", step=900)),
    )
    rated = price(session("2026-11-20T10:00", reserved(11), charging(16, 1)), ocpi)
    assert billed(rated, Charge.RESERVATION_TIME) == [(1200, Decimal(6))]
    assert billed(rated, Charge.TIME) == [(1800, Decimal(60))]
    assert (rated.billed.reservation_s, rated.billed.charging_s) == (1200, 1800)


def test_durations_of_the_session_count_from_the_end_of_the_reservation():
    ocpi = tariff(element(component("TIME", "0"), max_duration=600), element(component("TIME", "60")))
    rated = price(session("2026-11-20T10:00", reserved(30), charging(15, 1)), ocpi)
    assert billed(rated, Charge.TIME) == [(600, Decimal(0)), (300, Decimal(60))]


def test_durations_of_the_reservation_count_from_its_own_start():
    ocpi = tariff(
        element(component("TIME", "0"), max_duration=900, reservation="RESERVATION"),
        element(component("TIME", "60"), reservation="RESERVATION"),
    )
    rated = price(session("2026-11-20T10:00", reserved(30), charging(15, 1)), ocpi)
    assert billed(rated, Charge.RESERVATION_TIME) == [(900, Decimal(0)), (900, Decimal(60))]


def test_a_minimum_price_is_for_sessions_and_a_maximum_for_everything():
    bounds = {"min_price": {"before_taxes": 20}, "max_price": {"before_taxes": 30}}
    ocpi = tariff(element(component("TIME", "6"), reservation="RESERVATION"), PLAIN, **bounds)
    assert price(session("2026-11-20T10:00", reserved(60), expired=True), ocpi).excl == 6
    assert price(session("2026-11-20T10:00", reserved(600), expired=True), ocpi).excl == 30
    assert price(session("2026-11-20T10:00", reserved(60), charging(1)), ocpi).excl == 20
    assert price(session("2026-11-20T10:00", reserved(300), charging(60)), ocpi).excl == 30
