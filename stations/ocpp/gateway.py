"""The socket that charging stations talk to: a plain ASGI WebSocket application.

A connection's CALLs are answered strictly one after another, each when its rows are committed. What
a station may get wrong is answered with the standard's CALLERROR, and the socket stays open.
"""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from stations.ocpp import dispatch, errors, farewell, handshake, metrics
from stations.ocpp.admission import Admission, deny_for_now, until_gone
from stations.ocpp.after_commit import AfterCommit
from stations.ocpp.connections import PROCESS_ID, REPLACED, Connection, Connections
from stations.ocpp.delivery import Delivery
from stations.ocpp.dispatch import Received, StationRef
from stations.ocpp.exchanges import Exchange
from stations.ocpp.frame_log import frame_row, storable
from stations.ocpp.framing import BadFrame, Call, Send, read, unreadable, write_error
from stations.ocpp.messages import (
    BootReply,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionSeen,
    Refused,
    StationRecord,
)
from stations.ocpp.translation import Translation
from stations.ocpp.writer import NobodyAnswers, Overloaded, Writer

logger = logging.getLogger(__name__)

SEEN_INTERVAL_S = 30.0
SEEN_SLICES = 30
DRAIN_TIMEOUT_S = 8.0
CROWD = 500  # connections; from here on heartbeats are spread
GOING_AWAY, TRY_AGAIN_LATER = 1001, 1013
DEFAULT_MAX_MESSAGE_BYTES = 256 * 1024

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
SendEvent = Callable[[dict[str, Any]], Awaitable[None]]


