"""Starts the whole product on this machine, watches it, and stops it in order."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import sys
import time
from typing import IO

from chargeportal import __version__
from chargeportal.runtime import pretended, programs
from chargeportal.runtime.addresses import (
    CannotStart,
    check_database,
    check_redis,
    default_allowed_hosts,
    demo_is_in,
    listening_socket,
    page_address,
    reachable_host,
)
from chargeportal.runtime.binaries import MissingBinary
from chargeportal.runtime.children import spawn, wait_until
from chargeportal.runtime.postgres import PostgresFailed, PostgresServer
from chargeportal.runtime.programs import Program
from chargeportal.runtime.progress import failed, say, step
from chargeportal.runtime.published import PROJECT_ROOT, publish_services, withdraw_services
from chargeportal.runtime.valkey import ValkeyFailed, ValkeyServer
from chargeportal.runtime.wishes import Wishes

WATCH_S = 0.3
STOP_PATIENCE_S = 10
WEB_PATIENCE_S = 90
#: A Ctrl-C may reach us several times, from the terminal and from make; a later one means "at once".
ONE_KEYPRESS_S = 2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """The running product. `start` brings it up, `watch` keeps it up, `stop` takes it down."""

    def __init__(self, wishes: Wishes) -> None:
        """Note the wishes; nothing starts yet."""
        self.wishes = wishes
        self.postgres: PostgresServer | None = None
        self.valkey: ValkeyServer | None = None
        self.programs: list[Program] = []
        self._lock: IO[str] | None = None
        self._env: dict[str, str] = {}
        self._has_demo = False

    def start(self) -> None:
        """Leave everything running; raise one of the errors with a one-line text otherwise."""
        wishes = self.wishes
        say(f"ChargePortal {__version__}, data in {wishes.var}")
        self._socket = listening_socket(wishes.host, wishes.port)
        self._take_var()
        database_url, redis_url = self._start_database(), self._start_broker()
        publish_services(wishes.var, database_url=database_url, redis_url=redis_url)
        self._env = self._environment(database_url=database_url, redis_url=redis_url)
        self._prepare()
        self._has_demo = self.wishes.demo and demo_is_in(database_url)
        if self._has_demo and not os.environ.get("STRIPE_SECRET_KEY"):
            self._pretend_payments()
        self._start_web()
        self._start_workers()
        for line in welcome(wishes, has_demo=self._has_demo):
            say(f"  {line}" if line else "")

    def watch(self) -> None:
        """Start again what ends; return only when the database is gone."""
        while True:
            time.sleep(WATCH_S)
            if self.postgres is not None and self.postgres.ended:
                failed(f"PostgreSQL has ended; stopping (see {self.wishes.var}/log/postgres.log)")
                return
            self._look_after_valkey()
            for program in self.programs:
                line = program.look_after(time.monotonic())
                if line:
                    say(f"  {line}")

    def stop(self) -> None:
        """Leave nothing running: what takes in work first, the database last."""
        deadline_s = time.monotonic() + STOP_PATIENCE_S
        takers = [program for program in self.programs if program.name == "simulated chargers"]
        for group in (takers, [program for program in self.programs if program not in takers]):
            for program in group:
                program.ask_to_stop()
            for program in group:
                program.wait_stopped(deadline_s=deadline_s)
        if self.valkey is not None:
            self.valkey.stop()
        if self.postgres is not None:
            self.postgres.stop()
        if self._lock is not None:
            withdraw_services(self.wishes.var)
            self._lock.close()

    def _take_var(self) -> None:
        """Make the data folder ours alone."""
        try:
            self.wishes.var.mkdir(parents=True, exist_ok=True)
            lock = (self.wishes.var / "lock").open("a")
        except OSError as error:
            raise CannotStart(f"VAR={self.wishes.var} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            text = (
                f"ChargePortal already runs on {self.wishes.var}; a second one needs its own: VAR=/some/dir"
            )
            raise CannotStart(text) from error
        self._lock = lock

    def _start_database(self) -> str:
        if self.wishes.database_url:
            with step("Database") as note:
                check_database(self.wishes.database_url)
                note("given by DATABASE_URL")
            return self.wishes.database_url
        with step("PostgreSQL") as note:
            self.postgres = PostgresServer(
                self.wishes.var / "postgres", log_path=self.wishes.var / "log" / "postgres.log"
            )
            self.postgres.start()
            elsewhere = self.postgres.home != self.wishes.var / "postgres"
            note(f"ready, data in {self.postgres.home}" if elsewhere else "ready")
        return self.postgres.url

    def _start_broker(self) -> str:
        if self.wishes.redis_url:
            with step("Redis") as note:
                check_redis(self.wishes.redis_url)
                note("given by REDIS_URL")
            return self.wishes.redis_url
        with step("Valkey") as note:
            self.valkey = ValkeyServer(
                self.wishes.var / "valkey", log_path=self.wishes.var / "log" / "valkey.log"
            )
            self.valkey.start()
            note("ready")
        return self.valkey.url

    def _environment(self, *, database_url: str, redis_url: str) -> dict[str, str]:
        hosts = os.environ.get("ALLOWED_HOSTS") or ",".join(default_allowed_hosts(self.wishes.host))
        return os.environ | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "VAR": str(self.wishes.var),
            "HOST": self.wishes.host,
            "PORT": str(self.wishes.port),
            "DEMO": "1" if self.wishes.demo else "0",
            "ALLOWED_HOSTS": hosts,
            "DJANGO_SETTINGS_MODULE": "chargeportal.settings",
            "PYTHONUNBUFFERED": "1",
        }

    def _prepare(self) -> None:
        """Migrate, collect the static files, seed the demo; it prints its own steps."""
        command = [sys.executable, "-m", "chargeportal.runtime.prepare"]
        code = spawn(command, env=self._env, cwd=PROJECT_ROOT).wait()
        if code:
            raise PreparationFailed

    def _program(self, name: str, command: list[str], *, log: str, pass_fds: tuple[int, ...] = ()) -> Program:
        log_path = self.wishes.var / "log" / f"{log}.log"
        program = Program(name=name, command=command, log_path=log_path, env=self._env, pass_fds=pass_fds)
        self.programs.append(program)
        program.start()
        return program

    def _pretend_payments(self) -> None:
        """Start the card processor of the demo, and tell everything that starts later where it is."""
        with step("Test payments") as note:
            self._payments_socket = pretended.loopback_socket()
            fd, port = self._payments_socket.fileno(), self._payments_socket.getsockname()[1]
            self._env |= pretended.stripe_environment(port=port)
            wishes = self.wishes
            command = pretended.stripe_command(fd=fd, var=wishes.var, host=wishes.host, port=wishes.port)
            self._program("test payments", command, log="test-payments", pass_fds=(fd,))
            note("started; no money moves")

    def _start_web(self) -> None:
        wishes, fd = self.wishes, self._socket.fileno()
        with step("Web") as note:
            for number in range(wishes.web_processes):
                name = "web" if wishes.web_processes == 1 else f"web {number + 1}"
                command = programs.web_command(host=wishes.host, port=wishes.port, fd=fd)
                program = self._program(name, command, log=name.replace(" ", "-"), pass_fds=(fd,))
            if not wait_until(self._web_answers, process=program.process, patience_s=WEB_PATIENCE_S):
                raise CannotStart(f"the web process did not start (see {program.log_path})")
            note("ready" if wishes.web_processes == 1 else f"{wishes.web_processes} processes ready")

    def _start_workers(self) -> None:
        with step("Celery") as note:
            self._program("worker", programs.worker_command(), log="worker")
            self._program("beat", programs.beat_command(self.wishes.var), log="beat")
            note("worker and beat started")
        if self._has_demo:
            with step("Simulated chargers") as note:
                self._program(
                    "simulated chargers", programs.manage_command("simulate_demo"), log="simulated-chargers"
                )
                note("started")

    def _web_answers(self) -> bool:
        host = reachable_host(self.wishes.host)
        connection = http.client.HTTPConnection(host, self.wishes.port, timeout=5)
        try:
            connection.request("GET", "/healthz/", headers={"Host": "localhost"})
            return json.load(connection.getresponse())["database"] == "ok"
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False
        finally:
            connection.close()

    def _look_after_valkey(self) -> None:
        """Start Valkey again when it has ended: it carries hints and work, and PostgreSQL has the truth."""
        valkey = self.valkey
        if valkey is None or not valkey.ended:
            return
        say("  Valkey ended; starting it again (see its log)")
        try:
            valkey.start()
        except ValkeyFailed as error:
            failed(str(error))
            time.sleep(programs.LONGEST_PAUSE_S / 6)


def welcome(wishes: Wishes, *, has_demo: bool) -> list[str]:
    """Return what is printed when everything runs: where to go, and who to be there."""
    address = page_address(wishes.host, wishes.port)
    lines = [
        f"Driver portal      {address}",
        f"Operator admin     {address}admin/",
        f"API                {address}api/docs/",
        f"Charging stations  {address.replace('http://', 'ws://')}ocpp/<identity>",
    ]
    if has_demo:
        lines += [
            "",
            "Demo accounts      operator@demo.test   finance@demo.test   driver@demo.test",
            "Password           charge-demo",
            "Demo station       DEMO-AC-1, password charge-demo-station, id token DEMO0001",
        ]
    return ["", *lines, "", "Ctrl-C stops everything."]


class PreparationFailed(RuntimeError):
    """The preparation failed and has said why."""


def main() -> int:
    """Run the product until told to stop; return the exit code."""
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    supervisor, code = None, 1
    try:
        supervisor = Supervisor(Wishes.from_environment(os.environ))
        supervisor.start()
        supervisor.watch()
    except KeyboardInterrupt:
        code = 0
        say("\n  Stopping …")
    except PreparationFailed:
        pass
    except (CannotStart, MissingBinary, PostgresFailed, ValkeyFailed) as error:
        failed(str(error))
    _stop(supervisor)
    if code == 0:
        say("  Stopped.")
    return code


def _stop(supervisor: Supervisor | None) -> None:
    """Leave nothing running; from now on another signal, a while later, means "at once"."""
    ignored_until_s = time.monotonic() + ONE_KEYPRESS_S

    def leave_now(_number: int, _frame: object) -> None:
        if time.monotonic() > ignored_until_s:
            os._exit(130)  # the children go with us

    for number in STOP_SIGNALS:
        signal.signal(number, leave_now)
    if supervisor is not None:
        supervisor.stop()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
