"""The cars that come to charge: generic kinds with made-up but believable figures, no real model."""

import random

from chargeportal.simulation.car import Car, CarModel


def _kw(*points: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return tuple((soc, power_kw * 1000) for soc, power_kw in points)


CITY = CarModel(
    name="city", battery_wh=31_000, ac_phases=1, ac_max_a=32,
    dc_curve=_kw((0, 36), (12, 46), (52, 44), (74, 29), (87, 13), (100, 3)),
    empty_v=300, full_v=392,
)  # fmt: skip
HATCHBACK = CarModel(
    name="hatchback", battery_wh=55_000, ac_phases=3, ac_max_a=16,
    dc_curve=_kw((0, 84), (7, 112), (31, 109), (47, 82), (63, 61), (79, 37), (91, 16), (100, 4)),
    empty_v=315, full_v=398,
)  # fmt: skip
SALOON = CarModel(
    name="saloon", battery_wh=76_000, ac_phases=3, ac_max_a=16,
    dc_curve=_kw((0, 120), (9, 168), (29, 165), (44, 118), (61, 84), (78, 55), (90, 25), (100, 6)),
    empty_v=325, full_v=403,
)  # fmt: skip
SALOON_800V = CarModel(
    name="saloon-800v", battery_wh=87_000, ac_phases=3, ac_max_a=16,
    dc_curve=_kw((0, 175), (10, 228), (46, 236), (56, 188), (69, 139), (81, 92), (91, 40), (100, 7)),
    empty_v=610, full_v=792,
)  # fmt: skip
SUV = CarModel(
    name="suv", battery_wh=98_000, ac_phases=3, ac_max_a=32,
    dc_curve=_kw((0, 130), (8, 186), (35, 180), (52, 132), (68, 98), (82, 60), (92, 28), (100, 7)),
    empty_v=330, full_v=410,
)  # fmt: skip
VAN = CarModel(
    name="van", battery_wh=64_000, ac_phases=3, ac_max_a=16,
    dc_curve=_kw((0, 70), (6, 82), (58, 80), (79, 73), (88, 31), (100, 5)),
    empty_v=318, full_v=390,
)  # fmt: skip
PLUG_IN_HYBRID = CarModel(name="plug-in-hybrid", battery_wh=12_500, ac_phases=1, ac_max_a=16)

CAR_MODELS = {model.name: model for model in (CITY, HATCHBACK, SALOON, SALOON_800V, SUV, VAN, PLUG_IN_HYBRID)}


def arriving_car(chance: random.Random, *, dc: bool, nearly_full: bool = False) -> Car:
    """Return a car as it might roll in; `nearly_full` ones pause after a few minutes."""
    model = chance.choice([model for model in CAR_MODELS.values() if model.takes_dc or not dc])
    target = chance.choice((80.0, 80.0, 85.0, 90.0) if dc else (80.0, 80.0, 90.0, 100.0))
    soc = target - chance.uniform(0.4, 1.5) if nearly_full else chance.uniform(8.0, 55.0)
    return Car(model=model, soc_percent=soc, target_soc_percent=target, battery_c=chance.uniform(4.0, 26.0))
