"""A gateway on a real socket, and a station that speaks to it in raw frames."""

import asyncio
import base64
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson
import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.db import connections
from websockets.asyncio.client import ClientConnection, connect

from accounts.models import IdToken, User
from stations.models import ChargingStation
from stations.ocpp.credentials import digest_password

PASSWORD = "station-password-1234567890"
_ids = count(1)


@dataclass
class RunningGateway:
    """The gateway's address."""

    port: int
    server: uvicorn.Server

    def url(self, path: str = "") -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/{path}"


class _Server(uvicorn.Server):
    """uvicorn in a thread: signals belong to the test runner."""

    def install_signal_handlers(self) -> None:  # pragma: no cover - older uvicorn
        return


@pytest.fixture(autouse=True)
async def _leave_no_database_connection() -> AsyncIterator[None]:
    """The thread in which the tests' own async queries run keeps a connection otherwise."""
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def gateway(transactional_db: None) -> Iterator[RunningGateway]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        "chargeportal.asgi_gateway:application",
        ws="websockets-sansio",
        ws_max_size=1024 * 1024,
        loop="uvloop",
        lifespan="on",
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield RunningGateway(listener.getsockname()[1], server)
    server.should_exit = True
    thread.join(15)
    listener.close()
    assert not thread.is_alive()


@pytest.fixture
def station(transactional_db: None) -> ChargingStation:
    return ChargingStation.objects.create(identity="CP-1", password_digest=digest_password(PASSWORD))


@pytest.fixture
def card(transactional_db: None) -> IdToken:
    driver = User.objects.create_user("driver@example.test", "long enough")
    return IdToken.objects.create(uid="CARD1", user=driver)


def basic(identity: str = "CP-1", password: str | bytes = PASSWORD) -> dict[str, str]:
    secret = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(identity.encode() + b":" + secret).decode()}


@dataclass
class RawStation:
    """Sends texts, returns the parsed answers."""

    socket: ClientConnection
    seen: list[Any] = field(default_factory=list)

    async def send(self, text: str | bytes) -> Any:
        await self.socket.send(text)
        return await self.receive()

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> Any:
        message_id = message_id or f"m{next(_ids)}"
        answer = await self.send(orjson.dumps([2, message_id, action, payload]).decode())
        assert answer[1] == message_id
        return answer

    async def result(self, action: str, payload: Any) -> Any:
        answer = await self.call(action, payload)
        assert answer[0] == 3, answer
        return answer[2]

    async def receive(self) -> Any:
        frame = orjson.loads(await asyncio.wait_for(self.socket.recv(), 60))
        self.seen.append(frame)
        return frame


Connect = Callable[..., connect]


@pytest.fixture
def knock(gateway: RunningGateway) -> Connect:
    """Open a socket as a station does: `async with knock("CP-1") as socket`."""

    def open_socket(
        path: str = "CP-1",
        *,
        version: str | list[str] = "ocpp1.6",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> connect:
        return connect(
            gateway.url(path),
            subprotocols=([version] if isinstance(version, str) else version) if version else None,  # type: ignore[arg-type,list-item]
            additional_headers=basic(path) if headers is None else headers,
            open_timeout=60,
            **options,
        )

    return open_socket


BOOT_16 = {"chargePointVendor": "Vendor", "chargePointModel": "Model"}
BOOT_201 = {"reason": "PowerUp", "chargingStation": {"vendorName": "Vendor", "model": "Model"}}
