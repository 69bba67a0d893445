"""Reads request bodies: JSON as the standard has it, of bounded size and depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from chargeportal.common.api import problems

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64


class StrictJSONParser(BaseParser):
    """Refuses what no database or charger takes: NaN, lone surrogates, NUL, bottomless nesting."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as plain Python values. Raises ParseError, or Problem for a body that is too large."""
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise problems.Problem(problems.TOO_LARGE)
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(_("This is not JSON: %(why)s") % {"why": error}) from None
        _check(parsed)
        return parsed


def _check(parsed: Any) -> None:
    """Walk without recursion, so that depth cannot hurt."""
    level = [parsed]
    for _depth in range(MAX_DEPTH):
        if not level:
            return
        level = [inner for value in level for inner in _inside(value)]
    raise ParseError(_("The JSON is nested too deeply."))


def _inside(value: Any) -> list[Any]:
    if isinstance(value, str):
        if "\0" in value:
            raise ParseError(_("Texts must not contain NUL characters."))
        return []
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []
