"""The project itself as an app: it owns the management commands that touch several apps."""

from django.apps import AppConfig


class ChargePortalConfig(AppConfig):
    name = "chargeportal"
    label = "chargeportal"

    def ready(self) -> None:
        """Bind `shared_task` to our Celery app in every process that uses Django."""
        from chargeportal import celery  # noqa: F401
