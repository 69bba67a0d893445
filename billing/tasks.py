"""Work of the billing app in the background."""

from celery import shared_task
from django.utils import timezone

from billing import cdrs

SWEEP_AT_MOST = 500

BEAT_SCHEDULE = {
    "billing.rate_ended_sessions": {
        "task": "billing.tasks.rate_ended_sessions",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.correct_sessions": {
        "task": "billing.tasks.correct_sessions",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
}


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def rate_session(*, session_id: int) -> None:
    """The ended session has its CDR; doing it twice makes no second one."""
    cdrs.rate_session(session_id, now=timezone.now())


@shared_task(queue="billing")
def rate_ended_sessions() -> int:
    """Ended sessions whose fact was lost are rated after all; returns how many waited."""
    waiting = cdrs.unrated_session_ids(most=SWEEP_AT_MOST)
    for session_id in waiting:
        rate_session.delay(session_id=session_id)
    return len(waiting)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def correct_session(*, session_id: int) -> None:
    """The session's record says what is known of it now; doing it twice corrects once."""
    cdrs.correct_session(session_id, now=timezone.now())


@shared_task(queue="billing")
def correct_sessions() -> int:
    """Records whose correction was lost are corrected after all; returns how many waited."""
    waiting = cdrs.uncorrected_session_ids(most=SWEEP_AT_MOST)
    for session_id in waiting:
        correct_session.delay(session_id=session_id)
    return len(waiting)
