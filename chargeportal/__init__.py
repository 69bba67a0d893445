"""ChargePortal: the system an electric-vehicle charge-point operator runs its business on."""

__version__ = "0.1.0"
