"""Regular work of the sessions app."""

from celery import shared_task
from django.utils import timezone

from sessions import remote_starts

BEAT_SCHEDULE = {
    "sessions.expire_start_requests": {
        "task": "sessions.tasks.expire_start_requests",
        "schedule": 30.0,
        "options": {"queue": "stations", "expires": 25},
    },
}


@shared_task(queue="stations")
def expire_start_requests() -> int:
    """Remote starts whose car never came are expired."""
    return remote_starts.expire(now=timezone.now())
