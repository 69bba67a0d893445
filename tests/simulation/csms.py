"""A small server for simulated stations, on the server side of the `ocpp` package."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from ocpp import v16, v201
from ocpp.charge_point import ChargePoint
from ocpp.routing import on
from ocpp.v16.enums import Action as Action16
from ocpp.v201.enums import Action as Action201
from websockets.asyncio.server import Server, ServerConnection, serve

_quiet = logging.getLogger("tests.csms")
_quiet.setLevel(logging.CRITICAL)


def _now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass
class Csms:
    """Answers everything and remembers it; the fields say how it misbehaves."""

    verdicts: dict[str, str] = field(default_factory=dict)
    boot_answers: list[str] = field(default_factory=list)
    boot_interval_s: int = 300
    #: actions whose next message is taken, but the socket breaks before it is answered
    breaks_on: list[str] = field(default_factory=list)
    #: actions whose next message gets a CALLERROR InternalError
    refuses: list[str] = field(default_factory=list)
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    message_ids: list[tuple[str, str]] = field(default_factory=list)
    points: dict[str, ChargePoint] = field(default_factory=dict)
    authorization: dict[str, str | None] = field(default_factory=dict)
    connections: int = 0
    next_transaction_id: int = 1000
    port: int = 0
    #: every handshake is answered with this HTTP status
    closed_with: int = 0
    _server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, subprotocols=["ocpp1.6", "ocpp2.0.1"], compression=None,
            process_request=self._door,
        )  # fmt: skip
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """The server is gone, with all its sockets."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def of(self, action: str) -> list[dict[str, Any]]:
        """Return the payloads (in snake case) of the messages of one action."""
        return [payload for name, payload in self.messages if name == action]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the 2.0.1 transaction events of one kind."""
        return [event for event in self.of("TransactionEvent") if event["event_type"] == kind]

    def statuses(self, number: int) -> list[str]:
        """Return the statuses one connector (1.6) or EVSE (2.0.1) has reported."""
        return [
            status.get("status") or status["connector_status"]
            for status in self.of("StatusNotification")
            if status.get("evse_id", status["connector_id"]) == number
        ]

    async def until(self, action: str, count: int = 1) -> list[dict[str, Any]]:
        """Return the messages of this action once there are `count`."""
        async with asyncio.timeout(60):
            while len(self.of(action)) < count:  # noqa: ASYNC110 - polling is simplest here
                await asyncio.sleep(0.01)
        return self.of(action)

    def _door(self, socket: ServerConnection, _: Any) -> Any:
        return socket.respond(self.closed_with, "") if self.closed_with else None

    async def _serve(self, socket: ServerConnection) -> None:
        identity = socket.request.path.rsplit("/", 1)[1]
        self.authorization[identity] = socket.request.headers.get("Authorization")
        self.connections += 1
        speaker = _Server16 if socket.subprotocol == "ocpp1.6" else _Server201
        point = speaker(identity, socket, logger=_quiet)
        point.csms = self
        self.points[identity] = point
        try:
            await point.start()
        except Exception:  # noqa: BLE001 - the socket is gone
            return

    def take(self, action: str, payload: dict[str, Any], message_id: str, point: ChargePoint) -> None:
        """The message is on record, or the server misbehaves as told."""
        self.messages.append((action, payload))
        self.message_ids.append((action, message_id))
        if action in self.refuses:
            self.refuses.remove(action)
            raise RuntimeError("as told by the test")
        if action in self.breaks_on:
            self.breaks_on.remove(action)
            point._connection.transport.abort()

    def boot_answer(self) -> dict[str, Any]:
        status = self.boot_answers.pop(0) if self.boot_answers else "Accepted"
        return {"current_time": _now(), "interval": self.boot_interval_s, "status": status}

    def verdict(self, token: str) -> dict[str, str]:
        return {"status": self.verdicts.get(token, "Accepted")}


class _Server16(v16.ChargePoint):
    csms: Csms

    @on(Action16.boot_notification)
    def took_boot(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("BootNotification", payload, call_unique_id, self)
        return v16.call_result.BootNotification(**self.csms.boot_answer())

    @on(Action16.heartbeat)
    def took_heartbeat(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("Heartbeat", payload, call_unique_id, self)
        return v16.call_result.Heartbeat(current_time=_now())

    @on(Action16.status_notification)
    def took_status(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("StatusNotification", payload, call_unique_id, self)
        return v16.call_result.StatusNotification()

    @on(Action16.authorize)
    def took_authorize(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("Authorize", payload, call_unique_id, self)
        return v16.call_result.Authorize(id_tag_info=self.csms.verdict(payload["id_tag"]))

    @on(Action16.start_transaction)
    def took_start(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("StartTransaction", payload, call_unique_id, self)
        self.csms.next_transaction_id += 1
        return v16.call_result.StartTransaction(
            transaction_id=self.csms.next_transaction_id, id_tag_info=self.csms.verdict(payload["id_tag"])
        )

    @on(Action16.stop_transaction)
    def took_stop(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("StopTransaction", payload, call_unique_id, self)
        return v16.call_result.StopTransaction()

    @on(Action16.meter_values)
    def took_values(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("MeterValues", payload, call_unique_id, self)
        return v16.call_result.MeterValues()


class _Server201(v201.ChargePoint):
    csms: Csms

    @on(Action201.boot_notification)
    def took_boot(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("BootNotification", payload, call_unique_id, self)
        return v201.call_result.BootNotification(**self.csms.boot_answer())

    @on(Action201.heartbeat)
    def took_heartbeat(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("Heartbeat", payload, call_unique_id, self)
        return v201.call_result.Heartbeat(current_time=_now())

    @on(Action201.status_notification)
    def took_status(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("StatusNotification", payload, call_unique_id, self)
        return v201.call_result.StatusNotification()

    @on(Action201.authorize)
    def took_authorize(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("Authorize", payload, call_unique_id, self)
        verdict = self.csms.verdict(payload["id_token"]["id_token"])
        return v201.call_result.Authorize(id_token_info=verdict)

    @on(Action201.transaction_event)
    def took_event(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("TransactionEvent", payload, call_unique_id, self)
        token = payload.get("id_token")
        verdict = self.csms.verdict(token["id_token"]) if token else None
        return v201.call_result.TransactionEvent(id_token_info=verdict)

    @on(Action201.meter_values)
    def took_values(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("MeterValues", payload, call_unique_id, self)
        return v201.call_result.MeterValues()

    @on(Action201.notify_report)
    def took_report(self, call_unique_id: str, **payload: Any) -> Any:
        self.csms.take("NotifyReport", payload, call_unique_id, self)
        return v201.call_result.NotifyReport()
