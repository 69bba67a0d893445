"""Tariffs and charge detail records in the admin."""

from billing.admin import (  # noqa: F401
    cdrs,
    customers,
    dunning,
    energy_costs,
    exports,
    invoices,
    ledger,
    payments,
    payouts,
    plans,
    price_groups,
    reconciliations,
    runs,
    spot,
    tariffs,
    wallets,
)
