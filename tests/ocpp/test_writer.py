"""The group commit: durable before answered, nobody pays for another's poison."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction

from stations.models import ChargingStation
from stations.ocpp import dispatch, metrics, writer
from stations.ocpp.dispatch import Received, StationRef
from stations.ocpp.messages import EMPTY, Refused
from stations.ocpp.rows import insert_rows, run_with_rows

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Note:
    """A message of these tests: its text becomes a row; some texts do harm."""

    text: str


class Notes:
    """A handler that writes rows, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.backend_pid = 0

    def __call__(self, batch: Sequence[Received[Note]]) -> Sequence[Any]:
        texts = [received.message.text for received in batch]
        self.batches.append(texts)
        self.backend_pid = connection.connection.info.backend_pid
        insert_rows("notes", columns={"text": "text"}, rows=[{"text": text} for text in texts])
        if "raise" in texts:
            raise RuntimeError("poison")
        if "too few" in texts:
            return []
        return [EMPTY] * len(batch)


@pytest.fixture
def notes(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Notes]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE notes (text text PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE)")
    handler = Notes()
    monkeypatch.setitem(dispatch._owners, Note, dispatch.Owner(handler, "bulk", 0))  # type: ignore[arg-type]
    yield handler  # type: ignore[misc]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE notes")


@pytest.fixture
async def running(transactional_db: None) -> AsyncIterator[writer.Writer]:
    running = writer.Writer(asyncio.get_running_loop())
    running.start()
    yield running
    await asyncio.to_thread(running.close)


def received(number: int, text: str) -> Received[Note]:
    return Received(StationRef(number, f"CP-{number}", "1.6"), Note(text), NOW)


def stored() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM notes ORDER BY text")
        return [text for (text,) in cursor.fetchall()]


async def submit(running: writer.Writer, *texts: str) -> list[Any]:
    futures = [running.submit(received(number, text)) for number, text in enumerate(texts, 1)]
    return [reply for reply, _ in await asyncio.wait_for(asyncio.gather(*futures), 60)]


async def test_a_crowd_shares_its_commits(notes: Notes, running: writer.Writer) -> None:
    texts = [f"note {number:04d}" for number in range(500)]
    assert await submit(running, *texts) == [EMPTY] * 500
    assert await sync_to_async(stored)() == texts
    assert len(notes.batches) < 25


@pytest.mark.parametrize("poison", ["raise", "too few", "twin", "nul\x00"])
async def test_poison_is_narrowed_down_to_the_message_that_is_guilty(
    notes: Notes, running: writer.Writer, poison: str
) -> None:
    """An exception, a wrong count, a violated key and a NUL: each costs one message, the rest is stored."""
    texts = [f"note {number:02d}" for number in range(20)]
    if poison == "twin":
        assert await submit(running, "twin") == [EMPTY]
    replies = await submit(running, *texts[:7], poison, *texts[7:])
    assert isinstance(replies[7], Refused)
    assert replies[7].code == "InternalError"
    assert replies[:7] + replies[8:] == [EMPTY] * 20
    kept = await sync_to_async(stored)()
    assert kept == texts + (["twin"] if poison == "twin" else [])


async def test_messages_of_one_station_never_share_a_batch(notes: Notes, running: writer.Writer) -> None:
    futures = [running.submit(received(1, text)) for text in ("first", "second", "third")]
    await asyncio.wait_for(asyncio.gather(*futures), 60)
    assert notes.batches == [["first"], ["second"], ["third"]]


async def test_no_answer_before_the_commit(notes: Notes, running: writer.Writer) -> None:
    """Another transaction holds the key that the note needs: the answer waits with the commit."""

    def hold(taken: asyncio.Event, release: Any, loop: asyncio.AbstractEventLoop) -> None:
        with transaction.atomic():
            insert_rows("notes", columns={"text": "text"}, rows=[{"text": "wanted"}])
            loop.call_soon_threadsafe(taken.set)
            release.wait(10)
            transaction.set_rollback(True)
        connection.close()

    taken, release = asyncio.Event(), threading.Event()
    holding = asyncio.create_task(asyncio.to_thread(hold, taken, release, asyncio.get_running_loop()))
    await asyncio.wait_for(taken.wait(), 60)
    future = running.submit(received(1, "wanted"))
    await asyncio.sleep(0.3)
    assert not future.done()
    release.set()
    await holding
    assert (await asyncio.wait_for(future, 60))[0] is EMPTY


async def test_a_lost_database_connection_loses_no_message(notes: Notes, running: writer.Writer) -> None:
    assert await submit(running, "before") == [EMPTY]

    def cut_off() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [notes.backend_pid])

    await sync_to_async(cut_off)()
    assert await submit(running, "after") == [EMPTY]
    assert await sync_to_async(stored)() == ["after", "before"]


