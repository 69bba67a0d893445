"""Measures the OCPP gateway and prints one line of JSON for each case.

    python -m chargeportal.bench [--stations 500,5000] [--seconds 10] [--quick] [--only storm]

Starts its own durable PostgreSQL and Valkey, the gateway in a process of its own, a server that only
echoes for comparison, and the load generator in a third process. Figures mean something only on a
machine that does nothing else meanwhile; the first line says what it was doing.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from chargeportal.bench import cases, database
from chargeportal.bench.processes import Generator, Server, environment
from chargeportal.runtime.postgres import PostgresServer
from chargeportal.runtime.valkey import ValkeyServer

FIXED_RATE_METER_VALUES = 2_000
FIXED_RATE_AUTHORIZE = 1_000


def main() -> None:
    """Run the cases asked for."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="chargeportal-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with services(home):
            _set_up(max(options.stations))
            _print(_conditions())
            for stations in options.stations:
                with _bench(home, options) as bench:
                    for report in _run(bench, stations, options.only):
                        _print(report)


def _run(bench: cases.Bench, stations: int, only: str) -> Iterator[dict[str, Any]]:
    """Yield the reports for this many stations."""
    if only in ("", "memory"):
        yield from cases.memory(bench, stations)
    if only in ("", "baseline"):
        yield from cases.baseline(bench, stations)
    storms = cases.storms(bench, stations)
    yield from (report for report in storms if only in ("", "storm"))
    if only in ("", "meter"):
        bench.generator.do("start_transactions")
        yield from cases.closed_loop(bench, "MeterValues 1.6", stations)
        yield from cases.fixed_rate(bench, "MeterValues 1.6", stations, FIXED_RATE_METER_VALUES)
    if only in ("", "authorize"):
        yield from cases.fixed_rate(bench, "Authorize 1.6", stations, FIXED_RATE_AUTHORIZE)
    bench.generator.do("disconnect")
    if only in ("", "meter201"):
        bench.connect(bench.gateway, "B201", stations, hello=True)
        yield from cases.closed_loop(bench, "MeterValues 2.0.1", stations)
        bench.generator.do("disconnect")


@contextmanager
def services(home: Path) -> Iterator[None]:
    """A durable PostgreSQL and Valkey, and the environment that points at them."""
    postgres, valkey = PostgresServer(home / "pg", durable=True), ValkeyServer(home / "vk", durable=True)
    with ExitStack() as stack:
        for service in (postgres, valkey):
            service.start()
            stack.callback(service.stop)
        os.environ.update(
            DATABASE_URL=postgres.url,
            REDIS_URL=valkey.url,
            VAR=str(home / "var"),
            SECRET_KEY="only-for-the-benchmark",
            DJANGO_SETTINGS_MODULE=os.environ.get("DJANGO_SETTINGS_MODULE", "chargeportal.settings"),
        )
        yield


@contextmanager
def _bench(home: Path, options: argparse.Namespace) -> Iterator[cases.Bench]:
    """A fresh gateway, echo server and generator."""
    env = environment()
    with ExitStack() as stack:
        gateway = Server(
            "gateway", _web("chargeportal.asgi_gateway:application", options.port),
            port=options.port, env=env, log=home / "gateway.log",
        )  # fmt: skip
        stack.callback(gateway.stop)
        echo = Server("echo", _echo(options.port + 1), port=options.port + 1, env=env, log=home / "echo.log")
        stack.callback(echo.stop)
        generator = Generator(env)
        stack.callback(generator.stop)
        yield cases.Bench(generator, gateway, echo, options.seconds)
        if options.keep_log:
            Path(options.keep_log).write_bytes((home / "gateway.log").read_bytes())


def _web(application: str, port: int) -> list[str]:
    profiler = os.environ.get("BENCH_PROFILER", "").split()
    return [
        sys.executable,
        *profiler,
        "-m",
        "chargeportal.runtime.web",
        "--app",
        application,
        "--port",
        str(port),
    ]


def _echo(port: int) -> list[str]:
    """The server options that the gateway has, without loading the product."""
    return [
        sys.executable, "-m", "uvicorn", "chargeportal.bench.baseline:application", "--port", str(port),
        "--loop", "uvloop", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false",
        "--log-level", "warning", "--lifespan", "off", "--backlog", "4096",
    ]  # fmt: skip


def _set_up(stations: int) -> None:
    import django

    django.setup()
    database.prepare(stations)


def _conditions() -> dict[str, Any]:
    return {
        "case": "conditions",
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        **database.durability(),
    }


def _print(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chargeportal.bench", description=__doc__)
    parser.add_argument("--stations", default="500,5000", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each loop")
    parser.add_argument("--quick", action="store_true", help="200 stations, 2 seconds")
    parser.add_argument(
        "--only", default="", choices=["", "memory", "baseline", "storm", "meter", "authorize", "meter201"]
    )
    parser.add_argument("--port", type=int, default=18_200)
    parser.add_argument("--keep-log", default="", help="where to keep the gateway's log")
    options = parser.parse_args()
    if options.quick:
        options.stations, options.seconds = [200], 2.0
    return options


if __name__ == "__main__":
    main()
