"""Reads Stripe's form encoding: ``a[b][0]=c`` becomes ``{"a": {"b": ["c"]}}``."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

_KEY = re.compile(r"[^\[\]]+")


def decode(text: str) -> dict[str, Any]:
    """The parameters as nested dicts and lists; every leaf is a string."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        path = _KEY.findall(name)
        if name.endswith("[]"):
            path.append(str(len(_at(root, path))))
        _at(root, path[:-1])[path[-1]] = value
    return {name: _lists(value) for name, value in root.items()}


def as_bool(value: Any) -> bool:
    """Whether a parameter says yes."""
    return str(value).lower() in {"true", "1"}


def _at(root: dict[str, Any], path: list[str]) -> dict[str, Any]:
    here = root
    for part in path:
        here = here.setdefault(part, {})
    return here


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(part) for name, part in value.items()}
