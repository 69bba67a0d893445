"""What Prometheus is told of the gateway in this process."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

CONNECTIONS = Gauge("ocpp_connections", "Charging stations whose socket this process holds")
WAITING = Gauge("ocpp_messages_waiting", "Messages of stations that wait to be committed and answered")
COMMITTED = Counter("ocpp_messages_committed", "Messages of stations handled and committed", ["lane"])
FAILED = Counter("ocpp_messages_failed", "Messages of stations whose handler failed", ["lane"])
COMMIT_S = Histogram(
    "ocpp_commit_seconds",
    "Time from taking a batch to its commit",
    ["lane"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def watch(*, connections: Callable[[], int], waiting: Callable[[], int]) -> None:
    """Have the gauges ask these functions from now on."""
    CONNECTIONS.set_function(connections)
    WAITING.set_function(waiting)
