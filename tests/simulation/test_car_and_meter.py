"""Cars, meters and outlets behave like real ones."""

import itertools
import random

import pytest

from chargeportal.simulation.car import Car
from chargeportal.simulation.car_models import (
    CAR_MODELS,
    HATCHBACK,
    PLUG_IN_HYBRID,
    SALOON,
    SALOON_800V,
    SUV,
    arriving_car,
)
from chargeportal.simulation.outlet import Outlet


def outlet(*, kind: str = "ac", max_power_w: float = 22_000, seed: int = 1) -> Outlet:
    return Outlet(kind=kind, max_power_w=max_power_w, register_wh=500_000, chance=random.Random(seed))  # noqa: S311


def charging(car: Car, **options: object) -> Outlet:
    place = outlet(**options)
    place.car = car
    place.close()
    return place


@pytest.mark.parametrize(
    ("model", "max_power_w", "power_w", "phases"),
    [
        (HATCHBACK, 22_000, 11_000, 3),  # the car's 16 A are the limit
        (SUV, 22_000, 21_900, 3),
        (SUV, 11_000, 11_000, 3),  # the outlet is the limit
        (PLUG_IN_HYBRID, 22_000, 3_650, 1),
    ],
)
def test_an_ac_car_draws_what_car_and_outlet_allow(model, max_power_w, power_w, phases):
    place = charging(Car(model=model, soc_percent=30), max_power_w=max_power_w)
    place.advance(60)
    seen = place.read().measured
    assert seen.power_w == pytest.approx(power_w, rel=0.03)
    assert sum(current > 1 for current in seen.current_a) == phases


def test_power_is_voltage_times_current_times_power_factor():
    place = charging(Car(model=SUV, soc_percent=30))
    place.advance(60)
    seen = place.read().measured
    apparent_va = sum(u * i for u, i in zip(seen.voltage_v, seen.current_a, strict=True))
    assert seen.power_w == pytest.approx(apparent_va * 0.99)
    assert all(226 <= voltage <= 236 for voltage in seen.voltage_v)


def test_the_register_never_falls_and_grows_by_no_more_than_the_outlet_can_give():
    place = charging(Car(model=SUV, soc_percent=60))
    registers = []
    for _ in range(600):
        place.advance(10)
        registers.append(place.read().measured.energy_wh)
    growths = [after - before for before, after in itertools.pairwise(registers)]
    assert min(growths) >= 0
    assert max(growths) <= 22_000 * 10 / 3600 * 1.03


def test_a_car_pauses_at_its_target_and_nothing_flows_any_more():
    place = charging(Car(model=HATCHBACK, soc_percent=79.9, target_soc_percent=80))
    place.advance(600)
    before_wh = place.read().measured.energy_wh
    place.advance(600)
    assert place.car.wants_energy is False
    assert place.read().measured.energy_wh == before_wh
    assert place.read().measured.power_w == 0


def test_a_dc_car_ramps_up_holds_its_peak_and_falls_off():
    place = charging(Car(model=SALOON, soc_percent=12, battery_c=25), kind="dc", max_power_w=300_000)
    place.advance(5)
    first_w = place.read().measured.power_w
    place.advance(120)
    peak_w = place.read().measured.power_w
    while place.car.soc_percent < 78:
        place.advance(30)
    late_w = place.read().measured.power_w
    assert first_w < 0.4 * peak_w
    assert peak_w == pytest.approx(167_000, rel=0.03)
    assert late_w == pytest.approx(55_000, rel=0.05)


def test_from_ten_to_eighty_percent_takes_about_half_an_hour_at_150_kw():
    place = charging(Car(model=SALOON, soc_percent=10), kind="dc", max_power_w=150_000)
    duration_s = 0
    while place.car.wants_energy:
        place.advance(10)
        duration_s += 10
    assert 24 * 60 < duration_s < 38 * 60


def test_a_cold_battery_takes_less_and_more_as_it_warms():
    cold = charging(Car(model=SALOON_800V, soc_percent=20, battery_c=-10), kind="dc", max_power_w=300_000)
    warm = charging(Car(model=SALOON_800V, soc_percent=20, battery_c=22), kind="dc", max_power_w=300_000)
    for place in (cold, warm):
        place.advance(60)
    early_w = cold.read().measured.power_w
    assert early_w < 0.45 * warm.read().measured.power_w
    cold.advance(600)
    assert cold.read().measured.power_w > 1.3 * early_w


def test_less_than_six_ampere_is_a_pause():
    assert Car(model=HATCHBACK, soc_percent=30).ac_currents_a(5.9) == (0.0, 0.0, 0.0)
    assert Car(model=HATCHBACK, soc_percent=30, drawing_s=60).ac_currents_a(6.0) == (6.0, 6.0, 6.0)


def test_an_open_contactor_lets_nothing_through():
    place = outlet()
    place.car = Car(model=HATCHBACK, soc_percent=30)
    place.advance(3600)
    assert place.read().measured.energy_wh == 500_000
    assert place.read().offered_a == 0


def test_the_same_seed_gives_the_same_session():
    sessions = []
    for _ in range(2):
        place = charging(Car(model=SUV, soc_percent=30), seed=7)
        place.advance(900)
        sessions.append(place.read())
    assert sessions[0] == sessions[1]


def test_state_of_charge_is_known_only_over_a_dc_cable():
    ac, dc = charging(Car(model=SUV)), charging(Car(model=SUV), kind="dc")
    assert ac.read().soc_percent is None
    assert dc.read().soc_percent == 35.0


def test_only_cars_that_take_dc_come_to_a_dc_outlet():
    chance = random.Random(5)  # noqa: S311
    names = {arriving_car(chance, dc=True).model.name for _ in range(200)}
    assert names == {name for name, model in CAR_MODELS.items() if model.takes_dc}
