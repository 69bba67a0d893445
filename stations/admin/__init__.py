"""Locations, charging stations and what they said, in the admin."""

from stations.admin import commands, history, locations, stations  # noqa: F401
