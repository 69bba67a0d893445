"""A server of the `ocpp` package, and stations that reconnect quickly."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from chargeportal.simulation.charging import ChargingStation
from chargeportal.simulation.link import Backoff
from chargeportal.simulation.station16 import SimulatedStation16
from chargeportal.simulation.station201 import SimulatedStation201
from tests.simulation.csms import Csms


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with Csms() as server:
        yield server


@pytest.fixture(params=[SimulatedStation16, SimulatedStation201], ids=["1.6", "2.0.1"])
def station_class(request: pytest.FixtureRequest) -> type[ChargingStation]:
    return request.param


@pytest.fixture
def make(csms: Csms) -> Callable[..., ChargingStation]:
    def build(station_class: type[ChargingStation], **options: Any) -> ChargingStation:
        given = {"identity": "SIM-1", "register_wh": 1000, "reboot_s": 0.05, "evses": 2} | options
        return station_class(url=csms.url, backoff=Backoff(0.02, 0.1, 0), **given)

    return build
