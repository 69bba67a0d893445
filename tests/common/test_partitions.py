"""Partitions are made ahead without silencing who writes to the tables."""

import datetime as dt
import logging
import threading
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from chargeportal.common import partitions

FAR = dt.date(2031, 3, 14)
NAMES = {f"{table}_2031_03" for table in partitions.PARTITIONED_TABLES}


@pytest.fixture(autouse=True)
def _no_partition_remains(transactional_db: None) -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        for name in NAMES:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")


def test_each_table_gets_its_months_once() -> None:
    assert set(partitions.ensure_partitions(today=FAR, ahead=0)) == NAMES
    assert partitions.ensure_partitions(today=FAR, ahead=0) == []


def test_a_busy_table_is_left_for_later_and_the_next_one_is_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "100ms")
    busy, *others = partitions.PARTITIONED_TABLES
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {busy} IN ROW EXCLUSIVE MODE")
            taken.set()
            release.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(5)
    with caplog.at_level(logging.WARNING):
        made = partitions.ensure_partitions(today=FAR, ahead=0)
    release.set()
    holder.join()
    assert made == [f"{table}_2031_03" for table in others]
    assert any(f"{busy}_2031_03" in record.getMessage() for record in caplog.records)
    assert partitions.ensure_partitions(today=FAR, ahead=0) == [f"{busy}_2031_03"]
