"""Tariffs and charge detail records in the admin."""

from billing.admin import (  # noqa: F401
    cdrs,
    dunning,
    energy_costs,
    ledger,
    payments,
    price_groups,
    reconciliations,
    spot,
    tariffs,
)
