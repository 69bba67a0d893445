"""Prices and what was charged by them."""

from billing.models.cdrs import Cdr, CdrLine
from billing.models.tariffs import PriceComponent, Tariff, TariffAssignment, TariffElement

__all__ = ["Cdr", "CdrLine", "PriceComponent", "Tariff", "TariffAssignment", "TariffElement"]
