"""Runs a command on a durable, migrated, throw-away PostgreSQL and Valkey of its own.

python -m chargeportal.runtime.with_services python -m chargeportal.bench
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from chargeportal.runtime.binaries import MissingBinary
from chargeportal.runtime.children import spawn, stop
from chargeportal.runtime.postgres import PostgresFailed, PostgresServer
from chargeportal.runtime.programs import manage_command
from chargeportal.runtime.progress import failed
from chargeportal.runtime.published import publish_services
from chargeportal.runtime.valkey import ValkeyFailed, ValkeyServer


def main(command: list[str]) -> int:
    """Run the command and return its exit code, with nothing left behind."""
    if not command:
        failed("usage: python -m chargeportal.runtime.with_services <command> …")
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    var = Path(tempfile.mkdtemp(prefix="chargeportal-run-"))
    var.chmod(0o755)
    postgres, valkey = PostgresServer(var / "postgres"), ValkeyServer(var / "valkey")
    try:
        postgres.start()
        valkey.start()
        publish_services(var, database_url=postgres.url, redis_url=valkey.url)
        addresses = {"VAR": str(var), "DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}
        return _run(command, env={**os.environ, **addresses})
    except (MissingBinary, PostgresFailed, ValkeyFailed) as error:
        failed(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(var, ignore_errors=True)


def _run(command: list[str], *, env: dict[str, str]) -> int:
    for words in (manage_command("migrate", "--verbosity", "0", "--no-input"), command):
        process = spawn(words, env=env)
        try:
            code = process.wait()
        finally:
            stop(process, with_signal=signal.SIGTERM, patience_s=10)
        if code:
            return code if code > 0 else 128 - code
    return 0


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
