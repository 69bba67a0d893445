"""What a made-up session would cost by a tariff: the same engine as for real ones, nothing stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing import rating
from billing.models import Tariff
from billing.pricing import priced_line
from billing.spot.market import prices_between
from chargeportal.common.money import Money
from sessions.ports import Price, PricedLine

_SECONDS_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Case:
    """A session to try: when it begins, how much and how long it charges, how long it stays after that."""

    starts_at: dt.datetime
    energy_kwh: Decimal
    charging_minutes: int
    parking_minutes: int
    time_zone: str

    @property
    def ends_at(self) -> dt.datetime:
        """When the car leaves."""
        return self.starts_at + dt.timedelta(minutes=self.charging_minutes + self.parking_minutes)


def preview(tariff: Tariff, *, case: Case) -> Price:
    """The price of the made-up session with its lines; energy flows evenly, on three phases of 230 V.

    Raises rating.InvalidTariff where the tariff cannot be priced.
    """
    ocpi = tariff.as_ocpi()
    if "x_dynamic" in ocpi:
        ocpi["x_dynamic"] = ocpi["x_dynamic"] | {"prices": _market(ocpi["x_dynamic"], tariff, case)}
    rated = rating.rate(_session(case), tariff=rating.parse_tariff(ocpi))
    return price_from(tuple(priced_line(line) for line in rated.lines), tariff=tariff, case=case)


def price_from(lines: tuple[PricedLine, ...], *, tariff: Tariff, case: Case) -> Price:
    """The lines with their sums."""

    def total(field: str) -> Decimal:
        zero = Money.zero(tariff.currency).rounded().amount
        return sum((getattr(line, field) for line in lines), zero)

    return Price(
        currency=tariff.currency,
        total_excl_vat=total("amount_excl_vat"),
        total_vat=total("amount_vat"),
        total_incl_vat=total("amount_incl_vat"),
        lines=lines,
        tariff_name=tariff.name,
        is_final=False,
        charging_s=case.charging_minutes * _SECONDS_A_MINUTE,
        parking_s=case.parking_minutes * _SECONDS_A_MINUTE,
    )


def _market(dynamic: Mapping[str, Any], tariff: Tariff, case: Case) -> list[dict[str, str]]:
    known = prices_between(case.starts_at, case.ends_at, area=dynamic["area"], currency=tariff.currency)
    return [price.as_evidence() for price in known]


def _session(case: Case) -> rating.MeasuredSession:
    charged_at = case.starts_at + dt.timedelta(minutes=case.charging_minutes)
    periods = []
    if case.charging_minutes:
        energy_wh = case.energy_kwh * 1000
        power_w = energy_wh * 60 / case.charging_minutes
        periods.append(
            rating.MeasuredPeriod(
                start=case.starts_at,
                end=charged_at,
                kind=rating.PeriodKind.CHARGING,
                energy_wh=energy_wh,
                power_w=power_w,
                current_a=power_w / 230,
            )
        )
    if case.parking_minutes:
        periods.append(
            rating.MeasuredPeriod(
                start=charged_at,
                end=case.ends_at,
                kind=rating.PeriodKind.PARKING,
                power_w=Decimal(0),
                current_a=Decimal(0),
            )
        )
    return rating.MeasuredSession(periods=tuple(periods), time_zone=ZoneInfo(case.time_zone))
