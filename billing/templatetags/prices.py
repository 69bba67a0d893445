"""Prices on pages of the apps below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.price_lists import PriceList
from billing.price_lists import price_lists as lists_at
from chargeportal.common.formats import format_money, format_unit_price
from chargeportal.common.money import Money

register = template.Library()


@register.simple_tag
def price_lists(evse_ids: Iterable[int]) -> dict[int, PriceList]:
    """The price list of each outlet that has one, by the outlet's id."""
    return lists_at(evse_ids, at=timezone.now())


@register.simple_tag
def cheapest(prices: Mapping[int, PriceList], evse_ids: Iterable[int]) -> PriceList | None:
    """The price list with the lowest price per kWh among those outlets."""
    here = [prices[evse_id] for evse_id in evse_ids if evse_id in prices]
    return min(here, key=lambda listed: listed.per_kwh or Decimal(0), default=None)


@register.simple_tag
def price_groups(prices: Mapping[int, PriceList], states: Iterable[Any]) -> list[dict[str, Any]]:
    """The different price lists of those outlets, each with the outlets it holds at."""
    groups: dict[PriceList | None, list[Any]] = {}
    for state in states:
        groups.setdefault(prices.get(state.evse_id), []).append(state)
    return [{"prices": listed, "states": at} for listed, at in groups.items()]


@register.filter
def held_at(prices: Mapping[int, PriceList], evse_id: int) -> PriceList | None:
    """The price list of one outlet."""
    return prices.get(evse_id)


@register.filter
def per_kwh(prices: PriceList) -> str:
    """The price of energy in short: `4,95 kr/kWh`."""
    return format_unit_price(Money(prices.per_kwh or Decimal(0), prices.currency), _language(), unit="kWh")


@register.filter
def in_words(prices: PriceList) -> list[str]:
    """Every price of the list as a sentence."""
    texts = []
    if prices.per_kwh:
        texts.append(_("%(price)s per kWh") % {"price": _amount(prices.per_kwh, prices)})
    if prices.per_charging_hour:
        texts.append(
            _("%(price)s while the car charges") % {"price": _timed(prices.per_charging_hour, prices)}
        )
    if prices.per_parking_hour:
        texts.append(
            _("%(price)s while the car stays plugged in without charging")
            % {"price": _timed(prices.per_parking_hour, prices)}
        )
    if prices.per_start:
        texts.append(_("%(price)s for each start") % {"price": _amount(prices.per_start, prices)})
    return texts


def _timed(per_hour: Decimal, prices: PriceList) -> str:
    """Per minute where that is a price one can pay exactly, else per hour."""
    per_minute = per_hour / 60
    if per_minute == per_minute.quantize(Decimal("0.01")):
        return _("%(price)s per minute") % {"price": _amount(per_minute, prices)}
    return _("%(price)s per hour") % {"price": _amount(per_hour, prices)}


def _amount(amount: Decimal, prices: PriceList) -> str:
    money = Money(amount, prices.currency)
    if money.rounded().amount == amount:
        return format_money(money, _language())
    return format_unit_price(money, _language(), unit="").removesuffix("/")


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE
