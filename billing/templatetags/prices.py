"""Prices on pages of the apps below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from billing.price_groups import ANYBODY, Driver
from billing.price_lists import ListedDiscount, ListedPrice, PriceList
from billing.price_lists import price_lists as lists_at
from chargeportal.common.formats import format_money, format_percent, format_unit_price
from chargeportal.common.money import Money, round_half_up

register = template.Library()


@register.simple_tag(takes_context=True)
def price_lists(context: Mapping[str, Any], evse_ids: Iterable[int]) -> dict[int, PriceList]:
    """The price list that holds for whoever looks at each outlet that has one, by the outlet's id."""
    user = getattr(context.get("request"), "user", None)
    driver = Driver(user_id=user.pk) if user is not None and user.is_authenticated else ANYBODY
    return lists_at(evse_ids, at=timezone.now(), driver=driver)


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
    """Every price of the list as a sentence, in the order of the law: kWh, minute, session, other."""
    texts = [_sentence(each, prices) for each in prices.listed if each.price or each.follows_market]
    texts += [_discount(each, prices) for each in prices.discounts]
    if prices.idle_grace_minutes and prices.per_parking_hour:
        texts.append(
            ngettext(
                "The first %(count)d minute without charging is free",
                "The first %(count)d minutes without charging are free",
                prices.idle_grace_minutes,
            )
            % {"count": prices.idle_grace_minutes}
        )
    bounds = (
        (prices.least, _("A session costs at least %(price)s")),
        (prices.most, _("A session costs at most %(price)s")),
        (prices.most_a_day, _("You pay at most %(price)s a day")),
    )
    return texts + [words % {"price": _amount(amount, prices)} for amount, words in bounds if amount]


def _sentence(each: ListedPrice, prices: PriceList) -> str:
    if each.for_reservation:
        amount = _amount(each.price, prices) if each.kind == "FLAT" else _timed(each.price, prices)
        text = _("%(price)s for a reservation") % {"price": amount}
    else:
        text = _KINDS[each.kind](each, prices)
    return f"{text} ({each.when})" if each.when else text


def _energy(each: ListedPrice, prices: PriceList) -> str:
    text = _("%(price)s per kWh") % {"price": _amount(each.price, prices)}
    if not each.follows_market:
        return text
    if each.is_now:
        return _("%(price)s right now, following the market price of electricity") % {"price": text}
    return _("The price per kWh follows the market price of electricity; you see it before you start")


_KINDS: dict[str, Callable[[ListedPrice, PriceList], str]] = {
    "ENERGY": _energy,
    "TIME": lambda each, prices: _("%(price)s while the car charges") % {"price": _timed(each.price, prices)},
    "PARKING_TIME": lambda each, prices: (
        _("%(price)s while the car stays plugged in without charging") % {"price": _timed(each.price, prices)}
    ),
    "FLAT": lambda each, prices: _("%(price)s for each start") % {"price": _amount(each.price, prices)},
}


def _discount(each: ListedDiscount, prices: PriceList) -> str:
    if each.percent is not None:
        off = format_percent(each.percent, _language())
    else:
        off = _("%(price)s per kWh") % {"price": _amount(each.per_kwh or Decimal(0), prices)}
    text = _("%(name)s: %(discount)s off the energy price") % {"name": each.name, "discount": off}
    return f"{text} ({each.when})" if each.when else text


def _timed(per_hour: Decimal, prices: PriceList) -> str:
    """Per minute, as the law wants it; beside it per hour where a minute is no amount one can pay exactly."""
    per_minute = round_half_up(per_hour / 60, digits=4)
    text = _("%(price)s per minute") % {"price": _amount(per_minute, prices)}
    if per_minute == per_minute.quantize(Decimal("0.01")) and per_minute * 60 == per_hour:
        return text
    return f"{text} ({_('%(price)s per hour') % {'price': _amount(per_hour, prices)}})"


def _amount(amount: Decimal, prices: PriceList) -> str:
    money = Money(amount, prices.currency)
    if money.rounded().amount == amount:
        return format_money(money, _language())
    return format_unit_price(money, _language(), unit="").removesuffix("/")


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE
