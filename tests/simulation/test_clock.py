"""A simulated clock may run fast, but is never ahead."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chargeportal.simulation.clock import SimulatedClock, behind_for

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Present:
    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment

    def pass_s(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def test_a_plain_clock_is_the_real_one():
    present = Present()
    clock = SimulatedClock(present=present)
    present.pass_s(90)
    assert clock.now() == NOON + timedelta(seconds=90)
    assert clock.real_seconds(60) == 60


def test_a_fast_clock_starts_in_the_past_catches_up_and_stays_with_the_present():
    present = Present()
    clock = SimulatedClock(speed=60, behind_s=3600, present=present)
    assert clock.now() == NOON - timedelta(hours=1)
    present.pass_s(30)
    assert clock.now() == NOON - timedelta(minutes=30)
    present.pass_s(60)
    assert clock.now() == NOON + timedelta(seconds=90)
    assert clock.behind_s == 0


def test_a_wait_across_the_moment_of_catching_up_is_partly_fast_and_partly_real():
    clock = SimulatedClock(speed=3, behind_s=100, present=Present())
    assert clock.real_seconds(90) == 30
    assert clock.real_seconds(150) == 50  # 50 real seconds: 150 simulated, and exactly caught up
    assert clock.real_seconds(160) == 60


def test_a_session_that_starts_far_enough_back_ends_at_the_present():
    present = Present()
    clock = SimulatedClock(speed=60, behind_s=behind_for(1800, speed=60), present=present)
    began_at = clock.now()
    present.pass_s(30)
    assert clock.now() - began_at == timedelta(minutes=30)
    assert clock.now() == present()


@pytest.mark.parametrize(("speed", "behind_s"), [(0.5, 0), (1, -1)])
def test_a_clock_from_the_future_cannot_be_made(speed, behind_s):
    with pytest.raises(ValueError, match="speed must be"):
        SimulatedClock(speed=speed, behind_s=behind_s)


async def test_a_sleep_ends_early_when_it_is_interrupted():
    clock, over = SimulatedClock(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, over.set)
    assert await clock.sleep(60, unless=over) is True
    assert await clock.sleep(0.001, unless=asyncio.Event()) is False
