"""What a live page shows, registered by the apps that own the content.

A page names its topic in the address of its WebSocket, ``/live/<topic>/``, and receives HTML fragments.
Each fragment's outermost element carries an ``id``; the page's script swaps the element of that id.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AnonymousUser


@dataclass(frozen=True)
class Changes:
    """Ids of what changed; ``everything`` when a hint had too many to name or was lost."""

    evse_ids: frozenset[int] = frozenset()
    session_ids: frozenset[int] = frozenset()
    station_ids: frozenset[int] = frozenset()
    everything: bool = False

    def __or__(self, other: "Changes") -> "Changes":
        """What either names."""
        return Changes(
            evse_ids=self.evse_ids | other.evse_ids,
            session_ids=self.session_ids | other.session_ids,
            station_ids=self.station_ids | other.station_ids,
            everything=self.everything or other.everything,
        )


@dataclass(frozen=True)
class LiveTopic:
    """One kind of live page.

    ``allows(user, key)`` says whether the person may see it; ``fragments(user, key, changes)`` gives the
    HTML fragments to send, none when the change does not concern this page.
    """

    name: str
    allows: Callable[[Any, str], bool]
    fragments: Callable[[Any, str, Changes], Iterable[str]]


@dataclass
class _Registry:
    topics: dict[str, LiveTopic] = field(default_factory=dict)


_registry = _Registry()


def register(topic: LiveTopic) -> LiveTopic:
    """Pages can subscribe to the topic; its name is unique."""
    if topic.name in _registry.topics:
        raise ValueError(f"Live topic {topic.name} is registered twice")
    _registry.topics[topic.name] = topic
    return topic


def topic_named(name: str) -> LiveTopic | None:
    """The topic of that name, if any app registered it."""
    return _registry.topics.get(name)


def is_anonymous(user: Any) -> bool:
    """Whether nobody is logged in."""
    return user is None or isinstance(user, AnonymousUser)
