"""What the user asked `make run` for, in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chargeportal.runtime.addresses import CannotStart
from chargeportal.runtime.published import var_dir


@dataclass(frozen=True, slots=True)
class Wishes:
    """Where to listen, where to keep data, what to use and how much to start."""

    var: Path
    host: str
    port: int
    database_url: str | None
    redis_url: str | None
    demo: bool
    web_processes: int

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Wishes:
        """Return the wishes; raise CannotStart for a value that makes no sense."""
        try:
            port, web_processes = int(env.get("PORT") or 8000), int(env.get("WEB_PROCESSES") or 1)
        except ValueError as error:
            raise CannotStart(f"PORT and WEB_PROCESSES must be whole numbers: {error}") from error
        return cls(
            var=var_dir(),
            host=env.get("HOST") or "127.0.0.1",
            port=port,
            database_url=env.get("DATABASE_URL") or None,
            redis_url=env.get("REDIS_URL") or None,
            demo=(env.get("DEMO") or "1").lower() not in {"0", "no", "off", "false"},
            web_processes=max(1, web_processes),
        )
