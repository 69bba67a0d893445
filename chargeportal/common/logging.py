"""Keeps secrets out of the logs."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

Event = MutableMapping[str, Any]

SECRET_NAME = re.compile(
    r"password|passwd|secret|token$|api_?key|authorization|cookie|credential", re.IGNORECASE
)
SECRET_IN_TEXT = re.compile(
    r"(?P<lead>(?:\bBasic|\bBearer)\s+|[a-z0-9+.-]+://[^\s/:@]+:)(?P<secret>[^\s@\"',]{4,})(?P<tail>@?)",
    re.IGNORECASE,
)
MASK = "[hidden]"
#: Said a second time by uvicorn and Celery for handlers that we do not use.
REPEATED = ("color_message", "data")


def without_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Leave no password, key or Authorization header in a log record."""
    for name, value in event.items():
        if name.startswith("_"):
            continue
        if SECRET_NAME.search(name):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = SECRET_IN_TEXT.sub(rf"\g<lead>{MASK}\g<tail>", value)
    return event


def without_repetition(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Leave out what libraries add to a record that its text already says."""
    for name in REPEATED:
        event.pop(name, None)
    return event
