"""Charging sessions, their transaction events and meter samples.

The label differs from the package because Django's own session app is labelled ``sessions``.
"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SessionsConfig(AppConfig):
    name = "sessions"
    label = "charging_sessions"
    verbose_name = _("Charging sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what the portal's live pages push, and the receivers of this app's own facts."""
        from sessions import receivers  # noqa: F401
        from sessions.web import live  # noqa: F401
