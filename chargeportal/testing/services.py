"""A pytest plugin that starts a throw-away PostgreSQL and Valkey before Django reads its settings.

Loaded by `-p chargeportal.testing.services` in pyproject.toml: a conftest.py would be too late, because
pytest-django reads the settings first. The workers of pytest-xdist inherit the services of the session
that started them: pytest-django gives each a database of its own, copied from the migrated one, and each
starts a Valkey of its own, because messages between processes know no databases.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargeportal.runtime.valkey import ValkeyServer
from chargeportal.testing.migrated import MIGRATED_DATABASE, start_migrated_postgres

PREFIX = "chargeportal-test-"
READY = "CHARGEPORTAL_TEST_SERVICES"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Leave the test services running and the environment pointing at them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if READY not in os.environ:
        _sweep_leftovers()
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        folder.chmod(0o755)
        early_config.add_cleanup(lambda: _remove(folder))
        valkey = ValkeyServer(folder / "vk", durable=False)
        early_config.add_cleanup(valkey.stop)
        valkey.start()
        os.environ |= {
            "REDIS_URL": valkey.url,
            "VAR": str(folder / "var"),
            "SECRET_KEY": "only-for-tests",
            READY: str(folder),
        }
        postgres = start_migrated_postgres(folder / "pg")
        early_config.add_cleanup(postgres.stop)
        os.environ |= {"DATABASE_URL": postgres.url, "TEST_DATABASE_TEMPLATE": MIGRATED_DATABASE}
    elif worker is not None:
        valkey = ValkeyServer(Path(os.environ[READY]) / f"vk-{worker}", durable=False)
        early_config.add_cleanup(valkey.stop)
        valkey.start()
        os.environ["REDIS_URL"] = valkey.url
    yield


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.pop(READY, None)


def _sweep_leftovers() -> None:
    """Leave no folder of a test session that was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
