"""A simulated station's life: connecting, booting, heartbeats, statuses, resets, commands.

`SimulatedStation16` and `SimulatedStation201` add what their version says; charging itself is in
`charging.py`.
"""

import asyncio
import contextlib
import logging
import random
import zlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Self

from websockets.asyncio.client import ClientConnection

from chargeportal.simulation.clock import SimulatedClock
from chargeportal.simulation.evse import Evse, Transaction
from chargeportal.simulation.journal import Journal
from chargeportal.simulation.link import Address, Backoff, CallRefused, Link, LinkError, first_of
from chargeportal.simulation.memory import Memory
from chargeportal.simulation.outbox import Outbox
from chargeportal.simulation.outlet import Kind
from chargeportal.simulation.speaker import Speaker

logger = logging.getLogger("chargeportal.simulation")


class NeverReady(Exception):
    """The station could not connect and be accepted in time; the text says what stood in the way."""


class SimulatedStation(ABC):
    """One charger. Use it as an async context manager: inside, it is connected and accepted.

    Nothing happens by itself except boot, heartbeats, reconnecting and answers to commands; cars
    come and go by the methods of `ChargingStation`. `register_wh` are the meters' values at the
    beginning; `speed` and back-dating come from `clock`; the same `seed` gives the same noise.
    """

    version: ClassVar[str]
    subprotocol: ClassVar[str]
    new_id_each_time: ClassVar[bool]
    speaker_class: ClassVar[type[Speaker]]

    def __init__(  # noqa: PLR0913 - a charger has many properties, and tests vary each alone
        self, *, url: str, identity: str, password: str = "", kind: Kind = "ac", evses: int = 1,
        max_power_kw: float = 22.0, vendor: str = "ChargePortal", model: str = "Simulator",
        firmware: str = "1.0.0", clock: SimulatedClock | None = None, seed: int | None = None,
        register_wh: float | None = None, sample_interval_s: float = 10.0, call_timeout_s: float = 30.0,
        backoff: Backoff | None = None, reboot_s: float = 2.0, ready_timeout_s: float | None = 15.0,
        journal: Journal | None = None, memory: Memory | None = None,
    ) -> None:  # fmt: skip
        self.identity, self.kind, self.max_power_w = identity, kind, max_power_kw * 1000
        self.vendor, self.model, self.firmware = vendor, model, firmware
        self.clock = clock or SimulatedClock()
        self.chance = random.Random(zlib.crc32(identity.encode()) if seed is None else seed)  # noqa: S311 - no secret
        self.sample_interval_s, self.call_timeout_s = sample_interval_s, call_timeout_s
        self.connection_timeout_s, self.reboot_s = 60.0, reboot_s
        self.journal = journal or Journal()
        self.memory = memory
        self.on_remote_start: Callable[[Evse], Awaitable[None]] | None = None
        self.on_transaction: Callable[[Transaction], Awaitable[None]] | None = None
        self.evses = {
            number: self._new_evse(number, register_wh=register_wh) for number in range(1, evses + 1)
        }
        self.ready, self.unready = asyncio.Event(), asyncio.Event()
        self.unready.set()
        self.heartbeat_interval_s = 300.0
        self.failure: BaseException | None = None
        self._ready_timeout_s = ready_timeout_s
        self._is_accepted = False
        self._boot_reason = "PowerUp"
        self._boot_now = asyncio.Event()
        self._beat_changed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.link = Link(
            Address(url=url, identity=identity, password=password, subprotocol=self.subprotocol),
            speaker=self._speak, opened=self._settle, closed=self._become_unready,
            backoff=backoff or Backoff(), chance=self.chance,
        )  # fmt: skip
        self.outbox = Outbox(
            link=self.link, journal=self.journal, ready=self.ready, new_id_each_time=self.new_id_each_time,
            attempts=5, retry_interval_s=10.0, refused=self._on_refused,
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        self.begin()
        if self._ready_timeout_s is not None:
            try:
                await self.until_ready(timeout_s=self._ready_timeout_s)
            except BaseException:
                await self.close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        if self.failure and error is None:
            raise self.failure

    def begin(self) -> None:
        """The station is switched on: it connects, and reconnects, until `close`."""
        for work in (self.link.run(), self.outbox.run(), self._beat()):
            self.spawn(work)

    async def until_ready(self, *, timeout_s: float) -> None:
        """Return when the station is connected and accepted.

        Raises: NeverReady, at once when the server refuses the station.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await first_of(self.ready, self.link.refused)
        if not self.ready.is_set():
            reason = self.link.last_error or "the server has not accepted its boot"
            raise NeverReady(f"{self.identity}: {reason}")

    async def close(self) -> None:
        """The station is switched off: no socket, no task; what waited to be sent is lost with it."""
        await self.link.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def flushed(self, *, timeout_s: float = 30.0) -> None:
        """Return when every queued transaction message has been answered or given up.

        Raises: TimeoutError.
        """
        async with asyncio.timeout(timeout_s):
            await self.outbox.empty.wait()

    @contextlib.asynccontextmanager
    async def offline(self) -> Any:
        """Inside, the station has no connection and keeps its messages; afterwards it comes back."""
        self.link.hold()
        self.link.cut()
        await self.link.down.wait()
        try:
            yield
        finally:
            self.link.release()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
        """The work runs beside everything else, until `close` at the latest; a failure is kept and logged."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def call(self, payload: Any) -> Any:
        """Send a message that is not queued, and return the answer.

        Raises: LinkError.
        """
        try:
            return await self.link.call(payload, entry=self.journal.write(type(payload).__name__))
        except CallRefused as error:
            self._on_refused(error.code)
            raise

    async def try_call(self, payload: Any) -> None:
        """The message has been sent, or is forgotten because there is no connection."""
        with contextlib.suppress(LinkError):
            await self.call(payload)

    async def set_status(
        self, evse: Evse, status: str, *, at: datetime | None = None, error_code: str = "NoError",
        info: str = "",
    ) -> None:  # fmt: skip
        """The EVSE is in this status (OCPP 1.6 word), and the server has been told if it can be."""
        evse.status, evse.error_code, evse.info = status, error_code, info
        evse.status_at = at or max(self.clock.now(), evse.status_at)
        if self.ready.is_set():
            await self.tell_status(evse)

    async def tell_status(self, evse: Evse, *, again: bool = False) -> None:
        """The server knows the status, unless the connection is gone: then it is told later."""
        word = (self.status_word(evse), evse.error_code)
        if evse.told == word and not again:
            return
        evse.told = word
        try:
            await self.call(self.status_message(evse))
        except LinkError:
            evse.told = None

    async def reboot(self, *, reason: str, stop_reason: str, graceful: bool) -> None:
        """Transactions are stopped, the station has gone and come back, and has booted again."""
        for evse in self.evses.values():
            if evse.transaction:
                await self.stop(evse.number, reason=stop_reason)
        if graceful:
            with contextlib.suppress(TimeoutError):
                await self.flushed(timeout_s=5)
        self._is_accepted, self._boot_reason = False, reason
        self.link.hold()
        await self.link.close(code=1001)
        await asyncio.sleep(self.reboot_s)
        for evse in self.evses.values():
            evse.told = None
            evse.status = evse.resting_status()
        self.link.release()

    async def change_availability(self, numbers: list[int], *, operative: bool) -> None:
        """The EVSEs work or not; one with a transaction follows when that is over."""
        for number in numbers:
            evse = self.evses[number]
            if evse.transaction:
                evse.becomes_operative = operative
                continue
            evse.is_operative = operative
            await self.set_status(evse, evse.resting_status(), error_code=evse.error_code)

    async def boot_again(self) -> None:
        """A boot notification goes out now: at once when accepted, else instead of the next wait."""
        if self._is_accepted:
            await self._boot()
        self._boot_now.set()

    def set_heartbeat_interval(self, interval_s: float) -> None:
        """Heartbeats come at this interval, counted from now."""
        self.heartbeat_interval_s = max(1.0, interval_s)
        self._beat_changed.set()

    # ── What a version says ───────────────────────────────────────────────────────────────────

    @abstractmethod
    async def stop(self, evse: int = 1, *, reason: str = "Local") -> Transaction:
        """The transaction on the EVSE is over."""

    @abstractmethod
    def boot_message(self, reason: str) -> Any:
        """Return the BootNotification; `reason` is a 2.x boot reason."""

    @abstractmethod
    def heartbeat_message(self) -> Any:
        """Return the Heartbeat."""

    @abstractmethod
    def status_word(self, evse: Evse) -> str:
        """Return the EVSE's status as this version names it."""

    @abstractmethod
    def status_message(self, evse: Evse) -> Any:
        """Return the StatusNotification of the EVSE."""

    def station_status_message(self) -> Any | None:
        """Return the status of the station as a whole, where the version has one."""
        return None

    # ── Inside ────────────────────────────────────────────────────────────────────────────────

    def _new_evse(self, number: int, *, register_wh: float | None) -> Evse:
        chance = random.Random(self.chance.random())  # noqa: S311 - no secret
        register = chance.randrange(2_000_000, 9_000_000) if register_wh is None else register_wh
        return Evse(
            number, kind=self.kind, max_power_w=self.max_power_w, register_wh=register, chance=chance,
            now=self.clock.now(),
        )  # fmt: skip

    def _speak(self, socket: ClientConnection) -> Speaker:
        return self.speaker_class(self, socket)

    async def _settle(self) -> None:
        """A new socket: boot if the server has not accepted the station yet, then tell what changed."""
        booted = not self._is_accepted
        while not self._is_accepted:
            wait_s = await self._boot()
            if self._is_accepted:
                break
            self._boot_now.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._boot_now.wait()
        if booted and (message := self.station_status_message()):
            await self.try_call(message)
        for evse in self.evses.values():
            await self.tell_status(evse, again=booted)
        if self.link.is_up:
            self.unready.clear()
            self.ready.set()

    def _become_unready(self) -> None:
        self.ready.clear()
        self.unready.set()

    async def _boot(self) -> float:
        """Send a BootNotification; returns how long to wait before the next, if that is needed."""
        try:
            answer = await self.call(self.boot_message(self._boot_reason))
        except LinkError as error:
            logger.info("%s: boot failed: %s", self.identity, error)
            return 10.0
        self._is_accepted = answer.status == "Accepted"
        if self._is_accepted:
            self._boot_reason = "PowerUp"
            self.set_heartbeat_interval(answer.interval or 300)
        return float(answer.interval or 30)

    async def _beat(self) -> None:
        while True:
            self._beat_changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.heartbeat_interval_s):
                    await self._beat_changed.wait()
                continue
            if self.ready.is_set():
                await self.try_call(self.heartbeat_message())

    def _on_refused(self, code: str) -> None:
        """A server that answers SecurityError no longer takes the station for accepted: boot again."""
        if code == "SecurityError" and self._is_accepted:
            self._is_accepted = False
            self._become_unready()
            self.spawn(self._settle())

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except Exception as error:
            self.failure = self.failure or error
            logger.exception("%s: the simulation failed", self.identity)
