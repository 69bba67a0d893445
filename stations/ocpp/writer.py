"""The group commit: messages of many stations, one transaction, then all their answers.

Each lane is a thread with its own database connection. While it commits one batch the next one
gathers, so a lone message is written at once and a crowd in large batches. Nothing is answered
before its rows are committed; what fails is narrowed down to the message that is guilty.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction

from stations.ocpp import errors, metrics
from stations.ocpp.dispatch import LANES, Owner, Received, owner_of
from stations.ocpp.exchanges import Exchange
from stations.ocpp.frame_log import insert_frames
from stations.ocpp.messages import Refused

logger = logging.getLogger(__name__)

MAX_QUEUE = 20_000
MAX_BATCH = {"bulk": 1_000, "decisions": 1_000, "transactions": 50}
CROWD = 3  # a batch of this size says that more are on their way: wait a moment for them
WINDOW_S = 0.003
MAX_CONFLICT_RETRIES = 3
RECONNECT_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
LOCK_TIMEOUT = "5s"  # one locked row shall not silence every station
SHORT_LOCK_TIMEOUT = "200ms"  # once something turned out to be locked
CAREFUL_S = 30.0
MAX_BLOCKED = 10  # in one batch; with more it is not their rows that are locked, but a table
_CONFLICTS = frozenset({"40P01", "40001"})  # deadlock, serialization failure: the same again may succeed
_RACES = _CONFLICTS | {"23505"}  # a key that another process wrote first: now its row can be seen
_LOCKED = frozenset({"55P03"})
MAX_LOG_ROWS = 5_000
_CONNECTION_ERRORS = (InterfaceError, OperationalError, psycopg.InterfaceError, psycopg.OperationalError)


class Overloaded(Exception):
    """More is waiting to be written than could be answered in time."""


class NobodyAnswers(Exception):
    """No handler is registered for the message's class."""


@dataclass(slots=True)
class Work:
    """A message on its way: who handles it, what it answers, and who waits for the answer."""

    received: Received[Any]
    owner: Owner
    exchange: Exchange | None
    future: asyncio.Future[Any] | None


