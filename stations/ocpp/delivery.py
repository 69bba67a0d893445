"""From command rows to CALLs and back: what other processes want from stations this process holds.

A command is a row of `stations_stationcommand` in state "queued" and a hint on the Redis channel
`ocpp:commands`. The process that holds the socket claims the row by compare-and-set, sends the CALL
when its turn comes, files the outcome in the row and publishes it on `ocpp:outcome:<id>`. A sweep
over the queued rows heals a lost hint; Redis carries nothing that the rows do not say.
"""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
import redis.asyncio as redis
from django.conf import settings

from stations.ocpp import command_rows, requests
from stations.ocpp.calls import ConnectionLost, new_message_id
from stations.ocpp.command_rows import Claimed, Outcome
from stations.ocpp.connections import REPLACED, Connection, Connections
from stations.ocpp.frame_log import TO_STATION, frame_row
from stations.ocpp.framing import CallError
from stations.ocpp.writer import Writer

logger = logging.getLogger(__name__)

COMMANDS = "ocpp:commands"
CONNECTIONS = "ocpp:connections"
OUTCOME = "ocpp:outcome:{id}"
SWEEP_INTERVAL_S = 2.0
POOL_THREADS = 2
ANNOUNCE_AFTER_S = 0.1
RECONNECT_PAUSE_S = 1.0
WireCall = tuple[str, dict[str, Any]]  # action and payload
_NOT_BEFORE_ACCEPTANCE = frozenset({
    "RemoteStartTransaction", "RemoteStopTransaction", "RequestStartTransaction", "RequestStopTransaction",
})  # fmt: skip