class Gateway:
    """Everything one process needs to serve stations, on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.writer = Writer(loop)
        self.connections = Connections()
        self.delivery = Delivery(self.connections, self.writer)
        self.stopping = False
        self._admission = Admission(self.writer)
        self._after_commit = AfterCommit()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._max_bytes = getattr(settings, "OCPP_MAX_MESSAGE_BYTES", DEFAULT_MAX_MESSAGE_BYTES)

    def start(self) -> None:
        """Find the handlers, start the flushers and the background work."""
        dispatch.autodiscover()
        self._after_commit.start()
        self.writer.start()
        self.delivery.start()
        self._spawn(self._report_presence())
        metrics.watch(connections=lambda: len(self.connections), waiting=lambda: self.writer.waiting)
        _tune_garbage_collector()
        # one line for each of thousands of sockets, twice, is what the connection history is for
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

    async def serve(self, scope: Scope, receive: Receive, send: SendEvent) -> None:
        """Let a station in, or tell it why not, and talk with it until the socket closes."""
        await receive()
        connection = await self._let_in(scope, send)
        if connection is None:
            await until_gone(receive)
            return
        code, reason = 1006, "the gateway failed"
        try:  # the station may have gone meanwhile: then this connection has ended like any other
            subprotocol = connection.translation.subprotocol
            await send({"type": "websocket.accept", "subprotocol": subprotocol})
            code, reason = await self._converse(connection, receive)
        except OSError:
            code, reason = 1006, "the connection was lost"
        finally:
            self._closed(connection, code, reason)

    async def stop(self) -> None:
        """Answer what is being answered, tell the stations to come back, and finish the work."""
        if self.stopping:
            return
        self.stopping = True
        deadline = self.loop.time() + DRAIN_TIMEOUT_S
        while self.writer.waiting and self.loop.time() < deadline:  # noqa: ASYNC110 - threads empty it
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        closing = [connection.close(GOING_AWAY, "restarting") for connection in self.connections]
        await asyncio.gather(*closing, return_exceptions=True)

    async def finish(self) -> None:
        """Stop, write everything that waits, end the threads."""
        await self.stop()
        await asyncio.sleep(0)
        await self.delivery.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.to_thread(self.writer.close)
        self._after_commit.stop()

    # ── the connection ─────────────────────────────────────────────────────────────────────────────

    async def _let_in(self, scope: Scope, send: SendEvent) -> Connection | None:
        """Return the connection; None when the station has been told why there is none."""
        if self.stopping:
            await deny_for_now(scope, send)
            return None
        admission = await self._admission.admit(scope, send)
        if admission is None:
            return None
        record, translation = admission
        return await self._open(scope, send, record, translation)

    async def _open(
        self, scope: Scope, send: SendEvent, record: StationRecord, translation: Translation
    ) -> Connection | None:
        """Return the connection with its fencing token; it has taken the place of any older one."""
        message = ConnectionOpened(
            process_id=PROCESS_ID,
            remote_address=handshake.address_of(scope),
            version=translation.version,
            opened_at=datetime.now(UTC),
        )
        station = StationRef(record.station_id, record.identity, translation.version)
        try:
            reply, _ = await self.writer.submit(Received(station, message, message.opened_at))
        except Overloaded:
            reply = Refused(errors.GENERIC_ERROR)
        if isinstance(reply, Refused):
            return await deny_for_now(scope, send)
        connection = Connection(
            record=record, translation=translation, fencing_token=reply.fencing_token, send=send
        )
        older = self.connections.add(connection)
        if older:
            self._spawn(older.close(REPLACED, "replaced by a newer connection"))
        self.delivery.announce(connection)
        return connection

    def _closed(self, connection: Connection, code: int, reason: str) -> None:
        connection.closing = True
        connection.calls.close()
        self.connections.remove(connection)
        message = ConnectionClosed(
            fencing_token=connection.fencing_token,
            closed_at=datetime.now(UTC),
            close_code=code,
            reason=reason,
        )
        try:
            self.writer.submit_unawaited(Received(connection.station, message, message.closed_at))
        except Overloaded:
            logger.warning("The end of the connection of %s was not recorded", connection.station.identity)

    # ── the conversation ─────────────────────────────────────────────────────────────────────────

    async def _converse(self, connection: Connection, receive: Receive) -> tuple[int, str]:
        """Answer frame after frame; return the close code and reason."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return event.get("code") or 1005, storable(event.get("reason") or "", 120)
            if self.stopping:
                await connection.close(GOING_AWAY, "restarting")
                continue
            text = event.get("text")
            answer = (
                await self._answer(connection, text)
                if text is not None
                else self._unread(connection, event.get("bytes") or b"", "a binary frame")
            )
            if answer is not None:
                await connection.send_text(answer)

    async def _answer(self, connection: Connection, text: str) -> str | None:
        if len(text) > self._max_bytes:
            return self._unread(connection, text, f"longer than {self._max_bytes} bytes")
        try:
            frame = read(text, version=connection.translation.version)
        except BadFrame as error:
            return self._bad_frame(connection, text, error)
        if type(frame) is Call:
            return await self._answer_call(connection, frame, text)
        if type(frame) is Send:
            logger.info("%s sent %s, which nobody wants", connection.station.identity, frame.action[:60])
        elif not connection.calls.settle(frame):  # type: ignore[arg-type]
            logger.info("%s answered a call that nobody waits for", connection.station.identity)
        return None

    async def _answer_call(self, connection: Connection, call: Call, text: str) -> str | None:
        now = datetime.now(UTC)
        exchange = Exchange(connection.station, connection.fencing_token, connection.translation, call, now)
        try:
            _check_registration(connection, call.action)
            message = connection.translation.read_call(call, now=now)
            exchange.spread = call.action == "BootNotification" and len(self.connections) > CROWD
            reply, answer = await self.writer.submit(
                Received(connection.station, message, now, text), exchange
            )
        except errors.Violation as violation:
            return self._refuse(exchange, violation)
        except NobodyAnswers:
            return self._refuse(exchange, errors.Violation(errors.NOT_SUPPORTED, "not supported here"))
        except Overloaded:
            await connection.close(TRY_AGAIN_LATER, "try again later")
            return None
        except Exception:
            logger.exception("%s of %s: %s", call.action[:60], connection.station.identity, text[:2000])
            return self._refuse(
                exchange, errors.Violation(errors.INTERNAL_ERROR, "the message could not be processed")
            )
        if type(reply) is BootReply:
            connection.registration_status = reply.status.lower()
        return answer

    def _refuse(self, exchange: Exchange, violation: errors.Violation) -> str:
        text, row = exchange.conclude(Refused(violation.code, violation.description, violation.details))
        self.writer.log_frame(row)
        return text

    def _unread(self, connection: Connection, raw: str | bytes, problem: str) -> str | None:
        text = raw if isinstance(raw, str) else raw[:1000].decode("utf-8", "replace")
        return self._bad_frame(connection, text[:1000], unreadable(text, problem))

    def _bad_frame(self, connection: Connection, text: str, error: BadFrame) -> str | None:
        version = connection.translation.version
        row = frame_row(
            station_id=connection.station.id,
            connection_id=connection.fencing_token,
            occurred_at=datetime.now(UTC),
            message_id=error.message_id,
            error_code=errors.spelt(error.code, version=version),
            error_description=error.description,
            raw=text,
        )
        self.writer.log_frame(row)
        return write_error(error.message_id, error.code, error.description, version=version)

    # ── background ───────────────────────────────────────────────────────────────────────────────

    async def _report_presence(self) -> None:
        """Say of every socket every half minute that it is alive, a few at a time."""
        while True:
            connections = tuple(self.connections)
            share = -(-len(connections) // SEEN_SLICES) or 1
            for start in range(0, SEEN_SLICES * share, share):
                await asyncio.sleep(SEEN_INTERVAL_S / SEEN_SLICES)
                try:
                    self._report_seen(connections[start : start + share])
                except Overloaded:
                    logger.warning("Too busy to report which stations are connected")
                except Exception:
                    logger.exception("Presence could not be reported")

    def _report_seen(self, connections: Sequence[Connection]) -> None:
        now = datetime.now(UTC)
        for connection in connections:
            if not connection.closing:
                message = ConnectionSeen(fencing_token=connection.fencing_token, seen_at=now)
                self.writer.submit_unawaited(Received(connection.station, message, now))

    def _spawn(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, OSError):
            logger.error("Background work of the gateway failed", exc_info=error)


def _check_registration(connection: Connection, action: str) -> None:
    """Only BootNotification before acceptance (OCPP-J 1.6 errata 3.8; 2.0.1 B02.FR.09, B03.FR.07)."""
    if (
        connection.registration_status.lower() != "accepted"
        and action != "BootNotification"
        and not connection.tolerate_before_boot
    ):
        raise errors.Violation(errors.SECURITY_ERROR, "the station has not been accepted yet")


def _tune_garbage_collector() -> None:
    """Thousands of live connections are not worth walking through after every few messages."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1_000)


# ── the process's gateway ────────────────────────────────────────────────────────────────────────

_gateway: Gateway | None = None


def current() -> Gateway:
    """Return the gateway of the running event loop; it has been started."""
    global _gateway  # noqa: PLW0603 - one event loop, one gateway
    loop = asyncio.get_running_loop()
    if _gateway is None or _gateway.loop is not loop:
        _gateway = Gateway(loop)
        _gateway.start()
    return _gateway


async def ocpp_application(scope: Scope, receive: Receive, send: SendEvent) -> None:
    """The ASGI application for `/ocpp/…` sockets."""
    await current().serve(scope, receive, send)


async def lifespan_startup() -> None:
    """The gateway is ready, and a termination signal lets it finish its work before the server stops."""
    gateway = current()
    farewell.before_the_server(gateway.stop, loop=gateway.loop)


async def lifespan_shutdown() -> None:
    """All that was submitted is written."""
    global _gateway
    if _gateway is not None:
        gateway, _gateway = _gateway, None
        await gateway.finish()
