"""Whether the bounds of a tariff keep to its VAT: a line that lowers or raises a bill needs one rate."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing.rating import InvalidTariff, reading
from billing.tariffs.findings import Finding, error

_BOUNDS = ("min_price", "max_price", "x_day_cap")
#: Less than half an öre is a matter of decimals.
_TOLERANCE = Decimal("0.005")


def bound_rate_findings(ocpi: Mapping[str, Any]) -> Iterator[Finding]:
    """Bounds over prices of several VAT rates, and bounds whose two sides lie another rate apart."""
    if ocpi.get("tax_included") == "N/A" or not any(ocpi.get(name) for name in _BOUNDS):
        return
    rates = set(_rates(ocpi))
    if len(rates) > 1:
        yield error(
            "bounds_over_several_rates",
            _("The prices have several VAT rates: a lowest or highest price would belong to none of them."),
        )
        return
    for rate in rates:
        for name in ("min_price", "max_price"):
            if _is_off(ocpi.get(name), rate):
                yield error(
                    "bound_off_rate",
                    _("The lowest and highest price, with and without VAT, must lie the VAT rate apart."),
                )


def _rates(ocpi: Mapping[str, Any]) -> Iterator[Decimal]:
    for element in ocpi.get("elements") or ():
        for component in element.get("price_components") or () if isinstance(element, Mapping) else ():
            if isinstance(component, Mapping):
                yield _number(component.get("vat")) or Decimal(0)


def _is_off(bound: Any, rate: Decimal) -> bool:
    if not isinstance(bound, Mapping):
        return False
    excl = _number(bound.get("before_taxes", bound.get("excl_vat")))
    incl = _number(bound.get("after_taxes", bound.get("incl_vat")))
    return excl is not None and incl is not None and abs(excl * (1 + rate / 100) - incl) >= _TOLERANCE


def _number(value: Any) -> Decimal | None:
    try:
        return None if value is None else reading.number(value, "")
    except InvalidTariff:
        return None
