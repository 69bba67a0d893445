"""Folders for real processes."""

import os
from pathlib import Path

import pytest


def let_others_pass(folder: Path) -> Path:
    """Open the way to the folder for other users: as root, PostgreSQL runs as one of them."""
    for step in (folder, *folder.parents):
        if step == Path(step.anchor) or step.stat().st_uid != os.geteuid():
            break
        step.chmod(step.stat().st_mode | 0o711)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of this test that any user can pass."""
    return let_others_pass(tmp_path)
