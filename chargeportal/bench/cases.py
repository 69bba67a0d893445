"""The cases: each drives the gateway with the generator and reports one line."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chargeportal.bench import database
from chargeportal.bench.processes import Generator, Server

Report = dict[str, Any]
SUBPROTOCOLS = {"B16": "ocpp1.6", "B201": "ocpp2.0.1"}
SETTLE_S = 1.0


@dataclass(slots=True)
class Bench:
    """What the cases work with."""

    generator: Generator
    gateway: Server
    echo: Server
    seconds: float
    echo_per_cpu_second: float = 0.0

    def connect(self, server: Server, prefix: str, count: int, *, hello: bool) -> Report:
        """Connect stations; with `hello` they boot and report two statuses."""
        return self.generator.do(
            "connect", host="127.0.0.1", port=server.port, prefix=prefix, count=count, hello=hello,
            password=database.PASSWORD, subprotocol=SUBPROTOCOLS[prefix],
        )  # fmt: skip

    def measured(self, server: Server, work: Callable[[], Report]) -> Report:
        """Return the report of `work` with what it cost the server."""
        before = server.usage()
        report = work()
        used_s = server.usage().cpu_s - before.cpu_s
        report[f"{server.name}_cpu_s"] = round(used_s, 3)
        if report.get("messages"):
            report["per_cpu_second"] = round(report["messages"] / used_s)
            report["messages_per_second"] = round(report["messages"] / report["seconds"])
            if server is self.gateway and self.echo_per_cpu_second:
                report["of_echo"] = round(report["per_cpu_second"] / self.echo_per_cpu_second, 2)
        return report


def storms(bench: Bench, stations: int) -> Iterator[Report]:
    """All stations connect, boot and report two statuses; then all are cut off and come straight back."""
    for number in (1, 2):
        before = bench.gateway.usage()
        report = bench.measured(
            bench.gateway, lambda: bench.connect(bench.gateway, "B16", stations, hello=True)
        )
        yield {
            "case": f"storm {number}",
            "stations": stations,
            **report,
            "kb_per_connection": round(
                (bench.gateway.usage().rss_bytes - before.rss_bytes) / 1024 / stations, 1
            ),
        }
        if number == 1:
            bench.generator.do("disconnect")


def memory(bench: Bench, stations: int) -> Iterator[Report]:
    """What an idle connection keeps: the process has not served anyone before."""
    before = bench.gateway.usage().rss_bytes
    bench.connect(bench.gateway, "B16", stations, hello=False)
    time.sleep(SETTLE_S)
    after = bench.gateway.usage().rss_bytes
    yield {
        "case": "connection memory",
        "stations": stations,
        "kb_per_connection": round((after - before) / 1024 / stations, 1),
    }
    bench.generator.do("disconnect")
    time.sleep(SETTLE_S)


def closed_loop(bench: Bench, message: str, stations: int) -> Iterator[Report]:
    """Every station sends again as soon as it is answered."""
    yield _counted(
        bench,
        {"case": "closed loop", "message": message, "stations": stations},
        lambda: bench.generator.do("closed_loop", message=message, seconds=bench.seconds),
    )


def fixed_rate(bench: Bench, message: str, stations: int, rate: float) -> Iterator[Report]:
    """Messages leave at a steady rate, whatever the answers do."""
    yield _counted(
        bench,
        {"case": "fixed rate", "message": message, "stations": stations, "rate": rate},
        lambda: bench.generator.do("fixed_rate", message=message, seconds=bench.seconds, rate=rate),
    )


def baseline(bench: Bench, stations: int) -> Iterator[Report]:
    """The same MeterValues against the server that only echoes."""
    bench.connect(bench.echo, "B16", stations, hello=False)
    report = bench.measured(
        bench.echo,
        lambda: bench.generator.do("closed_loop", message="MeterValues 1.6", seconds=bench.seconds),
    )
    bench.generator.do("disconnect")
    bench.echo_per_cpu_second = report["per_cpu_second"]
    yield {"case": "baseline echo without database", "stations": stations, **report}


def _counted(bench: Bench, head: Report, work: Callable[[], Report]) -> Report:
    """Add to the report whether every acknowledged message is in the database."""
    action = head["message"].split()[0]
    frames, samples = database.acknowledged_rows(action), database.samples()
    report = bench.measured(bench.gateway, work)
    acknowledged = report["messages"] - report["errors"]
    report["rows"] = database.acknowledged_rows(action) - frames
    report["all_stored"] = report["rows"] == acknowledged
    if action == "MeterValues":
        report["samples"] = database.samples() - samples
        report["all_stored"] = report["all_stored"] and report["samples"] == acknowledged
    return {**head, **report}
