"""The note in `$VAR/services.json` by which commands find the embedded services that are running."""

from __future__ import annotations

import json
import os
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent


def var_dir() -> Path:
    """Return the folder that holds everything this installation writes."""
    return Path(os.environ.get("VAR") or PROJECT_ROOT / "var").absolute()


def published_services(var: Path) -> dict[str, str]:
    """Return the published addresses (`database_url`, `redis_url`), empty when nothing is published."""
    try:
        content = json.loads((var / "services.json").read_text())
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)}


def publish_services(var: Path, *, database_url: str, redis_url: str) -> None:
    """Leave the addresses where commands look for them, readable by their owner alone."""
    unfinished = var / f"services.json.{os.getpid()}"
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps({"database_url": database_url, "redis_url": redis_url}) + "\n")
    unfinished.replace(var / "services.json")


def withdraw_services(var: Path) -> None:
    """Leave no note of services that no longer run."""
    (var / "services.json").unlink(missing_ok=True)
