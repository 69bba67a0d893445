"""The Celery app. Tasks live in each app's `tasks.py`.

A `tasks.py` that wants its tasks run regularly declares them beside the tasks::

    BEAT_SCHEDULE = {
        "billing.rate_ended_sessions": {
            "task": "billing.tasks.rate_ended_sessions",
            "schedule": 60.0,
            "options": {"queue": "billing", "expires": 55},
        },
    }

and beat finds it there. Queues are named in `CELERY_TASK_QUEUES` in the settings.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chargeportal.settings")

app = Celery("chargeportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def collect_schedules(sender: Celery, **_kwargs: Any) -> None:
    """Leave the schedules declared in the `tasks.py` modules in the configuration beat reads."""
    sender.loader.import_default_modules()
    for name, module in sorted(sys.modules.items()):
        if name.endswith(".tasks"):
            sender.conf.beat_schedule |= getattr(module, "BEAT_SCHEDULE", {})


@setup_logging.connect
def keep_our_logging(**_kwargs: Any) -> None:
    """Keep Django's logging configuration instead of Celery's own."""


@worker_ready.connect
def say_alive_at_once(**_kwargs: Any) -> None:
    """Let `/healthz/` see the worker without waiting for its first scheduled sign of life."""
    app.send_task("chargeportal.tasks.say_alive")
