"""Tariffs and charge detail records in the admin."""

from billing.admin import cdrs, ledger, price_groups, tariffs  # noqa: F401
