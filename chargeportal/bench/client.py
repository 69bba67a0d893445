"""A charging station as cheap as possible: the load generator must never be the bottleneck.

WebSocket by hand on asyncio's protocol API: the frames are short, never fragmented, and masked with
zeros, which the standard allows and which saves the masking.
"""

import asyncio
import base64
import struct
from collections import deque
from time import perf_counter

_MASK = b"\x00\x00\x00\x00"


def framed(payload: bytes) -> bytes:
    """Return a masked text frame."""
    length = len(payload)
    if length < 126:
        return b"\x81" + bytes((0x80 | length,)) + _MASK + payload
    if length < 65_536:
        return b"\x81\xfe" + struct.pack("!H", length) + _MASK + payload
    return b"\x81\xff" + struct.pack("!Q", length) + _MASK + payload


class Station(asyncio.Protocol):
    """One socket. Each frame sent is answered by one frame; `answers` are the waiting futures."""

    def __init__(self, identity: str, password: str, subprotocol: str) -> None:
        self.identity, self.password, self.subprotocol = identity, password, subprotocol
        self.transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False
        self.transaction_id = 0
        self._buffer = b""
        self._answers: deque[tuple[asyncio.Future[bytes], float]] = deque()
        self.latency_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self.transport = transport  # type: ignore[assignment]
        key = base64.b64encode(b"0123456789abcdef").decode()
        basic = base64.b64encode(f"{self.identity}:{self.password}".encode()).decode()
        transport.write(  # type: ignore[attr-defined]
            f"GET /ocpp/{self.identity} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {self.subprotocol}\r\nAuthorization: Basic {basic}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take the end of the handshake, then frames."""
        buffer = self._buffer + data if self._buffer else data
        if not self.opened.done():
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head[:20]:
                self.opened.set_exception(ConnectionError(head[:80].decode("latin-1")))
                return
            self.opened.set_result(None)
        self._buffer = self._frames(buffer)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail whoever still waits."""
        self.closed = True
        lost = error or ConnectionError("closed")
        for future, _ in self._answers:
            if not future.done():
                future.set_exception(lost)
        if not self.opened.done():
            self.opened.set_exception(lost)

    def ask(self, payload: bytes) -> asyncio.Future[bytes]:
        """Send one CALL; the future is its answer."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers.append((future, perf_counter()))
        self.transport.write(framed(payload))  # type: ignore[union-attr]
        return future

    def _frames(self, buffer: bytes) -> bytes:
        while len(buffer) >= 2:
            opcode, length, start = buffer[0] & 0x0F, buffer[1] & 0x7F, 2
            if length == 126:
                if len(buffer) < 4:
                    break
                length, start = int.from_bytes(buffer[2:4], "big"), 4
            if len(buffer) < start + length:
                break
            payload, buffer = buffer[start : start + length], buffer[start + length :]
            self._frame(opcode, payload)
        return buffer

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == 1 and self._answers:
            future, sent_at = self._answers.popleft()
            self.latency_s = perf_counter() - sent_at
            if not future.done():
                future.set_result(payload)
        elif opcode == 9:
            self.transport.write(b"\x8a" + bytes((0x80 | len(payload),)) + _MASK + payload)  # type: ignore[union-attr]


async def connect(host: str, port: int, identity: str, password: str, subprotocol: str) -> Station:
    """Return a station whose handshake is done."""
    loop = asyncio.get_running_loop()
    _, station = await loop.create_connection(lambda: Station(identity, password, subprotocol), host, port)
    await station.opened
    return station
