"""A pytest plugin that starts a throw-away PostgreSQL and Valkey before Django reads its settings.

Loaded by `-p chargeportal.testing.services` in pyproject.toml: a conftest.py would be too late, because
pytest-django reads the settings first. The workers of pytest-xdist inherit the services of the session
that started them; pytest-django gives each worker a database of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargeportal.runtime.postgres import PostgresServer
from chargeportal.runtime.valkey import ValkeyServer

PREFIX = "chargeportal-test-"
READY = "CHARGEPORTAL_TEST_SERVICES"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Leave the test services running and the environment pointing at them."""
    if READY not in os.environ:
        _sweep_leftovers()
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        folder.chmod(0o755)
        services = (
            PostgresServer(folder / "pg", durable=False),
            ValkeyServer(folder / "vk", durable=False),
        )
        early_config.add_cleanup(lambda: _stop(folder, services))
        for service in services:
            service.start()
        os.environ.update(
            {
                READY: str(folder),
                "DATABASE_URL": services[0].url,
                "REDIS_URL": services[1].url,
                "VAR": str(folder / "var"),
                "SECRET_KEY": "only-for-tests",
            }
        )
    yield


def _stop(folder: Path, services: tuple[PostgresServer, ValkeyServer]) -> None:
    for service in services:
        service.stop()
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.pop(READY, None)


def _sweep_leftovers() -> None:
    """Leave no folder of a test session that was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