class Writer:
    """Takes messages from the event loop and gives back what may be sent, once it is durable."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lanes = {name: Lane(name, self._hand_back) for name in LANES}

    def start(self) -> None:
        """Start the flusher threads."""
        for lane in self._lanes.values():
            lane.start()

    def submit(
        self, received: Received[Any], exchange: Exchange | None = None
    ) -> asyncio.Future[tuple[Any, str]]:
        """Return a future of `(reply, text of the answering frame)`, done when all is committed.

        Raises `Overloaded`, or `NobodyAnswers`.
        """
        future: asyncio.Future[tuple[Any, str]] = self._loop.create_future()
        self._put(Work(received, self._owner(received), exchange, future))
        return future

    def submit_unawaited(self, received: Received[Any]) -> None:
        """Have the message handled; nobody waits for its reply. Raises as `submit`."""
        self._put(Work(received, self._owner(received), None, None))

    def log_frame(self, row: dict[str, Any]) -> None:
        """Have a row written to the frame log soon; under a flood the oldest waiting ones are lost."""
        self._lanes["bulk"].log(row)

    @property
    def waiting(self) -> int:
        """How many messages are waiting to be written."""
        return sum(lane.waiting for lane in self._lanes.values())

    def close(self, timeout_s: float = 10.0) -> None:
        """Return when all that was submitted is written, or the time is up."""
        deadline = time.monotonic() + timeout_s
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            lane.join(max(0.0, deadline - time.monotonic()))

    def _owner(self, received: Received[Any]) -> Owner:
        owner = owner_of(type(received.message))
        if owner is None:
            raise NobodyAnswers(type(received.message).__name__)
        return owner

    def _put(self, work: Work) -> None:
        self._lanes[work.owner.lane].put(work)

    def _hand_back(self, results: list[tuple[asyncio.Future[Any], Any]]) -> None:
        if results and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, results)


def _resolve(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if not future.done():
            future.set_result(result)


class Lane(threading.Thread):
    """One flusher thread."""

    def __init__(self, name: str, hand_back: Callable[[list[tuple[asyncio.Future[Any], Any]]], None]) -> None:
        super().__init__(name=f"ocpp-{name}", daemon=True)
        self._max_batch = MAX_BATCH[name]
        self._committed = metrics.COMMITTED.labels(name)
        self._failed = metrics.FAILED.labels(name)
        self._commit_s = metrics.COMMIT_S.labels(name)
        self._hand_back = hand_back
        self._queue: deque[Work] = deque()
        self._log_rows: deque[dict[str, Any]] = deque(maxlen=MAX_LOG_ROWS)
        self._wake = threading.Event()
        self._stopping = False
        self._careful_until = 0.0

    @property
    def waiting(self) -> int:
        """How many messages wait in this lane."""
        return len(self._queue)

    def put(self, work: Work) -> None:
        """Queue a message. Raises `Overloaded`."""
        if len(self._queue) >= MAX_QUEUE or self._stopping:
            raise Overloaded
        self._queue.append(work)
        if not self._wake.is_set():
            self._wake.set()

    def log(self, row: dict[str, Any]) -> None:
        """Queue a row of the frame log."""
        self._log_rows.append(row)
        if not self._wake.is_set():
            self._wake.set()

    def stop(self) -> None:
        """Let the thread end when the queue is empty."""
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Flush until stopped."""
        crowded = False
        while True:
            self._wake.wait()
            if crowded:
                time.sleep(WINDOW_S)
            self._wake.clear()
            batch = self._take()
            crowded = len(batch) >= CROWD
            if batch:
                self._flush(batch)
            if self._log_rows:
                self._flush_log_rows()
            if self._queue:
                self._wake.set()
            elif self._stopping:
                break
        _release_session()

    def _take(self) -> list[Work]:
        """Return what waits, of each station at most one message for the same handler."""
        queue, seen = self._queue, set()
        batch: list[Work] = []
        later: list[Work] = []
        while queue and len(batch) < self._max_batch:
            work = queue.popleft()
            station = work.received.station
            key = (work.owner.handler, station.id or station.identity)
            if key in seen:
                later.append(work)
            else:
                seen.add(key)
                batch.append(work)
        queue.extendleft(reversed(later))
        return batch

    def _flush(self, batch: list[Work]) -> None:
        """Have every message of the batch handled and answered, or its failure logged and answered."""
        careful = time.monotonic() < self._careful_until
        try:
            self._commit(batch, lock_timeout=SHORT_LOCK_TIMEOUT if careful else None)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, narrowed down and logged
            if _failed_with(error, _LOCKED):
                self._careful_until = time.monotonic() + CAREFUL_S
            if len(batch) > 1 and _failed_with(error, _LOCKED):
                self._flush_each(batch)
            elif len(batch) > 1:
                middle = len(batch) // 2
                self._flush(batch[:middle])
                self._flush(batch[middle:])
            else:
                self._give_up(batch[0], error)

    def _flush_each(self, batch: list[Work]) -> None:
        """Somebody holds what a message of the batch needs: the others do not wait for it."""
        blocked = 0
        for n, work in enumerate(batch):
            if blocked == MAX_BLOCKED:
                self._queue.extendleft(reversed(batch[n:]))
                return
            try:
                self._commit([work], lock_timeout=SHORT_LOCK_TIMEOUT)
            except Exception as error:  # noqa: BLE001 - as above
                blocked += _failed_with(error, _LOCKED)
                self._give_up(work, error)

    def _commit(self, batch: list[Work], *, lock_timeout: str | None) -> None:
        retried = _RACES if len(batch) == 1 else _CONFLICTS
        taken_at = time.perf_counter()
        self._hand_back(_surely(lambda: _commit(batch, lock_timeout=lock_timeout), retried=retried))
        self._committed.inc(len(batch))
        self._commit_s.observe(time.perf_counter() - taken_at)

    def _give_up(self, work: Work, error: Exception) -> None:
        received = work.received
        self._failed.inc()
        logger.error(
            "%s of %s failed: %s",
            type(received.message).__name__,
            received.station.identity,
            received.raw[:2000],
            exc_info=error,
        )
        refusal = Refused(errors.INTERNAL_ERROR, "the message could not be processed")
        text = ""
        if work.exchange:
            text, row = work.exchange.conclude(refusal)
            self._log_rows.append(row)
        if work.future:
            self._hand_back([(work.future, (refusal, text))])

    def _flush_log_rows(self) -> None:
        rows = [self._log_rows.popleft() for _ in range(len(self._log_rows))]
        try:
            _surely(lambda: insert_frames(rows))
        except Exception:
            logger.exception("%d rows of the frame log could not be written", len(rows))


