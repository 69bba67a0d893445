"""`make run`: one supervisor, and everything below it."""

import json
import subprocess
import sys
import time
import urllib.request

import psycopg
import pytest

from chargeportal.runtime.published import PROJECT_ROOT, published_services
from tests.runtime.conftest import open_folder
from tests.runtime.processes import Running, clean_environment, refused, still_alive

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running():
    """The product, running for the tests of this module."""
    with open_folder() as folder:
        product = Running(folder / "var")
        try:
            yield product.wait_ready()
        finally:
            family = product.family() if product.supervisor.poll() is None else []
            product.interrupt()
            assert still_alive(family, patience_s=30) == []


@pytest.fixture
def start(home):
    """Start a product of the test's own, as often as it likes; whatever happens, none stays."""
    started: list[Running] = []

    def start_one() -> Running:
        started.append(Running(home / "var"))
        return started[-1].wait_ready()

    yield start_one
    for product in started:
        if product.supervisor.poll() is None:
            product.kill()


def get_health(product: Running) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{product.port}/healthz/", timeout=60) as answer:
        return json.load(answer)


def wait_for(product: Running, *, patience_s: float = 120, **state: str) -> None:
    """Return when `/healthz/` reports this state."""
    deadline = time.monotonic() + patience_s
    while (health := get_health(product)) | state != health:
        assert time.monotonic() < deadline, health
        time.sleep(0.3)


def test_every_step_has_a_line(running):
    printed = running.output.read_text()
    for name in ("PostgreSQL", "Valkey", "Database tables", "Static files", "Web", "Celery"):
        assert sum(line.startswith(f"  {name} ") for line in printed.splitlines()) == 1, printed
    assert f"http://127.0.0.1:{running.port}/admin/" in printed


def test_the_worker_is_seen_soon_after_the_start(running):
    wait_for(running, worker="ok", status="ok")


def test_commands_find_the_running_services_by_themselves(running):
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--check"],
        cwd=PROJECT_ROOT,
        env=clean_environment(VAR=str(running.var)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_database_keeps_what_it_has_acknowledged(running):
    with psycopg.connect(published_services(running.var)["database_url"]) as connection:
        names = ("fsync", "synchronous_commit", "full_page_writes", "server_encoding", "TimeZone")
        values = [connection.execute(f"SHOW {name}").fetchone()[0] for name in names]
    assert values == ["on", "on", "on", "UTF8", "UTC"]


def test_a_second_instance_needs_a_data_folder_of_its_own(running):
    done = refused(VAR=str(running.var), PORT="0")
    assert done.returncode == 1
    assert f"already runs on {running.var}; a second one needs its own: VAR=/some/dir" in done.stdout
    assert get_health(running)["database"] == "ok"


def test_a_busy_port_is_refused_in_one_line(running, tmp_path):
    done = refused(VAR=str(tmp_path / "other"), PORT=str(running.port))
    complaints = [line for line in done.stdout.splitlines() if line.startswith("chargeportal:")]
    assert done.returncode == 1
    assert complaints == [
        f"chargeportal: Port {running.port} on 127.0.0.1 is in use; choose another: PORT=8001 make run"
    ]
    assert not (tmp_path / "other" / "postgres").exists()


def test_a_web_process_that_is_killed_comes_back(running):
    before = running.child("chargeportal.runtime.web")
    before.kill()

    assert running.says("web ended (killed by SIGKILL); starting it again in 1 s", patience_s=60)
    assert get_health(running)["database"] == "ok"  # the listening socket stayed: the request just waited
    assert running.child("chargeportal.runtime.web").pid != before.pid


def test_a_valkey_that_is_killed_comes_back(running):
    running.child("valkey-server").kill()

    assert running.says("Valkey ended; starting it again", patience_s=60)
    wait_for(running, cache="ok")


def test_a_second_start_keeps_the_data_and_a_killed_supervisor_leaves_no_process(start, home):
    var = home / "var"
    first = start()
    with psycopg.connect(published_services(var)["database_url"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'still here' AS note")
    family = first.family()
    assert first.interrupt() == 0
    assert still_alive(family, patience_s=30) == []
    assert published_services(var) == {}

    second = start()
    with psycopg.connect(published_services(var)["database_url"]) as connection:
        assert connection.execute("SELECT note FROM kept").fetchone() == ("still here",)
    family = second.family()
    assert len(family) >= 5  # PostgreSQL (and its own), Valkey, web, worker, beat
    second.kill()
    assert still_alive(family, patience_s=60) == []

    third = start()  # what the kill left on disk is no obstacle
    assert third.interrupt() == 0


def test_the_end_of_the_database_ends_the_product(start):
    product = start()
    family = product.family()
    product.child("postgres -D").kill()

    assert product.supervisor.wait(timeout=60) == 1
    assert "PostgreSQL has ended; stopping" in product.output.read_text()
    assert still_alive(family, patience_s=30) == []
