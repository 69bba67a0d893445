"""Tariffs and charge detail records in the admin."""

from billing.admin import (  # noqa: F401
    cdrs,
    customers,
    dunning,
    exports,
    energy_costs,
    invoices,
    ledger,
    payments,
    payouts,
    price_groups,
    reconciliations,
    runs,
    spot,
    tariffs,
)
