"""The lines of a price, written out as a calculation."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chargeportal.common.formats import (
    format_duration,
    format_money,
    format_percent,
    format_quantity,
    format_unit_price,
)
from chargeportal.common.money import Money
from sessions.ports import Price, PricedLine

register = template.Library()
_UNITS = {"kWh": lambda: _("kWh"), "h": lambda: _("h"), "x": lambda: ""}


@register.filter
def dimension_name(line: PricedLine) -> str:
    """What the line is for, in a driver's words."""
    names = {
        "ENERGY": _("Energy"),
        "TIME": _("Charging time"),
        "PARKING_TIME": _("Time plugged in without charging"),
        "FLAT": _("Start fee"),
        "RESERVATION_FLAT": _("Reservation fee"),
        "RESERVATION_TIME": _("Reserved time"),
        "OFF_PEAK_DISCOUNT": _("Discount"),
        "MIN_PRICE": _("Up to the lowest price"),
        "MAX_PRICE": _("Down to the highest price"),
        "DAY_CAP": _("Down to the day's highest price"),
    }
    name = names.get(line.dimension.upper(), line.dimension)
    own = line.trace[0].get("name") if line.trace and line.dimension == "OFF_PEAK_DISCOUNT" else ""
    return f"{name}: {own}" if own else name


@register.filter
def notes(line: PricedLine) -> list[str]:
    """What else a driver wants to know about the line: the minutes that were free."""
    return [
        _("The first %(time)s plugged in without charging are free")
        % {"time": format_duration(Decimal(str(step["s"])))}
        for step in line.trace
        if step.get("code") == "free_idle_time"
    ]


@register.filter
def market_prices(line: PricedLine) -> list[dict[str, Any]]:
    """The stretches of a line whose price followed the market, with instants instead of their texts."""
    return [
        step
        | {"start": dt.datetime.fromisoformat(step["start"]), "end": dt.datetime.fromisoformat(step["end"])}
        for step in line.trace
        if step.get("code") == "market_price"
    ]


@register.simple_tag
def calculation(line: PricedLine, price: Price) -> str:
    """`12,345 kWh × 4,95 kr = 61,11 kr, varav moms 12,22 kr`; for an adjustment what it keeps to."""
    language = get_language() or settings.LANGUAGE_CODE
    if line.dimension in _KEPT_TO:
        return _kept_to(line, price, language)
    words = {
        "quantity": _quantity(line, language),
        "price": format_unit_price(Money(line.unit_price, price.currency), language, unit="").removesuffix(
            "/"
        ),
        "net": format_money(Money(line.amount_excl_vat, price.currency), language),
        "vat": format_money(Money(line.amount_vat, price.currency), language),
        "amount": format_money(Money(line.amount_incl_vat, price.currency), language),
    }
    if line.vat_rate is None:
        return _("%(quantity)s × %(price)s = %(amount)s") % words
    words["rate"] = format_percent(line.vat_rate * 100, language)
    if line.price_includes_vat:
        return _("%(quantity)s × %(price)s = %(amount)s, of which VAT (%(rate)s) %(vat)s") % words
    return _("%(quantity)s × %(price)s = %(net)s, with VAT (%(rate)s) %(vat)s: %(amount)s") % words


def _kept_to(line: PricedLine, price: Price, language: str) -> str:
    """The bound in words; older records tell only the amount of the adjustment."""
    first = line.trace[0] if line.trace else {}

    def amount(name: str) -> str:
        money = Money(Decimal(str(first.get(name) or 0)), price.currency)
        return format_money(money, language)

    if "limit" not in first:
        return ""
    words = {"limit": amount("limit"), "paid": amount("paid")}
    return _KEPT_TO[line.dimension]() % words


_KEPT_TO = {
    "MIN_PRICE": lambda: _("No session costs less than %(limit)s"),
    "MAX_PRICE": lambda: _("No session costs more than %(limit)s"),
    "DAY_CAP": lambda: _("A day costs no more than %(limit)s; %(paid)s had been charged that day already"),
}


def _quantity(line: PricedLine, language: str) -> str:
    """The quantity to multiply by; hours beside the minutes one is used to."""
    unit = _UNITS.get(line.unit, lambda: line.unit)()
    quantity = f"{format_quantity(line.quantity, language, most_digits=6)}\u00a0{unit}".rstrip("\u00a0")
    return f"{format_duration(line.quantity * 3600)} ({quantity})" if line.unit == "h" else quantity