async def test_a_lane_that_works_hard_does_not_hold_up_the_others(
    notes: Notes, running: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Heavy:
        pass

    release = threading.Event()

    def work_hard(batch: Sequence[Received[Any]]) -> Sequence[Any]:
        release.wait(10)
        return [EMPTY] * len(batch)

    monkeypatch.setitem(dispatch._owners, Heavy, dispatch.Owner(work_hard, "transactions", 1))  # type: ignore[arg-type]
    heavy = running.submit(Received(StationRef(1, "CP-1", "1.6"), Heavy(), NOW))
    assert await submit(running, "light") == [EMPTY]
    assert not heavy.done()
    release.set()
    assert (await asyncio.wait_for(heavy, 60))[0] is EMPTY


async def test_beyond_the_cap_nothing_more_is_taken(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_QUEUE", 3)
    idle = writer.Writer(asyncio.get_running_loop())  # not started: nothing is ever flushed
    for number in range(3):
        idle.submit(received(number, "note"))
    with pytest.raises(writer.Overloaded):
        idle.submit(received(4, "note"))
    assert idle.waiting == 3


async def test_a_deadlock_is_tried_again(running: writer.Writer, notes: Notes) -> None:
    """The first attempt fails as PostgreSQL fails the victim of a deadlock."""
    import psycopg

    attempts = []

    def unlucky(batch: Sequence[Received[Note]]) -> Sequence[Any]:
        attempts.append(len(batch))
        if len(attempts) == 1:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        return [EMPTY] * len(batch)

    dispatch._owners[Note] = dispatch.Owner(unlucky, "bulk", 0)
    assert await submit(running, "a") == [EMPTY]
    assert attempts == [1, 1]


async def test_a_key_that_another_process_wrote_first_is_tried_again(
    running: writer.Writer, notes: Notes
) -> None:
    """Handlers find what is stored already; only at the same moment they cannot see it yet."""
    import psycopg

    attempts = []

    def overtaken(batch: Sequence[Received[Note]]) -> Sequence[Any]:
        attempts.append(len(batch))
        if len(attempts) == 1:
            raise psycopg.errors.UniqueViolation("duplicate key")
        return [EMPTY] * len(batch)

    dispatch._owners[Note] = dispatch.Owner(overtaken, "bulk", 0)
    assert await submit(running, "a") == [EMPTY]
    assert attempts == [1, 1]


async def test_a_locked_row_costs_its_own_message_alone_and_the_others_no_time(
    notes: Notes, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOCK_TIMEOUT", "500ms")
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            insert_rows("notes", columns={"text": "text"}, rows=[{"text": "wanted"}])
            taken.set()
            release.wait(20)
        connection.close()

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.to_thread(taken.wait, 60)
    careful = writer.Writer(asyncio.get_running_loop())
    texts = [f"note {number:03d}" for number in range(300)]
    futures = [
        careful.submit(received(number, text))
        for number, text in enumerate([*texts[:150], "wanted", *texts[150:]], 1)
    ]
    careful.start()  # now, so that all are one batch
    began = time.monotonic()
    replies = [reply for reply, _ in await asyncio.wait_for(asyncio.gather(*futures), 60)]
    assert time.monotonic() - began < 15  # halving would wait for the lock nine times
    assert isinstance(replies.pop(150), Refused)
    assert replies == [EMPTY] * 300
    assert len([batch for batch in notes.batches if "wanted" in batch]) == 2
    assert await asyncio.wait_for(careful.submit(received(1, "next")), 60) == (EMPTY, "")
    release.set()
    await holding
    await asyncio.to_thread(careful.close)


async def test_a_locked_table_is_waited_for(
    notes: Notes, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a few are refused to find that out; the rest wait until the lock is gone."""
    monkeypatch.setattr(writer, "LOCK_TIMEOUT", "200ms")
    monkeypatch.setattr(writer, "SHORT_LOCK_TIMEOUT", "20ms")
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
            taken.set()
            release.wait(20)
        connection.close()

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.to_thread(taken.wait, 60)
    patient = writer.Writer(asyncio.get_running_loop())
    futures = [patient.submit(received(number, f"note {number:03d}")) for number in range(1, 101)]
    patient.start()
    while sum(future.done() for future in futures) < writer.MAX_BLOCKED:  # noqa: ASYNC110 - a thread does it
        await asyncio.sleep(0.005)
    release.set()
    replies = [reply for reply, _ in await asyncio.wait_for(asyncio.gather(*futures), 60)]
    refused = [reply for reply in replies if isinstance(reply, Refused)]
    assert writer.MAX_BLOCKED <= len(refused) <= 50
    assert len(await sync_to_async(stored)()) == 100 - len(refused)
    await holding
    await asyncio.to_thread(patient.close)


def test_many_rows_change_in_one_statement(transactional_db: None) -> None:
    stations = [ChargingStation.objects.create(identity=f"CP-{number}") for number in (1, 2, 3)]
    rows = [{"id": station.pk, "name": f"Station å {station.pk}"} for station in stations]
    changed = run_with_rows(
        "UPDATE stations_chargingstation s SET name = r.name FROM {rows} WHERE s.id = r.id RETURNING s.id",
        columns={"id": "bigint", "name": "text"},
        rows=rows,
    )
    assert {number for (number,) in changed} == {station.pk for station in stations}
    assert set(ChargingStation.objects.values_list("name", flat=True)) == {row["name"] for row in rows}


async def test_prometheus_learns_of_commits_and_failures(notes: Notes, running: writer.Writer) -> None:
    counted = (metrics.COMMITTED.labels("bulk"), metrics.FAILED.labels("bulk"))
    before = [counter._value.get() for counter in counted]
    await submit(running, "fine")
    await submit(running, "raise")
    after = [counter._value.get() for counter in counted]
    assert [now - old for now, old in zip(after, before, strict=True)] == [1, 1]
