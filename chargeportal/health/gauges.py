"""The network's own figures for `/metrics`, counted when Prometheus asks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from django.db import DatabaseError
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from billing.cdrs import unrated_session_ids
from sessions.models import ChargingSession
from stations.models import ChargingStation, StationCommand
from stations.presence import online_station_ids

#: More than this is "many": counting further would help nobody and cost time on every scrape.
UNRATED_AT_MOST = 1_000
logger = logging.getLogger(__name__)


class NetworkCollector(Collector):
    """Stations, sessions and commands as the database has them."""

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name nothing beforehand, so that registering asks the database nothing."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures; none while the database does not answer."""
        try:
            figures = _figures()
        except DatabaseError:
            logger.warning("the network's figures could not be counted", exc_info=True)
            return
        for name, text, value in figures:
            yield GaugeMetricFamily(f"chargeportal_{name}", text, value=value)


def register() -> None:
    """Leave the figures among what `/metrics` answers."""
    REGISTRY.register(NetworkCollector())


def _figures() -> list[tuple[str, str, int]]:
    waiting = StationCommand.objects.filter(
        state__in=[StationCommand.State.QUEUED, StationCommand.State.SENT]
    )
    return [
        ("stations", "Charging stations in the database", ChargingStation.objects.count()),
        ("stations_online", "Charging stations that are connected now", len(online_station_ids())),
        ("sessions_active", "Charging sessions in progress", ChargingSession.objects.active().count()),
        (
            "sessions_unrated",
            f"Ended sessions without a charge detail record, counted up to {UNRATED_AT_MOST}",
            len(unrated_session_ids(most=UNRATED_AT_MOST)),
        ),
        ("commands_waiting", "Commands to stations that are queued or unanswered", waiting.count()),
    ]
