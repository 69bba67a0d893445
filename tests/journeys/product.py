"""The product as its own processes, on a database and a Valkey of their own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from chargeportal.runtime import children, programs
from chargeportal.runtime.published import PROJECT_ROOT
from chargeportal.runtime.valkey import ValkeyServer

PATIENCE_S = 60.0


@dataclass
class Product:
    """A web process, and a Celery worker where the journey needs one."""

    folder: Path
    database_url: str
    env: Mapping[str, str]
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ocpp_url(self) -> str:
        """The address that stations connect to, without their identity."""
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def start_web(self) -> None:
        """The web process answers."""
        listening = listen(self.port)
        self._start(
            "web",
            programs.web_command(host="127.0.0.1", port=self.port, fd=listening.fileno()),
            pass_fds=(listening.fileno(),),
        )
        listening.close()
        self._wait_for_web()

    def start_worker(self) -> None:
        """A Celery worker consumes every queue."""
        self._start("worker", programs.worker_command())

    def kill_web(self) -> None:
        """The web process is gone without a word, as after a power cut."""
        process = self.processes.pop("web")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def manage(self, *words: str) -> str:
        """What the management command printed; it has succeeded."""
        result = subprocess.run(
            programs.manage_command(*words),
            env=dict(self.env),
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, read from outside the product."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[arg-type]  # our own texts

    def log(self, name: str) -> str:
        """The end of what a process wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """No process is left."""
        for process in self.processes.values():
            children.stop(process, with_signal=signal.SIGTERM, patience_s=60)

    def _start(self, name: str, command: list[str], *, pass_fds: tuple[int, ...] = ()) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = children.spawn(
                command, log=log, env=self.env, pass_fds=pass_fds, cwd=PROJECT_ROOT
            )

    def _wait_for_web(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert self.processes["web"].poll() is None, self.log("web")
            # 503 is an answer too: this product may run without a worker
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                try:
                    urllib.request.urlopen(f"{self.url}/healthz/", timeout=30).close()  # noqa: S310 - our own address
                except urllib.error.HTTPError as error:
                    error.close()
                return
            time.sleep(0.1)
        raise AssertionError(f"the web process does not answer\n{self.log('web')}")


def listen(port: int) -> socket.socket:
    """A listening socket on the port, to be inherited by the web process."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(4096)
    return listening


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_product(folder: Path, **settings: str) -> Iterator[Product]:
    """A product with a fresh, migrated database; nothing of it is left afterwards. No process runs yet."""
    valkey = ValkeyServer(folder / "valkey", durable=False)
    valkey.start()
    try:
        with fresh_database() as database_url:
            env = {
                **os.environ,
                "DATABASE_URL": database_url,
                "REDIS_URL": valkey.url,
                "DJANGO_SETTINGS_MODULE": "chargeportal.settings",
                "SECRET_KEY": "only-for-tests",
                "VAR": str(folder / "var"),
                "PYTHONUNBUFFERED": "1",
                **settings,
            }
            product = Product(folder, database_url, env, free_port())
            try:
                yield product
            finally:
                product.stop()
    finally:
        valkey.stop()


@contextlib.contextmanager
def fresh_database() -> Iterator[str]:
    """The address of a new database in which every migration has run."""
    server, template = os.environ["DATABASE_URL"], os.environ["TEST_DATABASE_TEMPLATE"]
    name = f"journey_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')  # type: ignore[arg-type]  # our name
    parts = urlsplit(server)
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]  # our name


def run_python(product: Product, code: str) -> str:
    """What a piece of Python printed that ran inside the product's Django."""
    prelude = "import django; django.setup()\n"
    result = subprocess.run(
        [sys.executable, "-c", prelude + code],
        env=dict(product.env),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout
