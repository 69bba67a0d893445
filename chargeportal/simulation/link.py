"""The socket of a simulated station: opened again for ever, one CALL at a time."""

import asyncio
import base64
import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ocpp.charge_point import ChargePoint, remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.exceptions import OCPPError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from chargeportal.simulation.journal import Sent

logger = logging.getLogger("chargeportal.simulation")

#: What it means when the server answers the handshake with this; waiting does not change it by itself.
_REFUSALS = {
    401: "the server does not accept the password (HTTP 401)",
    403: "the server refuses the connection (HTTP 403)",
    404: "the server does not know this station (HTTP 404)",
}
#: A connection that lived this long was a good one: the next back-off starts small again.
_GOOD_CONNECTION_S = 10.0


class LinkError(Exception):
    """A CALL brought no result: `LinkDown`, `CallTimedOut` or `CallRefused`."""


class LinkDown(LinkError):
    """There is no socket, or it went away before the answer came."""


class CallTimedOut(LinkError):
    """The socket stands but the answer did not come in time."""


class CallRefused(LinkError):
    """The server answered with a CALLERROR, or with a result that its schema does not allow."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class InvalidMessage(Exception):
    """The simulator has made a message that the official schema does not allow: its own mistake."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: doubling, with up to `jitter` (share) on top."""

    first_s: float = 1.0
    most_s: float = 30.0
    jitter: float = 0.5

    def delay_s(self, attempt: int, *, chance: random.Random) -> float:
        """Return the wait before attempt number `attempt` (from 0)."""
        wait_s = min(self.most_s, self.first_s * 2 ** min(attempt, 20))
        return wait_s * (1 + self.jitter * chance.random())


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a station connects to, and as whom."""

    url: str
    identity: str
    password: str
    subprotocol: str

    @property
    def uri(self) -> str:
        """The address with the percent-encoded identity."""
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"

    @property
    def headers(self) -> dict[str, str]:
        """Basic authentication, where there is a password."""
        if not self.password:
            return {}
        credentials = base64.b64encode(f"{self.identity}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {credentials}"}


class Link:
    """Keeps a socket open from `run()` until that task is cancelled.

    `speaker` makes the `ocpp` client object for a new socket; `opened` is awaited in a task of its
    own for each new socket, and cancelled with it.
    """

    def __init__(
        self,
        address: Address,
        *,
        speaker: Callable[[ClientConnection], ChargePoint],
        opened: Callable[[], Awaitable[None]],
        closed: Callable[[], None],
        backoff: Backoff,
        chance: random.Random,
    ) -> None:
        self.address = address
        self.down = asyncio.Event()
        self.down.set()
        self.refused = asyncio.Event()
        self.last_error = ""
        self._speaker, self._opened, self._closed = speaker, opened, closed
        self._backoff, self._chance = backoff, chance
        self._point: ChargePoint | None = None
        self._socket: ClientConnection | None = None
        self._lost: asyncio.Future[None] | None = None
        self._may_connect = asyncio.Event()
        self._may_connect.set()

    @property
    def is_up(self) -> bool:
        """Whether a socket is open."""
        return self._point is not None

    async def run(self) -> None:
        """Connect, serve and reconnect until cancelled."""
        attempt = 0
        while True:
            await self._may_connect.wait()
            began = asyncio.get_running_loop().time()
            await self._connect_once()
            lived_s = asyncio.get_running_loop().time() - began
            attempt = 0 if lived_s > _GOOD_CONNECTION_S else attempt + 1
            await asyncio.sleep(self._backoff.delay_s(max(0, attempt - 1), chance=self._chance))

    async def call(self, payload: Any, *, entry: Sent, message_id: str | None = None) -> Any:
        """Send a CALL and return its result, with the attempt on record.

        Raises: LinkDown, CallTimedOut, CallRefused, InvalidMessage.
        """
        point, lost = self._point, self._lost
        if point is None or lost is None:
            raise LinkDown(self.last_error or "not connected")
        unique_id = message_id or str(uuid.uuid4())
        entry.payload = remove_nones(snake_to_camel_case(serialize_as_dict(payload)))
        asking = asyncio.ensure_future(point.call(payload, suppress=False, unique_id=unique_id))
        try:
            await asyncio.wait((asking, lost), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise LinkDown("the connection was lost before the answer")
            answer = self._result(asking, point, unique_id)
        except LinkError as error:
            entry.error = str(error)
            raise
        finally:
            if getattr(point, "last_sent_id", None) == unique_id:
                entry.message_ids.append(unique_id)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        entry.acknowledge(remove_nones(snake_to_camel_case(serialize_as_dict(answer))))
        return answer

    async def close(self, *, code: int = 1000) -> None:
        """The socket, if any, is closed politely."""
        if self._socket is not None:
            await self._socket.close(code)

    def cut(self) -> None:
        """The socket, if any, is gone without a word, as when a modem loses power."""
        if self._socket is not None:
            self._socket.transport.abort()

    def hold(self) -> None:
        """No new socket is opened until `release`."""
        self._may_connect.clear()

    def release(self) -> None:
        """New sockets may be opened."""
        self._may_connect.set()

    async def _connect_once(self) -> None:
        try:
            async with connect(
                self.address.uri,
                subprotocols=[Subprotocol(self.address.subprotocol)],
                additional_headers=self.address.headers,
                compression=None, proxy=None, ping_interval=60, ping_timeout=60, close_timeout=2,
                logger=logging.getLogger("chargeportal.simulation.websocket"),
            ) as socket:  # fmt: skip
                self.refused.clear()
                if socket.subprotocol is None:
                    self._note("the server does not speak this version")
                    return
                await self._serve(socket)
        except InvalidStatus as error:
            refusal = _REFUSALS.get(error.response.status_code)
            self._note(refusal or str(error))
            if refusal:
                self.refused.set()
        except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
            self._note(str(error) or type(error).__name__)

    def _note(self, error: str) -> None:
        self.last_error = error
        logger.debug("%s: %s", self.address.identity, error)

    async def _serve(self, socket: ClientConnection) -> None:
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._socket, self._point, self._lost = socket, self._speaker(socket), lost
        self.down.clear()
        opening = asyncio.ensure_future(self._opened())
        try:
            await self._point.start()
        finally:
            self._socket = self._point = self._lost = None
            self.down.set()
            lost.set_result(None)
            self._closed()
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)

    @staticmethod
    def _result(asking: "asyncio.Future[Any]", point: ChargePoint, unique_id: str) -> Any:
        try:
            return asking.result()
        except ConnectionClosed as error:
            raise LinkDown(str(error)) from error
        except TimeoutError as error:
            raise CallTimedOut(str(error)) from error
        except OCPPError as error:
            if getattr(point, "last_sent_id", None) != unique_id:
                raise InvalidMessage(str(error)) from error
            raise CallRefused(getattr(error, "code", "InternalError"), str(error.description)) from error


async def first_of(*events: asyncio.Event) -> None:
    """Return as soon as one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
