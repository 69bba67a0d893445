"""What `make run` prints: one line a step."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NAME_WIDTH = 18


def say(text: str) -> None:
    """Print a line for the person who started us; a closed terminal must not stop the product."""
    try:
        sys.__stdout__.write(f"{text}\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]
    except (OSError, ValueError):
        pass


def failed(text: str) -> None:
    """Print the one line that says what is wrong."""
    say(f"chargeportal: {text}")


@contextmanager
def step(name: str) -> Iterator[Callable[[str], None]]:
    """Print the step's line when it is done, with what the block noted about it and how long it took."""
    notes: list[str] = []
    started_at_s = time.monotonic()
    yield notes.append
    noted = ", ".join(note for note in notes if note) or "done"
    say(f"  {name:<{NAME_WIDTH}} {noted} ({time.monotonic() - started_at_s:.1f} s)")
