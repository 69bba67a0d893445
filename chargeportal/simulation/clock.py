"""The time a simulated station believes in: real time, or a past that catches up with it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def real_now() -> datetime:
    """Return the present, aware, in UTC."""
    return datetime.now(UTC)


class SimulatedClock:
    """A clock that starts `behind_s` seconds ago, runs `speed` times as fast and stops at the present.

    Simulated time can run faster than real time only while it is behind it: a station that is
    ahead of its server reports sessions from the future, which no server believes. So acceleration
    means back-dating. Once it has caught up the clock is the real one. It never jumps, never runs
    backwards and is never ahead.
    """

    def __init__(
        self, *, speed: float = 1.0, behind_s: float = 0.0, present: Callable[[], datetime] = real_now
    ) -> None:
        if speed < 1 or behind_s < 0:
            raise ValueError("speed must be at least 1 and behind_s at least 0")
        self.speed = speed
        self._present = present
        self._anchored_at = present()
        self._began_at = self._anchored_at - timedelta(seconds=behind_s)

    def now(self) -> datetime:
        """Return the simulated time, never later than the present."""
        present = self._present()
        return min(present, self._began_at + (present - self._anchored_at) * self.speed)

    @property
    def behind_s(self) -> float:
        """How far the clock still is behind the present."""
        return (self._present() - self.now()).total_seconds()

    def real_seconds(self, duration_s: float) -> float:
        """Return how long `duration_s` simulated seconds from now last in reality."""
        if self.speed == 1:
            return duration_s
        catching_up_s = self.behind_s / (self.speed - 1)
        accelerated_s = catching_up_s * self.speed
        if duration_s <= accelerated_s:
            return duration_s / self.speed
        return catching_up_s + duration_s - accelerated_s

    async def sleep(self, duration_s: float, *, unless: asyncio.Event | None = None) -> bool:
        """Let `duration_s` simulated seconds pass; return True at once when `unless` is set meanwhile."""
        real_s = self.real_seconds(max(0.0, duration_s))
        if unless is None:
            await asyncio.sleep(real_s)
            return False
        try:
            async with asyncio.timeout(real_s):
                await unless.wait()
        except TimeoutError:
            return unless.is_set()
        return True


def behind_for(duration_s: float, *, speed: float) -> float:
    """Return how far back a session of `duration_s` must start so that it ends at the present."""
    return duration_s * (1 - 1 / speed)
