"""What the fake knows: objects by id, answers by idempotency key; in memory, and in a file if told so."""

from __future__ import annotations

import copy
import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Object = dict[str, Any]


class ApiError(Exception):
    """An answer that is an error, as Stripe words it."""

    def __init__(self, status: int, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.status = status
        kind = "card_error" if status == 402 else "invalid_request_error"  # noqa: PLR2004
        self.body = {"error": {"type": kind, "message": message, **facts}}


class Store:
    """Every object of the pretended Stripe account. Names with an underscore are not shown outside."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.clock: Callable[[], float] = time.time
        self.objects: dict[str, Object] = {}
        self.replies: dict[str, Object] = {}
        #: Ids of the events that were not answered yet.
        self.pending: list[str] = []
        self._path = path
        if path is not None and path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))
            self.objects, self.replies = saved["objects"], saved["replies"]
            self.pending = [found["id"] for found in self.all("event") if found["pending_webhooks"]]

    def now(self) -> int:
        """Seconds since 1970."""
        return int(self.clock())

    def new(self, prefix: str, kind: str, **fields: Any) -> Object:
        """A new object of that kind is known."""
        found = {
            "id": f"{prefix}_{secrets.token_hex(12)}",
            "object": kind,
            "created": self.now(),
            "livemode": False,
            **fields,
        }
        self.objects[found["id"]] = found
        return found

    def get(self, object_id: str, kind: str) -> Object:
        """The object; raises ApiError 404 for one that is not known."""
        found = self.objects.get(object_id)
        if found is None or found["object"] != kind:
            raise ApiError(404, f"No such {kind}: '{object_id}'", code="resource_missing", param="id")
        return found

    def all(self, kind: str) -> list[Object]:
        """The objects of a kind, oldest first."""
        return [found for found in self.objects.values() if found["object"] == kind]

    def emit(self, kind: str, about: Object) -> Object:
        """An event tells what has happened to the object, as the object is now."""
        event = self.new(
            "evt",
            "event",
            type=kind,
            api_version="2026-10-28.endive",
            data={"object": shown(about)},
            pending_webhooks=1,
            _attempts=0,
            _due=self.clock(),
        )
        self.pending.append(event["id"])
        return event

    def save(self) -> None:
        """The file, if there is one, has what we know."""
        if self._path is None:
            return
        unfinished = self._path.with_suffix(".new")
        unfinished.write_text(
            json.dumps({"objects": self.objects, "replies": self.replies}), encoding="utf-8"
        )
        unfinished.replace(self._path)


def shown(value: Any) -> Any:
    """A copy as the outside sees it."""
    if isinstance(value, dict):
        return {name: shown(part) for name, part in value.items() if not name.startswith("_")}
    if isinstance(value, list):
        return [shown(part) for part in value]
    return copy.copy(value)
