"""What a simulated station said and heard: every message once, with each attempt to send it."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chargeportal.simulation.clock import real_now


@dataclass(slots=True, eq=False)
class Sent:
    """One message of the station. `payload` is as on the wire; `message_ids` has one id per attempt.

    `answer` is the payload of the CALLRESULT; `error` the last CALLERROR, time-out or the like.
    """

    action: str
    payload: dict[str, Any] = field(default_factory=dict)
    message_ids: list[str] = field(default_factory=list)
    acknowledged_at: datetime | None = None
    answer: Any = None
    error: str = ""
    was_dropped: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_acknowledged(self) -> bool:
        """Whether the server has answered it with a CALLRESULT."""
        return self.acknowledged_at is not None

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will happen to it: answered or given up."""
        return self.settled.is_set()

    def acknowledge(self, answer: Any) -> None:
        """The server has taken the message."""
        self.answer = answer
        self.acknowledged_at = real_now()
        self.error = ""
        self.settled.set()

    def drop(self) -> None:
        """The station has given the message up."""
        self.was_dropped = True
        self.settled.set()


@dataclass(frozen=True, slots=True)
class Heard:
    """One message from the server."""

    action: str
    payload: dict[str, Any]
    heard_at: datetime


class Journal:
    """Everything in order; `keep` limits it to the most recent messages of either direction."""

    def __init__(self, *, keep: int | None = None) -> None:
        self.sent: deque[Sent] = deque(maxlen=keep)
        self.heard: deque[Heard] = deque(maxlen=keep)

    def write(self, action: str) -> Sent:
        """Return a new entry for a message that is about to be sent."""
        entry = Sent(action)
        self.sent.append(entry)
        return entry

    def hear(self, action: str, payload: dict[str, Any]) -> None:
        """A message from the server is on record."""
        self.heard.append(Heard(action, payload, real_now()))

    def of(self, *actions: str) -> list[Sent]:
        """Return the messages of these actions in the order they came about."""
        return [entry for entry in self.sent if entry.action in actions]

    def acknowledged(self, *actions: str) -> list[Sent]:
        """Return those which the server has answered; of all actions when none is named."""
        return [entry for entry in self._of_any(actions) if entry.is_acknowledged]

    def unacknowledged(self, *actions: str) -> list[Sent]:
        """Return those without an answer, whether they wait, are under way or were given up."""
        return [entry for entry in self._of_any(actions) if not entry.is_acknowledged]

    def _of_any(self, actions: tuple[str, ...]) -> Iterable[Sent]:
        return self.of(*actions) if actions else self.sent
