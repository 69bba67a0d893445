"""Regular work of the sessions app."""

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from sessions import closing, evidence, holds, late_readings, remote_starts

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
    "sessions.open_missing_reviews": {
        "task": "sessions.tasks.open_missing_reviews",
        "schedule": 300.0,
        "options": {"queue": "stations", "expires": 290},
    },
}
REVIEWS_AT_MOST = 500


@shared_task(queue="stations")
def expire_start_requests() -> int:
    """Remote starts whose car never came are expired."""
    return remote_starts.expire(now=timezone.now())


@shared_task(queue="stations")
def release_incomplete() -> int:
    """Sessions whose queued events never came are settled without them."""
    with transaction.atomic():
        return closing.release_incomplete(now=timezone.now())


@shared_task(queue="stations", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def take_late_readings(*, session_id: int) -> bool:
    """An ended session is settled again if readings that came late prove something else."""
    return late_readings.take(session_id, now=timezone.now())


@shared_task(queue="stations")
def open_missing_reviews() -> int:
    """Held sessions from before there were reviews get theirs, and open reviews their amount."""
    opened = holds.open_missing(most=REVIEWS_AT_MOST, now=timezone.now())
    for review_id in evidence.reviews_without_stake(most=REVIEWS_AT_MOST):
        add_stake.delay(review_id=review_id)
    return opened


@shared_task(queue="stations", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def add_stake(*, review_id: int) -> None:
    """The open review knows what the bill would say."""
    evidence.add_stake(review_id, now=timezone.now())
