"""Who answers which message: one owner for each message class, found in `<app>/ocpp_handlers.py`.

A handler looks like this::

    @answers(MeterValues)
    def store_meter_values(batch: Sequence[Received[MeterValues]]) -> Sequence[Reply]:
        ...
        return [EMPTY] * len(batch)

It gets messages of many stations at once, at most one of each station (a connection's messages are
handled strictly one after another), and returns one reply for each, in the same order. It runs in a
flusher thread inside one database transaction on Django's default connection; the replies leave
only after the commit. Rows only: no network, no Celery, no channel layer. Facts and live hints
(`transaction.on_commit`) are delivered after the commit, in a thread of their own.

When a handler raises, the batch is halved until the guilty message is found: that one is answered
with CALLERROR InternalError, the others are handled without it. A handler may therefore run more
than once for a message, each time in a transaction in which nothing of the earlier run is left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from django.utils.module_loading import autodiscover_modules

from stations.ocpp.messages import Reply

M = TypeVar("M")
Lane = Literal["bulk", "decisions", "transactions"]
LANES: tuple[Lane, ...] = ("bulk", "decisions", "transactions")


@dataclass(frozen=True, slots=True)
class StationRef:
    """The station a message came from. `version` is "1.6", "2.0.1" or "2.1", "" before negotiation."""

    id: int
    identity: str
    version: str


@dataclass(slots=True)
class Received(Generic[M]):
    """A message, who sent it, when it arrived, and the frame as it arrived ("" for internal ones)."""

    station: StationRef
    message: M
    received_at: datetime
    raw: str = ""


Handler = Callable[[Sequence[Received[Any]]], Sequence[Reply]]


@dataclass(frozen=True, slots=True)
class Owner:
    """The handler of a message class, the lane (flusher thread) it runs in, and its turn in a batch.

    Handlers of one batch run in the order of registration, lower apps first, so that rows are locked
    in the same order everywhere.
    """

    handler: Handler
    lane: Lane
    turn: int


class AlreadyOwned(Exception):
    """Two handlers claim one message class."""


_owners: dict[type, Owner] = {}


def answers(*message_classes: type, lane: Lane = "bulk") -> Callable[[Handler], Handler]:
    """Register the decorated function as the owner of `message_classes`.

    Each lane is a flusher thread of its own, so that none delays the others: "bulk" stores what was
    measured and reported, "decisions" answers quickly what somebody waits for (who is there? may I
    charge?), "transactions" begins and ends sessions, which takes much work for each message.
    """

    def register(handler: Handler) -> Handler:
        for message_class in message_classes:
            owner = _owners.get(message_class)
            if owner is not None and owner.handler is not handler:
                raise AlreadyOwned(f"{message_class.__name__}: {owner.handler!r} and {handler!r}")
            _owners[message_class] = Owner(handler, lane, len(_owners))
        return handler

    return register


def owner_of(message_class: type) -> Owner | None:
    """Return who answers `message_class`, or None."""
    return _owners.get(message_class)


def owners() -> dict[type, Owner]:
    """Return a copy of the whole register."""
    return dict(_owners)


def autodiscover() -> None:
    """Import `ocpp_handlers` of every installed app that has one."""
    autodiscover_modules("ocpp_handlers")
