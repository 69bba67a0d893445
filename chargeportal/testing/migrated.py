"""A PostgreSQL whose migrations have run, kept between test sessions as long as no migration changes.

Running every migration takes several seconds of CPU, most of it Django rendering old models; copying the
files of a cluster in which they have run takes a fraction of one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import psycopg

from chargeportal.runtime.binaries import service_user
from chargeportal.runtime.postgres import PostgresServer
from chargeportal.runtime.published import PROJECT_ROOT

MIGRATED_DATABASE = "migrated"
CACHE = PROJECT_ROOT / ".pytest_cache" / "clusters"


class MigrationFailed(RuntimeError):
    """The migrations do not run; the text is what `manage.py migrate` said."""


def start_migrated_postgres(home: Path) -> PostgresServer:
    """Start a throw-away server below `home` that has the database `migrated`."""
    kept = CACHE / _fingerprint()
    server = PostgresServer(home, durable=False)
    if kept.exists():
        home.mkdir(parents=True)
        shutil.copytree(kept, server.data)
        _hand_over(server.data)
        server.start()
        return server
    server.start()
    try:
        _migrate(server)
    except BaseException:
        server.stop()
        raise
    server.stop()
    _keep(server.data, kept)
    server.start()
    return server


def _fingerprint() -> str:
    """Return a name that changes with every migration, ours or of a dependency."""
    digest = sha256((PROJECT_ROOT / "uv.lock").read_bytes())
    digest.update((PROJECT_ROOT / "chargeportal" / "settings" / "base.py").read_bytes())
    for path in sorted(PROJECT_ROOT.glob("*/migrations/*.py")):
        digest.update(path.relative_to(PROJECT_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    for path in sorted((PROJECT_ROOT / "chargeportal" / "common").glob("*.py")):
        digest.update(path.read_bytes())  # migrations call partitions.py
    return digest.hexdigest()[:16]


def _migrate(server: PostgresServer) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {MIGRATED_DATABASE}")
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--no-input"],
        cwd=PROJECT_ROOT,
        env=os.environ | {"DATABASE_URL": server.url_of(MIGRATED_DATABASE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MigrationFailed(f"manage.py migrate failed:\n{done.stdout}{done.stderr}")


def _keep(data: Path, kept: Path) -> None:
    """Leave a copy of the cluster for later sessions, and no older ones."""
    unfinished = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        shutil.copytree(data, unfinished)
        unfinished.rename(kept)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)  # read-only checkout, or another session was first
    for old in sorted(CACHE.glob("*"), key=lambda folder: folder.stat().st_mtime)[:-3]:
        shutil.rmtree(old, ignore_errors=True)


def _hand_over(data: Path) -> None:
    """Leave every file with the user PostgreSQL runs as."""
    user = service_user()
    if user is not None:
        for path in (data, *data.rglob("*")):
            os.chown(path, user.uid, user.gid)
