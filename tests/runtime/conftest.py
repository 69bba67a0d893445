"""Folders for real processes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that any user can pass: as root, PostgreSQL runs as another user than we.

    pytest's own temporary folders are closed to others, again at every start of a session.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"chargeportal-test-{os.getpid()}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of this test that any user can pass."""
    with open_folder() as folder:
        yield folder