def _commit(batch: Sequence[Work], *, lock_timeout: str | None) -> list[tuple[asyncio.Future[Any], Any]]:
    """Handle the batch and write its frames in one transaction; return what to hand back to whom."""
    groups: dict[Any, list[Work]] = {}
    for work in batch:
        groups.setdefault(work.owner.handler, []).append(work)
    results: list[tuple[asyncio.Future[Any], Any]] = []
    rows: list[dict[str, Any]] = []
    with transaction.atomic():
        if lock_timeout:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [lock_timeout])
        for handler, works in sorted(groups.items(), key=lambda item: item[1][0].owner.turn):
            replies = handler([work.received for work in works])
            if len(replies) != len(works):
                raise RuntimeError(f"{handler.__name__}: {len(replies)} replies to {len(works)} messages")
            _conclude(works, replies, results, rows)
        if rows:
            insert_frames(rows)
    return results


def _conclude(
    works: Sequence[Work],
    replies: Sequence[Any],
    results: list[tuple[asyncio.Future[Any], Any]],
    rows: list[dict[str, Any]],
) -> None:
    for work, reply in zip(works, replies, strict=True):
        text = ""
        if work.exchange:
            text, row = work.exchange.conclude(reply)
            rows.append(row)
        if work.future:
            results.append((work.future, (reply, text)))


def _surely(action: Callable[[], Any], *, retried: frozenset[str] = _CONFLICTS) -> Any:
    """Return what `action` returns, however often the database has to be found again for it.

    A commit whose outcome was lost with the connection is done again: handlers recognise what they
    have already stored by its natural key.
    """
    conflicts = outages = 0
    while True:
        session = None
        try:
            session = _prepared_session()
            return action()
        except Exception as error:
            if _failed_with(error, retried) and conflicts < MAX_CONFLICT_RETRIES:
                conflicts += 1
            elif isinstance(error, _CONNECTION_ERRORS) and (session is None or session.closed):
                connection.close()
                pause_s = RECONNECT_PAUSES_S[min(outages, len(RECONNECT_PAUSES_S) - 1)]
                logger.warning("The database is out of reach, next attempt in %s s: %s", pause_s, error)
                outages += 1
                time.sleep(pause_s)
            else:
                raise


def _prepared_session() -> psycopg.Connection[Any]:
    """Return psycopg's connection, made anew where there is none."""
    if connection.connection is None:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
    session: psycopg.Connection[Any] = connection.connection
    return session


def _release_session() -> None:
    """Give the connection back, to the pool if there is one, as it came."""
    with suppress(*_CONNECTION_ERRORS):
        if connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
    connection.close()


def _failed_with(error: BaseException, sqlstates: frozenset[str]) -> bool:
    return any(getattr(each, "sqlstate", None) in sqlstates for each in (error, error.__cause__))
