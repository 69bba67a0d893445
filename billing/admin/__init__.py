"""Tariffs and charge detail records in the admin."""

from billing.admin import cdrs, ledger, tariffs  # noqa: F401
