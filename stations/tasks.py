"""Regular work of the stations app."""

from celery import shared_task
from django.utils import timezone

from chargeportal.common import partitions
from stations import presence

BEAT_SCHEDULE = {
    "stations.close_stale_connections": {
        "task": "stations.tasks.close_stale_connections",
        "schedule": 30.0,
        "options": {"queue": "stations", "expires": 25},
    },
    "stations.make_partitions": {
        "task": "stations.tasks.make_partitions",
        "schedule": 6 * 3600.0,
        "options": {"queue": "stations", "expires": 3600},
    },
}


@shared_task(queue="stations")
def close_stale_connections() -> int:
    """Connections of gateway processes that died are history."""
    return presence.close_stale_connections(now=timezone.now())


@shared_task(queue="stations")
def make_partitions() -> list[str]:
    """The big tables have partitions for the months to come."""
    return partitions.ensure_partitions(today=timezone.now().date())
