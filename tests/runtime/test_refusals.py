"""What `make run` says when it cannot start: one clear line, and exit code 1."""

import os
import shutil
import subprocess

import pytest

from chargeportal.runtime.published import PROJECT_ROOT
from tests.runtime.processes import free_port, refused


def complaint(done: subprocess.CompletedProcess) -> str:
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("ChargePortal ", "  "))]
    assert (done.returncode, done.stderr, len(lines)) == (1, "", 1), done
    return lines[0]


def test_an_unreachable_database(tmp_path):
    url = f"postgresql://someone:hidden-word@127.0.0.1:{free_port()}/nothing"

    line = complaint(refused(VAR=str(tmp_path), PORT="0", DATABASE_URL=url))

    assert line.startswith("chargeportal: DATABASE_URL cannot be reached: ")
    assert "Connection refused" in line
    assert "hidden-word" not in line


def test_an_address_that_is_none(tmp_path):
    line = complaint(refused(VAR=str(tmp_path), PORT="0", DATABASE_URL="postgresql://a:secret@h:port/x?y=z"))

    assert line.startswith("chargeportal: DATABASE_URL cannot be reached: ")
    assert "secret" not in line


def test_an_unreachable_broker(tmp_path):
    database = os.environ["DATABASE_URL"]
    url = f"redis://:hidden-word@127.0.0.1:{free_port()}/0"

    line = complaint(refused(VAR=str(tmp_path), PORT="0", DATABASE_URL=database, REDIS_URL=url))

    assert line.startswith("chargeportal: REDIS_URL cannot be reached: ")
    assert "hidden-word" not in line


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"PORT": "eighty"}, "chargeportal: PORT and WEB_PROCESSES must be whole numbers: "),
        ({"PORT": "99999"}, "chargeportal: Port 99999 on 127.0.0.1 cannot be used "),
        ({"PORT": "0", "HOST": "203.0.113.9"}, "chargeportal: Port 0 on 203.0.113.9 cannot be used "),
        ({"PORT": "0", "HOST": "not a host"}, "chargeportal: Port 0 on not a host cannot be used "),
    ],
)
def test_values_that_make_no_sense(tmp_path, env, expected):
    assert complaint(refused(VAR=str(tmp_path), **env)).startswith(expected)


def test_a_data_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")

    line = complaint(refused(VAR=str(tmp_path / "file" / "var"), PORT="0"))

    assert line == f"chargeportal: VAR={tmp_path}/file/var cannot be written: Not a directory"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_too_old_python(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)

    done = subprocess.run(
        ["make", "run", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    lines = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make")]
    assert done.returncode != 0
    found = "found: Python 3.9.2. Set PYTHON=/path/to/python3.11"
    assert lines == [f"chargeportal: needs Python 3.11 or newer with venv, {found}"]
    assert not (tmp_path / ".tools").exists()
