"""The sockets this process holds, by station."""

import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from stations.ocpp.calls import Calls
from stations.ocpp.dispatch import StationRef
from stations.ocpp.messages import StationRecord
from stations.ocpp.translation import Translation

Send = Callable[[dict[str, Any]], Awaitable[None]]
REPLACED = 1008

#: Names this process among all gateway processes, and among its own predecessors.
PROCESS_ID = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


class Connection:
    """One station's socket: who it is, what it speaks, and our way to it."""

    __slots__ = (
        "calls",
        "closing",
        "fencing_token",
        "registration_status",
        "send",
        "station",
        "tolerate_before_boot",
        "translation",
    )

    def __init__(
        self, *, record: StationRecord, translation: Translation, fencing_token: int, send: Send
    ) -> None:
        self.station = StationRef(record.station_id, record.identity, translation.version)
        self.translation = translation
        self.fencing_token = fencing_token
        self.registration_status = record.registration_status
        self.tolerate_before_boot = record.tolerate_before_boot
        self.send = send
        self.calls = Calls(self.send_text)
        self.closing = False

    async def send_text(self, text: str) -> None:
        """Send one frame; nothing happens on a socket that is gone."""
        if not self.closing:
            await self.send({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str = "") -> None:
        """Close the socket once."""
        if self.closing:
            return
        self.closing = True
        self.calls.close()
        await self.send({"type": "websocket.close", "code": code, "reason": reason})


class Connections:
    """All connections of this process; a station's newest is the one that counts."""

    def __init__(self) -> None:
        self._by_station: dict[int, Connection] = {}

    def __len__(self) -> int:
        return len(self._by_station)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._by_station.values()))

    def of(self, station_id: int) -> Connection | None:
        """Return the station's connection, if this process holds it."""
        return self._by_station.get(station_id)

    def add(self, connection: Connection) -> Connection | None:
        """Take the connection in; return the one it replaces, if any. An older one changes nothing."""
        present = self._by_station.get(connection.station.id)
        if present and present.fencing_token > connection.fencing_token:
            return connection
        self._by_station[connection.station.id] = connection
        return present

    def remove(self, connection: Connection) -> None:
        """Forget the connection; a newer one of the station stays."""
        if self._by_station.get(connection.station.id) is connection:
            del self._by_station[connection.station.id]
