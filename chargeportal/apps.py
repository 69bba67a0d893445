"""The project itself as an app: it owns the management commands that touch several apps."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils import timezone


class ChargePortalConfig(AppConfig):
    name = "chargeportal"
    label = "chargeportal"

    def ready(self) -> None:
        """Bind `shared_task` to our Celery app; register live pages and figures."""
        from chargeportal import celery  # noqa: F401
        from chargeportal.dashboards import live  # noqa: F401
        from chargeportal.health import gauges

        gauges.register()

        post_migrate.connect(make_partitions, sender=self)


def make_partitions(**_kwargs: Any) -> None:
    """After `migrate`, the big tables have partitions for this month and the next ones."""
    from chargeportal.common.partitions import ensure_partitions

    ensure_partitions(today=timezone.now().date())
