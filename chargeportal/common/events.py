"""Facts: typed "this has happened" messages from a lower app to whoever above wants to know.

A fact is published inside the transaction that makes it true and delivered after its commit, in the
same process. Delivery is a convenience, not a promise: whatever must happen has a sweep that finds
what a lost fact left undone.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction

logger = logging.getLogger(__name__)

Fact = TypeVar("Fact")
_subscribers: dict[type, list[Callable[[Any], None]]] = defaultdict(list)
_run: Callable[[Callable[[], None]], None] = lambda deliver: deliver()  # noqa: E731  (replaceable, see below)


def subscribe(fact_class: type[Fact]) -> Callable[[Callable[[Fact], None]], Callable[[Fact], None]]:
    """The decorated function receives every fact of that class after its commit."""

    def register(receiver: Callable[[Fact], None]) -> Callable[[Fact], None]:
        _subscribers[fact_class].append(receiver)
        return receiver

    return register


def publish(fact: object) -> None:
    """The fact reaches its subscribers once the present transaction has committed, or never.

    A delivery that fails is logged: what has been committed did not fail.
    """
    transaction.on_commit(lambda: _run(lambda: deliver(fact)), robust=True)


def deliver(fact: object) -> None:
    """Every subscriber has been called; one that fails is logged and does not keep the others from it."""
    for receiver in _subscribers[type(fact)]:
        try:
            receiver(fact)
        except Exception:
            logger.exception("A receiver of %s failed", type(fact).__name__)


def deliver_through(run: Callable[[Callable[[], None]], None]) -> None:
    """Deliveries are handed to ``run``; the gateway uses it to keep them off its committing threads."""
    global _run  # noqa: PLW0603  (one per process, set at start-up)
    _run = run
