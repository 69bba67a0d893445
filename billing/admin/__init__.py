"""Tariffs and charge detail records in the admin."""

from billing.admin import cdrs, dunning, ledger, price_groups, tariffs  # noqa: F401
