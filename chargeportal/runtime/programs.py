"""The programs that make up the running product, and how each is kept running."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chargeportal.runtime.children import spawn
from chargeportal.runtime.published import PROJECT_ROOT

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
#: A program that ran this long had started well: its next failure begins with the first pause again.
STEADY_S = 60.0
WORKER_THREADS = 4
#: A longer log is moved aside at the next start of its program.
LONG_LOG_BYTES = 20 * 1024 * 1024


@dataclass
class Program:
    """One child program that is started again, after a growing pause, whenever it ends."""

    name: str
    command: Sequence[str]
    log_path: Path
    env: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at_s: float = 0.0
    pause_s: float = field(default=FIRST_PAUSE_S)
    start_again_at_s: float | None = None

    def start(self) -> None:
        """Leave the program starting."""
        make_room(self.log_path)
        with self.log_path.open("ab") as log:
            # killed with us at once: nothing it holds is worth more than leaving no process behind
            self.process = spawn(
                self.command, log=log, env=self.env, pass_fds=self.pass_fds, cwd=PROJECT_ROOT
            )
        self.started_at_s, self.start_again_at_s = time.monotonic(), None

    def look_after(self, now_s: float) -> str | None:
        """Start the program again when it is time; return a line to print when it has just ended."""
        if self.start_again_at_s is not None:
            if now_s >= self.start_again_at_s:
                self.start()
            return None
        code = None if self.process is None else self.process.poll()
        if code is None:
            return None
        if now_s - self.started_at_s > STEADY_S:
            self.pause_s = FIRST_PAUSE_S
        pause_s, self.pause_s = self.pause_s, min(self.pause_s * 2, LONGEST_PAUSE_S)
        self.start_again_at_s = now_s + pause_s
        return f"{self.name} ended ({_how(code)}); starting it again in {pause_s:.0f} s (see {self.log_path})"

    def ask_to_stop(self) -> None:
        """Tell the program to finish; `wait_stopped` waits for it."""
        self.start_again_at_s = None
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait_stopped(self, *, deadline_s: float) -> None:
        """Leave the program ended, by force after the deadline."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def make_room(log_path: Path) -> None:
    """Leave a place for the log, and a log that has become long moved aside in place of an older one."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    if log_path.exists() and log_path.stat().st_size > LONG_LOG_BYTES:
        log_path.replace(log_path.with_suffix(".log.1"))


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def web_command(*, host: str, port: int, fd: int) -> list[str]:
    """Return the command of a web process that serves the listening socket `fd`."""
    where = ["--host", host, "--port", str(port), "--fd", str(fd)]
    return [sys.executable, "-m", "chargeportal.runtime.web", *where]


def worker_command() -> list[str]:
    """Return the command of a Celery worker for every queue: one process, so killing it kills all of it."""
    pool = ["--pool", "threads", "--concurrency", str(WORKER_THREADS)]
    quiet = ["--without-gossip", "--without-mingle"]
    return [*_celery("worker"), *pool, *quiet, "--loglevel", "INFO"]


def beat_command(var: Path) -> list[str]:
    """Return the command of Celery's scheduler."""
    files = ["--schedule", str(var / "celerybeat-schedule"), "--pidfile", ""]
    return [*_celery("beat"), *files, "--loglevel", "INFO"]


def manage_command(*words: str) -> list[str]:
    """Return the command of one of our management commands."""
    return [sys.executable, str(PROJECT_ROOT / "manage.py"), *words]


def _celery(program: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "chargeportal.celery:app", program]
