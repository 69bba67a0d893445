"""From a price to the amounts before and after tax, by the tariff's tax form and the component's VAT."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from billing.rating.tariff import Tariff, TaxIncluded

#: Where sales tax is added later, by the seller's location and the buyer, and is not known here.
_SALES_TAX_COUNTRIES = frozenset({"US", "CA"})


class Amount(NamedTuple):
    """An exact amount before and after tax; None where the tax is not known."""

    excl: Fraction | None
    incl: Fraction | None


def taxed(price: Fraction, *, vat_rate: Fraction | None, tariff: Tariff) -> Amount:
    """Return the amount a price comes to. Nothing costs nothing, whatever the tax."""
    if not price or tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        return Amount(price, price)
    if tariff.tax_included is TaxIncluded.YES:
        return Amount(None if vat_rate is None else price / (1 + vat_rate), price)
    if vat_rate is not None:
        return Amount(price, price * (1 + vat_rate))
    return Amount(price, None if tariff.country_code in _SALES_TAX_COUNTRIES else price)
