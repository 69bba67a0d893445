"""Tariffs and charge detail records in the admin."""

from billing.admin import cdrs, tariffs  # noqa: F401
