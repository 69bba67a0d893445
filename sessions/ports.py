"""The two questions this app asks of the one above it, what it costs and whether it is paid for.

Billing installs its answers when it starts. Until then nothing is priced and every driver is welcome.
"""

import datetime as dt
from collections.abc import Collection, Mapping
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
    """What a session costs. ``is_final`` once its CDR exists; ``tariff_name`` empty when none holds.

    ``is_waived`` when a person decided that nobody pays.
    """

    currency: str
    total_excl_vat: Decimal
    total_vat: Decimal
    total_incl_vat: Decimal
    lines: tuple[PricedLine, ...]
    tariff_name: str
    is_final: bool
    charging_s: int
    parking_s: int
    is_waived: bool = False


class CannotBePriced(Exception):
    """The session's tariff or its periods contradict themselves."""


class Pricing(Protocol):
    """Prices sessions."""

    def if_billed(self, session: ChargingSession, *, now: dt.datetime) -> Price | None:
        """What a bill made now would say, whatever one said before; None where nothing costs.

        Raises CannotBePriced.
        """

    def price(self, session: ChargingSession, *, now: dt.datetime) -> Price | None:
        """The CDR's price when there is one, else as if the session ended ``now``; None if unknown."""

    def totals(self, session_ids: list[int]) -> dict[int, tuple[Decimal, str]]:
        """(total including VAT, currency) of those sessions that have a CDR, in one query."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token at a place: whose it is, and as far as the station has said it, where it is shown."""

    token_id: int
    user_id: int | None = None
    organisation_id: int | None = None
    station_id: int | None = None
    evse_id: int | None = None


class PaymentGuarantee(Protocol):
    """Says whose charging is paid for."""

    def refusals(self, bearers: Collection[Bearer]) -> Mapping[Bearer, str]:
        """The AuthorizationStatus to answer (no_credit, …) to those who may not charge; one query."""


class _NoPricing:
    def if_billed(self, session: ChargingSession, *, now: dt.datetime) -> Price | None:  # noqa: ARG002 - port
        return None

    def price(self, session: ChargingSession, *, now: dt.datetime) -> Price | None:  # noqa: ARG002 - port
        return None

    def totals(self, session_ids: list[int]) -> dict[int, tuple[Decimal, str]]:  # noqa: ARG002 - port
        return {}


class _Everybody:
    def refusals(self, bearers: Collection[Bearer]) -> Mapping[Bearer, str]:  # noqa: ARG002 - port
        return {}


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
