"""Tasks of the project itself."""

from celery import shared_task

from chargeportal.health.checks import WORKER_BEAT_S, note_worker_alive


@shared_task
def say_alive() -> None:
    """Leave a sign of life for `/healthz/`."""
    note_worker_alive()


BEAT_SCHEDULE = {
    "chargeportal.say_alive": {
        "task": "chargeportal.tasks.say_alive",
        "schedule": WORKER_BEAT_S,
        "options": {"expires": WORKER_BEAT_S},
    },
}
