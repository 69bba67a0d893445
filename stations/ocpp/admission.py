"""The handshake: from a knock to a known station and a version to speak, or a refusal that says why."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson

from stations.ocpp import errors, handshake
from stations.ocpp.dispatch import Received, StationRef
from stations.ocpp.messages import Refused, StationLookup, StationRecord
from stations.ocpp.translation import Translation, negotiate
from stations.ocpp.writer import Overloaded, Writer

PROTOCOL_ERROR = 1002
GOODBYE_S = 1.0

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
SendEvent = Callable[[dict[str, Any]], Awaitable[None]]


class Admission:
    """Lets stations in, and remembers who guesses passwords."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._failures = handshake.Failures()

    async def admit(  # noqa: PLR0911 - one return for each way to be refused
        self, scope: Scope, send: SendEvent
    ) -> tuple[StationRecord, Translation] | None:
        """Return the station and the version to speak; None when it has been told why not."""
        identity = handshake.identity_in(scope.get("raw_path") or scope["path"].encode())
        address = handshake.address_of(scope)
        if identity is None:
            return await deny(scope, send, 404, "There is no such station.")
        wait_s = self._failures.retry_after_s(address, identity)
        if wait_s:
            return await deny(
                scope, send, 429, "Too many wrong passwords.", (b"retry-after", str(wait_s).encode())
            )
        record = await self._look_up(identity, address)
        if isinstance(record, Refused):
            return await deny(scope, send, 503, "Try again later.", (b"retry-after", b"30"))
        if record is None:
            return await deny(scope, send, 404, "There is no such station.")
        if not handshake.admitted(record, handshake.credentials_in(scope["headers"])):
            self._failures.add(address, identity)
            return await deny(
                scope, send, 401, "Wrong password.", (b"www-authenticate", b'Basic realm="OCPP"')
            )
        self._failures.clear(address, identity)
        translation = negotiate(scope.get("subprotocols") or [])
        if translation is None:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": PROTOCOL_ERROR, "reason": "no common subprotocol"})
            return None
        return record, translation

    async def _look_up(self, identity: str, address: str) -> StationRecord | Refused | None:
        message = StationLookup(identity=identity, remote_address=address)
        received = Received(StationRef(0, identity.casefold(), ""), message, datetime.now(UTC))
        try:
            record, _ = await self._writer.submit(received)
        except Overloaded:
            return Refused(errors.GENERIC_ERROR, "overloaded")
        return record


async def deny(scope: Scope, send: SendEvent, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    """Refuse the handshake with a true HTTP status where the server can, with its 403 elsewhere."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": PROTOCOL_ERROR, "reason": text})
        return
    body = orjson.dumps({"detail": text})
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "websocket.http.response.body", "body": body})


async def until_gone(receive: Receive) -> None:
    """Wait until the refused client's connection has ended, a moment at most.

    uvicorn reports its end only then, and takes an application that returns earlier for one that
    forgot to answer: an error in the log for each refusal.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_S):
            await receive()  # the answer has left
            await receive()  # the connection is gone


async def deny_for_now(scope: Scope, send: SendEvent) -> None:
    """Refuse the handshake for a reason that will pass."""
    await deny(scope, send, 503, "Try again later.", (b"retry-after", b"30"))
