"""The two questions this app asks of the one above it, what it costs and whether it is paid for.

Billing installs its answers when it starts. Until then nothing is priced and every driver is welcome.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from sessions.models import ChargingSession


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One line of a price: amounts rounded to the currency's minor unit."""

    dimension: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    price_includes_vat: bool
    vat_rate: Decimal | None
    amount_excl_vat: Decimal
    amount_vat: Decimal
    amount_incl_vat: Decimal
    trace: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Price:
    """What a session costs. ``is_final`` once its CDR exists; ``tariff_name`` empty when none holds."""

    currency: str
    total_excl_vat: Decimal
    total_vat: Decimal
    total_incl_vat: Decimal
    lines: tuple[PricedLine, ...]
    tariff_name: str
    is_final: bool
    charging_s: int
    parking_s: int


class Pricing(Protocol):
    """Prices sessions."""

    def price(self, session: ChargingSession, *, now: dt.datetime) -> Price | None:
        """The CDR's price when there is one, else as if the session ended ``now``; None if unknown."""

    def totals(self, session_ids: list[int]) -> dict[int, tuple[Decimal, str]]:
        """(total including VAT, currency) of those sessions that have a CDR, in one query."""


class PaymentGuarantee(Protocol):
    """Says whether a driver's charging is paid for."""

    def refusal(self, *, user_id: int | None, evse_id: int | None) -> str:
        """Empty when the driver may charge, else the AuthorizationStatus to answer (no_credit)."""


class _NoPricing:
    def price(self, session: ChargingSession, *, now: dt.datetime) -> Price | None:  # noqa: ARG002 - port
        return None

    def totals(self, session_ids: list[int]) -> dict[int, tuple[Decimal, str]]:  # noqa: ARG002 - port
        return {}


class _Everybody:
    def refusal(self, *, user_id: int | None, evse_id: int | None) -> str:  # noqa: ARG002 - port
        return ""


@dataclass
class _Ports:
    pricing: Pricing
    guarantee: PaymentGuarantee


_ports = _Ports(pricing=_NoPricing(), guarantee=_Everybody())


def install_pricing(pricing: Pricing) -> None:
    """From now on sessions are priced by it."""
    _ports.pricing = pricing


def install_payment_guarantee(guarantee: PaymentGuarantee) -> None:
    """From now on authorisation asks it."""
    _ports.guarantee = guarantee


def pricing() -> Pricing:
    """The installed pricing."""
    return _ports.pricing


def payment_guarantee() -> PaymentGuarantee:
    """The installed payment guarantee."""
    return _ports.guarantee
