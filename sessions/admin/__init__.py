"""Charging sessions in the admin."""

from sessions.admin import reviews, sessions, start_requests, unmatched_stops  # noqa: F401
