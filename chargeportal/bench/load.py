"""The load generator, a process of its own: one command as a line of JSON in, one line of JSON out.

Reports its own share of a CPU with every result: well below 100 % says that it was not the
bottleneck.
"""

import asyncio
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import uvloop

from chargeportal.bench import payloads
from chargeportal.bench.client import Station, connect

CONNECTING_AT_ONCE = 500
MESSAGES: dict[str, Callable[[int], bytes]] = {
    "MeterValues 1.6": payloads.meter_values_16,
    "MeterValues 2.0.1": payloads.meter_values_201,
    "Authorize 1.6": payloads.authorize_16,
}


class Load:
    """The stations of one benchmark run."""

    def __init__(self) -> None:
        self.stations: list[Station] = []

    async def connect(self, **options: Any) -> dict[str, Any]:
        """Connect stations and, with `hello`, have Boot and two StatusNotification answered: a storm."""
        started_at = time.perf_counter()
        gate = asyncio.Semaphore(options.get("at_once", CONNECTING_AT_ONCE))
        jobs = [self._arrive(gate, number, options) for number in range(options["count"])]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        failed = [str(result) for result in results if isinstance(result, BaseException)]
        return {"seconds": time.perf_counter() - started_at, "failed": len(failed), "why": failed[:3]}

    async def _arrive(self, gate: asyncio.Semaphore, number: int, options: dict[str, Any]) -> None:
        identity = f"{options['prefix']}-{number:05d}"
        async with gate:
            station = await connect(
                options["host"], options["port"], identity, options["password"], options["subprotocol"]
            )
        self.stations.append(station)
        if options.get("hello"):
            await _accepted(station.ask(payloads.boot(options["subprotocol"])))
            for connector in (0, 1):
                await _accepted(station.ask(payloads.status(options["subprotocol"], connector)))

    async def start_transactions(self) -> dict[str, Any]:
        """Have every station start a transaction."""

        async def start(station: Station) -> None:
            answer = await _accepted(station.ask(payloads.start_transaction()))
            station.transaction_id = json.loads(answer)[2]["transactionId"]

        await asyncio.gather(*(start(station) for station in self.stations))
        return {"started": len(self.stations)}

    async def closed_loop(self, *, message: str, seconds: float) -> dict[str, Any]:
        """Every station sends its next message as soon as the last is acknowledged."""
        make, ends_at = MESSAGES[message], time.perf_counter() + seconds
        latencies: list[float] = []
        errors: list[bytes] = []

        async def run(station: Station) -> None:
            while time.perf_counter() < ends_at:
                answer = await station.ask(make(station.transaction_id))
                latencies.append(station.latency_s)
                if answer[:2] != b"[3":
                    errors.append(answer)

        started_at = time.perf_counter()
        await asyncio.gather(*(run(station) for station in self.stations))
        return _figures(latencies, errors, time.perf_counter() - started_at)

    async def fixed_rate(self, *, message: str, seconds: float, rate: float) -> dict[str, Any]:
        """Messages leave at `rate` per second, whatever the answers do, each from the next station."""
        make, stations = MESSAGES[message], cycle(self.stations)
        latencies: list[float] = []
        errors: list[bytes] = []
        waiting: set[asyncio.Task[None]] = set()

        async def one(station: Station) -> None:
            answer = await station.ask(make(station.transaction_id))
            latencies.append(station.latency_s)
            if answer[:2] != b"[3":
                errors.append(answer)

        started_at = time.perf_counter()
        for number in range(int(rate * seconds)):
            ahead_s = started_at + number / rate - time.perf_counter()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            task = asyncio.ensure_future(one(next(stations)))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)
        return _figures(latencies, errors, time.perf_counter() - started_at)

    async def disconnect(self) -> dict[str, Any]:
        """Drop every socket at once, as a power cut does."""
        for station in self.stations:
            if station.transport:
                station.transport.abort()
        self.stations.clear()
        await asyncio.sleep(0)
        return {}


async def _accepted(answer: asyncio.Future[bytes]) -> bytes:
    frame = await answer
    if frame[:2] != b"[3":
        raise ConnectionError(frame[:200].decode())
    return frame


def _figures(latencies: list[float], errors: list[bytes], seconds: float) -> dict[str, Any]:
    ordered = sorted(latencies)

    def percentile(share: float) -> float | None:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2) if ordered else None

    return {
        "messages": len(latencies),
        "seconds": round(seconds, 3),
        "p50_ms": percentile(0.50),
        "p99_ms": percentile(0.99),
        "errors": len(errors),
        "why": [error[:200].decode() for error in errors[:2]],
    }


async def _serve() -> None:
    load, loop = Load(), asyncio.get_running_loop()
    commands: asyncio.Queue[str] = asyncio.Queue()
    threading.Thread(target=_read_lines, args=(loop, commands), daemon=True).start()
    while line := await commands.get():
        command = json.loads(line)
        cpu_s, wall_s = _cpu_s(), time.perf_counter()
        result = await getattr(load, command.pop("do"))(**command)
        elapsed_s = max(1e-6, time.perf_counter() - wall_s)
        result["generator_cpu_percent"] = round(100 * (_cpu_s() - cpu_s) / elapsed_s)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


def _read_lines(loop: asyncio.AbstractEventLoop, commands: asyncio.Queue[str]) -> None:
    for line in sys.stdin:
        loop.call_soon_threadsafe(commands.put_nowait, line)
    loop.call_soon_threadsafe(commands.put_nowait, "")


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve())
