"""The queue of transaction messages: in order, kept while offline, repeated until answered."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chargeportal.simulation.journal import Journal, Sent
from chargeportal.simulation.link import CallRefused, CallTimedOut, Link, LinkDown

logger = logging.getLogger("chargeportal.simulation")


@dataclass(slots=True, eq=False)
class _Waiting:
    build: Callable[[], Any]
    taken: Callable[[Any], None] | None
    entry: Sent
    message_id: str
    about: str
    refusals: int = 0


class Outbox:
    """Sends one message at a time, oldest first, whenever `ready` is set.

    `build` is asked for the payload at each attempt, because an OCPP 1.6 transaction id may be known
    only then. With `new_id_each_time` (1.6) a repeated message has a new id; in 2.x it keeps its own.
    A message that the server refuses or does not answer `attempts` times is dropped, as stations do.
    """

    def __init__(
        self, *, link: Link, journal: Journal, ready: asyncio.Event, new_id_each_time: bool,
        attempts: int, retry_interval_s: float, refused: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._link, self._journal, self._ready = link, journal, ready
        self._new_id_each_time = new_id_each_time
        self.attempts, self.retry_interval_s = attempts, retry_interval_s
        self._refused = refused
        self._queue: deque[_Waiting] = deque()
        self._filled = asyncio.Event()
        self.empty = asyncio.Event()
        self.empty.set()

    def __len__(self) -> int:
        return len(self._queue)

    def put(
        self, action: str, build: Callable[[], Any], *, taken: Callable[[Any], None] | None = None,
        about: str = "",
    ) -> Sent:  # fmt: skip
        """The message will be sent after all earlier ones; `taken` gets the server's answer.

        `about` names its transaction, for `holds`.
        """
        entry = self._journal.write(action)
        self._queue.append(_Waiting(build, taken, entry, str(uuid.uuid4()), about))
        self.empty.clear()
        self._filled.set()
        return entry

    def holds(self, about: str) -> bool:
        """Whether a message about this transaction waits."""
        return any(waiting.about == about for waiting in self._queue)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if not self._queue:
                self.empty.set()
                self._filled.clear()
            await self._filled.wait()
            await self._ready.wait()
            await self._attempt(self._queue[0])

    async def _attempt(self, waiting: _Waiting) -> None:
        message_id = None if self._new_id_each_time else waiting.message_id
        try:
            answer = await self._link.call(waiting.build(), entry=waiting.entry, message_id=message_id)
        except LinkDown:
            await asyncio.sleep(0.02)  # the link clears `ready` when it has noticed
            return
        except (CallTimedOut, CallRefused) as error:
            await self._give_way(waiting, error)
            return
        self._queue.popleft()
        if waiting.taken:
            waiting.taken(answer)

    async def _give_way(self, waiting: _Waiting, error: CallTimedOut | CallRefused) -> None:
        waiting.refusals += 1
        if isinstance(error, CallRefused):
            self._refused(error.code)
        if waiting.refusals >= self.attempts:
            logger.warning("%s given up after %d attempts: %s", waiting.entry.action, waiting.refusals, error)
            self._queue.popleft()
            waiting.entry.drop()
            return
        await asyncio.sleep(self.retry_interval_s * waiting.refusals)
