"""Regular work of the sessions app."""

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from sessions import closing, remote_starts

BEAT_SCHEDULE = {
    "sessions.expire_start_requests": {
        "task": "sessions.tasks.expire_start_requests",
        "schedule": 30.0,
        "options": {"queue": "stations", "expires": 25},
    },
    "sessions.release_incomplete": {
        "task": "sessions.tasks.release_incomplete",
        "schedule": 300.0,
        "options": {"queue": "stations", "expires": 290},
    },
}


@shared_task(queue="stations")
def expire_start_requests() -> int:
    """Remote starts whose car never came are expired."""
    return remote_starts.expire(now=timezone.now())


@shared_task(queue="stations")
def release_incomplete() -> int:
    """Sessions whose queued events never came are settled without them."""
    with transaction.atomic():
        return closing.release_incomplete(now=timezone.now())
