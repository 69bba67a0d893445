"""The pure rating engine: measured periods and an OCPI tariff in, priced and explained lines out.

    tariff = parse_tariff(ocpi)          # once per tariff
    rated = rate(session, tariff=tariff) # preview, live cost, CDR and invoice alike

Imports no Django and no app.
"""

from billing.rating.counting import Charge
from billing.rating.engine import rate
from billing.rating.explanation import describe, exact_text, trace
from billing.rating.reading import InvalidTariff
from billing.rating.result import Quantities, RatedLine, RatedSession, Rounded
from billing.rating.session import (
    InvalidSession,
    MeasuredPeriod,
    MeasuredSession,
    PeriodKind,
    ReservationOutcome,
)
from billing.rating.tariff import Dimension, Tariff, TaxIncluded, parse_tariff
from billing.rating.thinning import needs_power, needs_readings, thinned

__all__ = [
    "Charge",
    "Dimension",
    "InvalidSession",
    "InvalidTariff",
    "MeasuredPeriod",
    "MeasuredSession",
    "PeriodKind",
    "Quantities",
    "RatedLine",
    "RatedSession",
    "ReservationOutcome",
    "Rounded",
    "Tariff",
    "TaxIncluded",
    "describe",
    "exact_text",
    "needs_power",
    "needs_readings",
    "parse_tariff",
    "rate",
    "thinned",
    "trace",
]
