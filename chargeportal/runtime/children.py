"""Child processes that cannot outlive us."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from chargeportal.runtime.binaries import ServiceUser

PR_SET_PDEATHSIG = 1


def spawn(
    command: Sequence[str | Path],
    *,
    log: IO[bytes] | int | None = None,
    env: Mapping[str, str] | None = None,
    user: ServiceUser | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own that gets `death_signal` when we die, however we die.

    Its own session keeps a Ctrl-C in the terminal from reaching it: the supervisor stops it, in order.
    Must be called from the main thread, because Linux ties the signal to the life of the calling thread.
    """
    return subprocess.Popen(  # noqa: S603 - the callers pass fixed commands
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT if log is not None else None,
        env=dict(env) if env is not None else None,
        pass_fds=tuple(pass_fds),
        cwd=cwd,
        start_new_session=True,
        preexec_fn=_child_setup(user=user, death_signal=death_signal),  # noqa: PLW1509 - we run no threads yet
    )


def tie_to_parent(death_signal: signal.Signals) -> None:
    """Leave this process receiving `death_signal` when its parent dies (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)


def stop(process: subprocess.Popen[bytes], *, with_signal: signal.Signals, patience_s: float) -> None:
    """Leave the child ended: asked by `with_signal`, killed when it has not gone after `patience_s`."""
    if process.poll() is not None:
        return
    process.send_signal(with_signal)
    try:
        process.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    ready: Callable[[], bool], *, process: subprocess.Popen[bytes] | None = None, patience_s: float
) -> bool:
    """Return True as soon as `ready` does; False when the child has ended or the patience is over."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if ready():
            return True
        if process is not None and process.poll() is not None:
            return False
        time.sleep(0.02)
    return False


def _child_setup(*, user: ServiceUser | None, death_signal: signal.Signals) -> Callable[[], None]:
    """Return what the child does between fork and exec."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    parent = os.getpid()

    def set_up() -> None:
        if user is not None:
            os.setgroups([])
            os.setgid(user.gid)
            os.setuid(user.uid)
        if libc is not None:  # after the change of user, which would clear it
            libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return set_up
