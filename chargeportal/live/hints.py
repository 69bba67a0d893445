"""Tells open pages that something changed.

A hint names what changed, never how: the page reads the database and shows what is true. Hints of one
process are collected for a fraction of a second and sent as one message to the channel layer, so a
thousand meter values cost five messages a second. Losing one costs a page one refresh.
"""

import logging
import threading
import time
from collections.abc import Iterable

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

GROUP = "live"
INTERVAL_S = 0.2
MOST_IDS = 2_000


class _Collector:
    """Collects dirty ids and sends them from a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dirty: dict[str, set[int]] = {}
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, changes: dict[str, set[int]]) -> None:
        with self._lock:
            for kind, ids in changes.items():
                self._dirty.setdefault(kind, set()).update(ids)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_for_ever, name="live-hints", daemon=True)
                self._thread.start()
        self._wake.set()

    def _send_for_ever(self) -> None:
        while self._wake.wait():
            self._wake.clear()
            with self._lock:
                dirty, self._dirty = self._dirty, {}
            if dirty:
                _send(dirty)
            time.sleep(INTERVAL_S)


_collector = _Collector()


def changed(
    *, evse_ids: Iterable[int] = (), session_ids: Iterable[int] = (), station_ids: Iterable[int] = ()
) -> None:
    """Open pages that show any of these are told, within a quarter of a second of the commit."""
    changes = {
        kind: present
        for kind, ids in (("evses", evse_ids), ("sessions", session_ids), ("stations", station_ids))
        if (present := {number for number in ids if number is not None})
    }
    if changes:
        transaction.on_commit(lambda: _collector.add(changes), robust=True)  # the commit has not failed


def _send(dirty: dict[str, set[int]]) -> None:
    message = {"type": "live.changed", "all": any(len(ids) > MOST_IDS for ids in dirty.values())}
    message |= {kind: sorted(ids)[:MOST_IDS] for kind, ids in dirty.items()}
    try:
        async_to_sync(get_channel_layer().group_send)(GROUP, message)
    except Exception:
        logger.warning("The live hint could not be sent; open pages refresh later", exc_info=True)
