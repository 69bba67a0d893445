"""The processes of a benchmark run, and what each of them used."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 30


@dataclass(slots=True)
class Usage:
    """CPU seconds and resident memory of a process."""

    cpu_s: float
    rss_bytes: int


class Server:
    """A server process of ours, listening on a port of the loopback."""

    def __init__(self, name: str, command: list[str], *, port: int, env: dict[str, str], log: Path) -> None:
        self.name, self.port = name, port
        self._log = log.open("ab")
        self._process = subprocess.Popen(  # noqa: S603 - our own commands
            command, env=env, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._wait_until_listening()

    def usage(self) -> Usage:
        """Return what the process has used so far."""
        process = psutil.Process(self._process.pid)
        times = process.cpu_times()
        return Usage(times.user + times.system, process.memory_info().rss)

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self._process.returncode}, see {self._log.name}")
            with suppress(OSError), _probe(self.port):
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not listen on port {self.port}, see {self._log.name}")


class Generator:
    """The load generator's process."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chargeportal.bench.load"],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, what: str, **options: Any) -> dict[str, Any]:
        """Have it do something and return its report."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": what, **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended while doing {what}")
        report: dict[str, Any] = json.loads(line)
        return report

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def environment(**variables: str) -> dict[str, str]:
    """Return our environment with these variables on top."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", **variables}


def _probe(port: int) -> Any:
    return socket.create_connection(("127.0.0.1", port), timeout=1)