class Delivery:
    """Delivers the commands for the stations that this process holds."""

    def __init__(self, connections: Connections, writer: Writer) -> None:
        self._connections = connections
        self._writer = writer
        self._pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="gateway-commands")
        self._redis: redis.Redis | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._underway: set[int] = set()
        self._opened: list[tuple[int, int]] = []

    def start(self) -> None:
        """Listen for hints and sweep for lost ones."""
        # no time-out on the socket: the default of 5 s would end every quiet subscription
        self._redis = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=None)
        self._spawn(self._listen())
        self._spawn(self._sweep())

    async def stop(self) -> None:
        """Let go of everything; commands still queued are for whoever gets the stations next."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close_database_connections()
        self._pool.shutdown(wait=False)
        if self._redis:
            with suppress(Exception):
                await self._redis.aclose()

    async def _close_database_connections(self) -> None:
        """Each thread closes its own; the barrier keeps one thread from taking both turns."""
        together = threading.Barrier(POOL_THREADS)
        loop = asyncio.get_running_loop()
        closing = (
            loop.run_in_executor(self._pool, command_rows.close_connection, together)
            for _ in range(POOL_THREADS)
        )
        await asyncio.gather(*closing, return_exceptions=True)

    def announce(self, connection: Connection) -> None:
        """Let the other processes close older sockets of this station, soon: a crowd in one message."""
        if not self._opened:
            asyncio.get_running_loop().call_later(ANNOUNCE_AFTER_S, self._announce_opened)
        self._opened.append((connection.station.id, connection.fencing_token))

    def _announce_opened(self) -> None:
        opened, self._opened = self._opened, []
        self._spawn(self._publish(CONNECTIONS, {"opened": opened}))

    # ── hints ────────────────────────────────────────────────────────────────────────────────────

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[union-attr]
                    await pubsub.subscribe(COMMANDS, CONNECTIONS)
                    async for message in pubsub.listen():
                        self._take_hint(message)
            except (redis.RedisError, OSError) as error:
                logger.warning("Redis is out of reach, commands wait for the sweep: %s", error)
            await asyncio.sleep(RECONNECT_PAUSE_S)

    def _take_hint(self, message: dict[str, Any]) -> None:
        try:
            hint = orjson.loads(message["data"])
            if message["channel"] == COMMANDS.encode():
                self._deliver(int(hint["command"]), int(hint["station"]))
            else:
                for station_id, token in hint["opened"]:
                    self._yield_to_newer(int(station_id), int(token))
        except (KeyError, TypeError, ValueError):
            logger.warning("A hint could not be read: %.200r", message)

    def _yield_to_newer(self, station_id: int, token: int) -> None:
        connection = self._connections.of(station_id)
        if connection and connection.fencing_token < token:
            self._spawn(connection.close(REPLACED, "replaced by a newer connection"))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            try:
                for command_id, station_id in await self._in_pool(command_rows.queued):
                    self._deliver(command_id, station_id)
                for command_id in await self._in_pool(command_rows.expire):
                    await self._publish(OUTCOME.format(id=command_id), {"command": command_id})
            except Exception:
                logger.exception("The sweep over queued commands failed")

    # ── one command ──────────────────────────────────────────────────────────────────────────────

    def _deliver(self, command_id: int, station_id: int) -> None:
        connection = self._connections.of(station_id)
        if connection and command_id not in self._underway:
            self._underway.add(command_id)
            task = self._spawn(self._carry_out(connection, command_id))
            task.add_done_callback(lambda _: self._underway.discard(command_id))

    async def _carry_out(self, connection: Connection, command_id: int) -> None:
        async with connection.calls.turn:
            if connection.closing:
                return
            message_id = new_message_id()
            claimed = await self._in_pool(command_rows.claim, command_id, message_id)
            if claimed is None:
                return
            sent_at = datetime.now(UTC)
            call, outcome = await self._ask(connection, claimed, message_id)
        action, payload = call or ("", None)
        await self._in_pool(
            command_rows.finish, command_id, connection.station.id, outcome, action=action, payload=payload
        )
        if call:
            self._log(connection, call, message_id, sent_at, outcome)
        await self._publish(OUTCOME.format(id=command_id), {"command": command_id, "state": outcome.state})

    async def _ask(
        self, connection: Connection, claimed: Claimed, message_id: str
    ) -> tuple[WireCall | None, Outcome]:
        """Return what was sent, if anything, and what became of it."""
        try:
            request = requests.from_row(claimed.kind, claimed.parameters)
            call = connection.translation.encode_request(request)
        except (requests.UnknownRequest, requests.CannotBeAsked) as error:
            return None, Outcome.failed("error", str(error))
        if connection.registration_status.lower() != "accepted" and call[0] in _NOT_BEFORE_ACCEPTANCE:
            return None, Outcome.failed("error", "the station has not been accepted yet")
        return call, await self._call(connection, call, message_id, claimed.timeout_s)

    async def _call(self, connection: Connection, call: WireCall, message_id: str, timeout_s: int) -> Outcome:
        try:
            answer = await connection.calls.call(*call, timeout_s=timeout_s, message_id=message_id)
        except TimeoutError:
            return Outcome.failed("timed_out", f"no answer within {timeout_s} s")
        except (ConnectionLost, OSError):
            return Outcome.failed("offline", "the connection was lost before the answer")
        return Outcome.refused(answer) if isinstance(answer, CallError) else Outcome.answered(answer.payload)

    def _log(
        self, connection: Connection, call: WireCall, message_id: str, sent_at: datetime, outcome: Outcome
    ) -> None:
        answered = outcome.state in ("accepted", "rejected")
        row = frame_row(
            station_id=connection.station.id,
            connection_id=connection.fencing_token,
            occurred_at=sent_at,
            direction=TO_STATION,
            message_id=message_id,
            action=call[0],
            payload=orjson.dumps(call[1]),
            response=None if outcome.response is None else orjson.dumps(outcome.response),
            answered_at=outcome.finished_at if answered or outcome.state == "error" else None,
            error_code="" if answered else outcome.detail.partition(":")[0],
            error_description="" if answered else outcome.detail,
        )
        self._writer.log_frame(row)

    # ── plumbing ─────────────────────────────────────────────────────────────────────────────────

    async def _publish(self, channel: str, content: dict[str, Any]) -> None:
        try:
            await self._redis.publish(channel, orjson.dumps(content))  # type: ignore[union-attr]
        except (redis.RedisError, OSError) as error:
            logger.info("Not published on %s: %s", channel, error)

    async def _in_pool(self, function: Any, *arguments: Any, **options: Any) -> Any:
        work = partial(command_rows.with_fresh_connection, function, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("A command could not be carried out", exc_info=error)
