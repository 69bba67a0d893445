"""The embedded PostgreSQL and Valkey under circumstances that are not ideal."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from chargeportal.runtime import binaries
from chargeportal.runtime.children import spawn
from chargeportal.runtime.postgres import SOCKET_NAME, PostgresFailed, PostgresServer
from chargeportal.runtime.valkey import ValkeyServer


@pytest.fixture
def server(home):
    """A throw-away server, not yet started."""
    server = PostgresServer(home / "pg", durable=False)
    yield server
    server.stop()


def test_a_server_that_was_killed_starts_again_with_what_it_had_acknowledged(server):
    server.durable = True
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    server.process.kill()
    server.process.wait()
    assert server.ended

    server.start()

    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_pid_file_that_names_another_program_is_no_obstacle(server):
    server.start()
    server.stop()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (server.data / "postmaster.pid").write_text(f"{bystander.pid}\n{server.data}\n")
        server.start()
        assert not server.ended
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_long_path_gets_its_socket_elsewhere(home):
    deep = home / ("d" * 60) / ("e" * 60)
    server = PostgresServer(deep / "pg", durable=False)
    valkey = ValkeyServer(deep / "vk", durable=False)
    try:
        server.start()
        valkey.start()
        assert len(os.fsencode(server.socket_dir / SOCKET_NAME)) <= 107
        assert len(os.fsencode(valkey.socket_path)) <= 107
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()
        valkey.stop()
        shutil.rmtree(server.socket_dir)
        shutil.rmtree(valkey.socket_path.parent, ignore_errors=True)


def test_swedish_text_is_lowered_whatever_the_machine_says(server, monkeypatch):
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("LC_ALL", "POSIX")
    server.start()

    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT lower('ÅÄÖ'), current_setting('server_encoding')").fetchone()

    assert row == ("åäö", "UTF8")


def test_only_its_owner_can_open_the_socket(server):
    server.start()

    assert (server.socket_dir / SOCKET_NAME).stat().st_mode & 0o777 == 0o700
    assert server.data.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_holds_something_else_is_refused(server):
    server.data.mkdir(parents=True)
    (server.data / "holiday.jpg").write_text("not a cluster")

    with pytest.raises(PostgresFailed, match=r"initdb failed: .*not empty"):
        server.start()

    assert (server.data / "holiday.jpg").read_text() == "not a cluster"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another user")
def test_root_keeps_the_data_where_the_service_user_can_reach_it(tmp_path, monkeypatch, home):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    monkeypatch.setattr("chargeportal.runtime.postgres.ROOT_STORE", home / "store")
    server = PostgresServer(private / "pg", durable=False)
    try:
        server.start()
        assert server.home.parent == home / "store"
        assert server.data.stat().st_uid == binaries.service_user().uid
    finally:
        server.stop()


def test_a_child_ends_with_its_parent_even_when_that_is_killed(tmp_path):
    note = tmp_path / "pid"
    script = (
        "import sys, time; from chargeportal.runtime.children import spawn;"
        f"child = spawn(['sleep', '300']); open({str(note)!r}, 'w').write(str(child.pid)); time.sleep(300)"
    )
    parent = spawn([sys.executable, "-c", script], cwd=binaries.Path(__file__).parents[2])
    deadline = time.monotonic() + 20
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    child_pid = int(note.read_text())

    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 5
    while _runs(child_pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child_pid)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
