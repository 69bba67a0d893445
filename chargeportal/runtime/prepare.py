"""Brings the database and the static files up to date: `python -m chargeportal.runtime.prepare`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from pathlib import Path
from typing import IO

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from chargeportal.runtime.progress import failed, step
from chargeportal.runtime.published import var_dir


def main() -> None:
    """Leave everything ready for the web process; exit 1 with one line at the first failure."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chargeportal.settings")
    log_path = var_dir() / "log" / "prepare.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("a", encoding="utf-8") as log:
        _run("Loading", django.setup, log=log, path=log_path)
        _run("Database tables", _migrate, log=log, path=log_path)
        _run("Static files", _collect_static, log=log, path=log_path)
        _run("Demo data", _seed_demo, log=log, path=log_path)


def _run(name: str, work: Callable[[], str | None], *, log: IO[str], path: Path) -> None:
    """Do one step with its output in the log."""
    try:
        with step(name) as note, redirect_stdout(log), redirect_stderr(log):
            note(work() or "")
    except Exception as error:  # noqa: BLE001 - whatever it is, one line and the log
        traceback.print_exc(file=log)
        log.flush()
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        failed(f"{name} failed: {reason} (see {path})")
        sys.exit(1)


def _migrate() -> str:
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if waiting:
        call_command("migrate", interactive=False, verbosity=1)
    return f"{waiting} migrations applied" if waiting else "up to date"


def _collect_static() -> str:
    """Copy and compress the static files, unless these very files were collected before."""
    stamp, state = var_dir() / "static.stamp", _static_state()
    if settings.STATIC_ROOT.exists() and stamp.exists() and stamp.read_text() == state:
        return "up to date"
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(state)
    return "collected"


def _static_state() -> str:
    """Return a digest that changes with every static file."""
    digest = sha256()
    for finder in get_finders():
        for path, storage in finder.list(ignore_patterns=None):
            facts = Path(storage.path(path)).stat()
            digest.update(f"{path}|{facts.st_size}|{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _seed_demo() -> str:
    """Fill an empty database with the demo; a database that has people in it is left alone."""
    if not settings.DEMO or "seed_demo" not in get_commands():
        return "off"
    if get_user_model().objects.exists():
        return "kept"
    with transaction.atomic():
        call_command("seed_demo")
    return "seeded"


if __name__ == "__main__":
    main()
