"""Starts `python -m chargeportal.runtime` for real and looks at what it leaves behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from chargeportal.runtime.published import PROJECT_ROOT

INHERITED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "VAR", "DJANGO_SETTINGS_MODULE", "ALLOWED_HOSTS")
READY_LINE = "Ctrl-C stops everything"


def clean_environment(**changes: str) -> dict[str, str]:
    """Return our environment without the test session's own services."""
    return {name: value for name, value in os.environ.items() if name not in INHERITED} | changes


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def refused(**env: str) -> subprocess.CompletedProcess[str]:
    """Run the supervisor where it is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "chargeportal.runtime"],
        cwd=PROJECT_ROOT,
        env=clean_environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Running:
    """A running product below a VAR of its own, without the demo."""

    def __init__(self, var: Path, **env: str) -> None:
        """Start it; `wait_ready` says when it serves."""
        self.var, self.port = var, free_port()
        self.output = var.parent / f"{var.name}.out"
        settings = {"VAR": str(var), "PORT": str(self.port), "DEMO": "0"} | env
        with self.output.open("wb") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "chargeportal.runtime"],
                cwd=PROJECT_ROOT,
                env=clean_environment(**settings),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self) -> "Running":
        """Return when everything runs."""
        assert self.says(READY_LINE, patience_s=300), self.output.read_text()
        return self

    def says(self, text: str, *, patience_s: float) -> bool:
        """Say whether the supervisor prints the text within the time."""
        deadline = time.monotonic() + patience_s
        while text not in self.output.read_text():
            if time.monotonic() > deadline or self.supervisor.poll() is not None:
                return text in self.output.read_text()
            time.sleep(0.1)
        return True

    def family(self) -> list[psutil.Process]:
        """Return the processes below the supervisor."""
        return psutil.Process(self.supervisor.pid).children(recursive=True)

    def child(self, word: str) -> psutil.Process:
        """Return the child whose command line has the word."""
        return next(process for process in self.family() if word in " ".join(process.cmdline()))

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.supervisor.send_signal(signal.SIGINT)
        return self.supervisor.wait(timeout=60)

    def kill(self) -> None:
        """Take the supervisor away without a word."""
        self.supervisor.kill()
        self.supervisor.wait(timeout=60)


def still_alive(processes: list[psutil.Process], *, patience_s: float) -> list[psutil.Process]:
    """Return those that have not ended in time."""
    _, alive = psutil.wait_procs(processes, timeout=patience_s)
    return alive
