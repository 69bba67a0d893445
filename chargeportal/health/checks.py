"""Examines the parts that the product stands on."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from django.core.cache import cache
from django.db import DatabaseError, connection
from redis import RedisError

#: The worker refreshes this key from a scheduled task, so it proves that beat, broker and worker all work.
WORKER_KEY = "health.worker_seen_at_s"
WORKER_BEAT_S = 15
WORKER_FRESH_S = 60
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """State of each part: `ok`, `down`, or for the worker `unknown` while the cache is down."""

    database: str
    cache: str
    worker: str
    worker_seen_s_ago: float | None

    @property
    def serving(self) -> bool:
        """Say whether requests can be served: the database is the truth, the rest is only late."""
        return self.database == "ok"

    @property
    def status(self) -> str:
        """Return `ok`, `degraded` (serving, but a part is down) or `down`."""
        if not self.serving:
            return "down"
        return "ok" if self.cache == self.worker == "ok" else "degraded"

    def as_dict(self) -> dict[str, object]:
        """Return what `/healthz/` answers."""
        return {
            "status": self.status,
            "database": self.database,
            "cache": self.cache,
            "worker": self.worker,
            "worker_seen_s_ago": self.worker_seen_s_ago,
        }


def examine() -> HealthReport:
    """Return the state of the database, the cache and the worker as they are now."""
    cache_works, seen_s_ago = _cache_and_worker()
    if not cache_works:
        worker = "unknown"
    else:
        worker = "ok" if seen_s_ago is not None and seen_s_ago < WORKER_FRESH_S else "down"
    return HealthReport(
        database="ok" if _database_works() else "down",
        cache="ok" if cache_works else "down",
        worker=worker,
        worker_seen_s_ago=seen_s_ago,
    )


def note_worker_alive() -> None:
    """Leave the time of this moment where `examine` finds it."""
    cache.set(WORKER_KEY, time.time(), timeout=24 * 3600)


def _database_works() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.warning("the database does not answer", exc_info=True)
        return False
    return True


def _cache_and_worker() -> tuple[bool, float | None]:
    """Return whether the cache answers, and how long ago the worker was seen."""
    try:
        seen_at_s = cache.get(WORKER_KEY)
    except (RedisError, OSError):
        logger.warning("the cache does not answer", exc_info=True)
        return False, None
    return True, None if seen_at_s is None else round(max(0.0, time.time() - seen_at_s), 1)
