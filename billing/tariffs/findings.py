"""What is wrong, or odd, about a tariff: where it stands and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _


class Level(StrEnum):
    """An error refuses the tariff; a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; ``element`` and ``component`` count from 0, None where it is about the whole."""

    level: Level
    code: str
    message: str
    element: int | None = None
    component: int | None = None

    @property
    def where(self) -> str:
        """The line in words, counted from 1: `Group of prices 2, line 1`; empty for the whole tariff."""
        if self.element is None:
            return ""
        if self.component is None:
            return _("Group of prices %(number)d") % {"number": self.element + 1}
        place = {"number": self.element + 1, "line": self.component + 1}
        return _("Group of prices %(number)d, line %(line)d") % place

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def as_json(self) -> dict[str, Any]:
        """The finding for the API."""
        return {
            "level": str(self.level),
            "code": self.code,
            "element": self.element,
            "component": self.component,
            "where": self.where,
            "message": self.message,
        }


def error(code: str, message: str, element: int | None = None, component: int | None = None) -> Finding:
    """A finding that refuses the tariff."""
    return Finding(Level.ERROR, code, message, element, component)


def warning(code: str, message: str, element: int | None = None, component: int | None = None) -> Finding:
    """A finding that is shown."""
    return Finding(Level.WARNING, code, message, element, component)


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that refuse the tariff."""
    return [finding for finding in findings if finding.level is Level.ERROR]
