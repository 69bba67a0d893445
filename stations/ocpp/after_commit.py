"""Facts that handlers publish are delivered in a thread of their own, never in a flusher's."""

import logging
import queue
import threading
from collections.abc import Callable

from django.db import close_old_connections

from chargeportal.common import events

logger = logging.getLogger(__name__)

Delivery = Callable[[], None]


class AfterCommit:
    """A thread that runs what `events.publish` has to deliver, in order."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ocpp-after-commit", daemon=True)

    def start(self) -> None:
        """Take over the deliveries of the flusher threads of this process."""
        self._thread.start()
        events.deliver_through(self._deliver)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Deliver what is left; later facts are delivered where they are published."""
        events.deliver_through(lambda deliver: deliver())
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _deliver(self, delivery: Delivery) -> None:
        """Other threads (pages, tasks) deliver their own facts; only flushers hand them over."""
        if threading.current_thread().name.startswith("ocpp-") and self._thread.is_alive():
            self._queue.put(delivery)
        else:
            delivery()

    def _run(self) -> None:
        while (delivery := self._queue.get()) is not None:
            try:
                close_old_connections()
                delivery()
            except Exception:
                logger.exception("A fact could not be delivered")
        close_old_connections()
