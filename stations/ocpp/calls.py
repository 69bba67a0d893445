"""Our CALLs to one station: at most one at a time, each with a time-out, late answers dropped."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from stations.ocpp.framing import CallError, CallResult, write_call

SendText = Callable[[str], Awaitable[None]]


class ConnectionLost(Exception):
    """The socket closed before the station answered."""


@dataclass(slots=True)
class _Outstanding:
    message_id: str
    future: asyncio.Future[CallResult | CallError]


class Calls:
    """The requests of one connection, strictly one after another; the rest wait their turn."""

    __slots__ = ("_closed", "_outstanding", "_send", "_turn")

    def __init__(self, send: SendText) -> None:
        self._send = send
        self._turn: asyncio.Lock | None = None
        self._outstanding: _Outstanding | None = None
        self._closed = False

    @property
    def turn(self) -> asyncio.Lock:
        """Whoever holds it may `call`; most connections never need one."""
        if self._turn is None:
            self._turn = asyncio.Lock()
        return self._turn

    async def call(
        self, action: str, payload: dict[str, Any], *, timeout_s: float, message_id: str
    ) -> CallResult | CallError:
        """Send a CALL and return the station's answer; the caller holds `turn`.

        Raises `TimeoutError` when none comes in time (a later one is dropped), `ConnectionLost` when
        the socket closes first.
        """
        if self._closed:
            raise ConnectionLost
        future = asyncio.get_running_loop().create_future()
        self._outstanding = _Outstanding(message_id, future)
        try:
            await self._send(write_call(message_id, action, payload))
            return await asyncio.wait_for(future, timeout_s)
        finally:
            self._outstanding = None

    def settle(self, answer: CallResult | CallError) -> bool:
        """Give the answer to whoever waits for it; False when nobody does (any more)."""
        waiting = self._outstanding
        if waiting is None or waiting.message_id != answer.message_id or waiting.future.done():
            return False
        waiting.future.set_result(answer)
        return True

    def close(self) -> None:
        """End the outstanding call and those in the queue with `ConnectionLost`."""
        self._closed = True
        waiting = self._outstanding
        if waiting and not waiting.future.done():
            waiting.future.set_exception(ConnectionLost())


def new_message_id() -> str:
    """Return a message id that no other process has used."""
    return str(uuid.uuid4())
