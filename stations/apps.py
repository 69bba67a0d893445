"""Locations, charging stations, EVSEs, connectors, the OCPP gateway and its commands."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StationsConfig(AppConfig):
    name = "stations"
    verbose_name = _("Charging stations")
    default_auto_field = "django.db.models.BigAutoField"
