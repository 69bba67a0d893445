"""Why a line of a price costs what it costs, in words: the codes of ``billing.rating.explanation``."""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django.utils.dates import WEEKDAYS
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chargeportal.common.formats import format_duration, format_percent, format_quantity, format_unit_price
from chargeportal.common.money import Money
from sessions.ports import PricedLine

Step = dict[str, Any]


def explain(line: PricedLine) -> list[str]:
    """The reasons for the line, one sentence each, in the order of the trace."""
    return [sentence for step in line.trace for sentence in _sentences(step)]


def periods(line: PricedLine) -> list[Step]:
    """The measured stretches behind the line, with instants instead of their texts."""
    return [
        step
        | {"start": dt.datetime.fromisoformat(step["start"]), "end": dt.datetime.fromisoformat(step["end"])}
        for step in line.trace
        if step.get("code") == "period"
    ]


def _sentences(step: Step) -> Iterator[str]:
    words = _WORDS.get(step.get("code", ""))
    if words is not None:
        yield words(step)


def _number(text: Any, *, most_digits: int = 3) -> str:
    return format_quantity(Decimal(str(text)), get_language() or "en", most_digits=most_digits)


def _price(step: Step) -> str:
    money = Money(Decimal(step["price"]), step["currency"])
    return format_unit_price(money, get_language() or "en", unit="").removesuffix("/")


def _vat(step: Step) -> str:
    if step.get("vat_percent") is None:
        return _("no VAT")
    share = {"percent": format_percent(Decimal(step["vat_percent"]), get_language() or "en")}
    if step.get("tax_included") == "YES":
        return _("%(percent)s VAT included") % share
    return _("%(percent)s VAT is added") % share


def _limit(step: Step) -> str:
    """What an adjustment keeps to; older records tell only by how much they were adjusted."""
    money = Money(Decimal(str(step.get("limit", step["price"]))), step["currency"])
    return format_unit_price(money, get_language() or "en", unit="").removesuffix("/")


def _day_cap(step: Step) -> str:
    paid = _price(step | {"price": step.get("paid", "0")})
    values = {"limit": _limit(step), "paid": paid}
    return _("A day costs no more than %(limit)s; %(paid)s had been charged that day already") % values


def _market(step: Step) -> str:
    """What the price is made of; one sentence, so that nobody needs the market's words."""
    values = {
        "area": step.get("area", ""),
        "percent": _number(step.get("add_percent", "0")),
        "fixed": _price(step | {"price": step.get("add_per_kwh", "0")}),
        "price": _price(step),
    }
    return (
        _(
            "Energy follows the day-ahead price of %(area)s plus %(percent)s %% and %(fixed)s per kWh "
            "without VAT; on average it cost %(price)s per kWh"
        )
        % values
        + f" ({_vat(step)})"
    )


def _discount(step: Step) -> str:
    if "percent" in step:
        percent = format_percent(Decimal(step["percent"]), get_language() or "en")
        return _("%(name)s: %(percent)s off the price of energy") % {
            "name": step.get("name", ""),
            "percent": percent,
        }
    off = _price(step | {"price": step.get("per_kwh", step["price"])})
    return _("%(name)s: %(price)s off each kWh") % {"name": step.get("name", ""), "price": off}


def _each(text: Callable[[], str]) -> Callable[[Step], str]:
    """A sentence about a price per unit, with how VAT is in it."""
    return lambda step: f"{text() % {'price': _price(step)}} ({_vat(step)})"


def _weekdays(step: Step) -> str:
    days = ", ".join(str(WEEKDAYS[day]) for day in step["weekdays"])
    return _("Holds on %(days)s") % {"days": days}


def _rounded(step: Step) -> str:
    if step["unit"] == "Wh":
        values = {
            "step": _number(step["step"]),
            "measured": _number(step["measured"]),
            "billed": _number(step["billed"]),
        }
        return _("Billed by %(step)s Wh: %(measured)s Wh measured, %(billed)s Wh billed") % values
    values = {name: format_duration(Decimal(str(step[name]))) for name in ("step", "measured", "billed")}
    return _("Billed by %(step)s: %(measured)s measured, %(billed)s billed") % values


_WORDS: dict[str, Callable[[Step], str]] = {
    "energy_at_price": _each(lambda: _("Energy costs %(price)s per kWh")),
    "charging_time_at_price": _each(lambda: _("Time spent charging costs %(price)s per hour")),
    "parking_time_at_price": _each(lambda: _("Time plugged in without charging costs %(price)s per hour")),
    "start_fee": _each(lambda: _("Each start costs %(price)s")),
    "reservation_time_at_price": _each(lambda: _("A reservation costs %(price)s per hour")),
    "reservation_fee": _each(lambda: _("Each reservation costs %(price)s")),
    "market_energy_price": _market,
    "off_peak_discount": _discount,
    "free_idle_time": lambda step: (
        _("The first %(time)s plugged in without charging are free")
        % {"time": format_duration(Decimal(step["s"]))}
    ),
    "minimum_price": lambda step: _("No session costs less than %(price)s") % {"price": _limit(step)},
    "maximum_price": lambda step: _("No session costs more than %(price)s") % {"price": _limit(step)},
    "day_cap": _day_cap,
    "between_hours": lambda step: _("Holds between %(start)s and %(end)s") % step,
    "on_weekdays": _weekdays,
    "from_date": lambda step: _("Holds from %(date)s") % step,
    "until_date": lambda step: _("Holds until %(date)s") % step,
    "energy_from": lambda step: _("Holds from %(kwh)s kWh") % {"kwh": _number(step["kwh"])},
    "energy_until": lambda step: _("Holds up to %(kwh)s kWh") % {"kwh": _number(step["kwh"])},
    "power_from": lambda step: _("Holds from %(kw)s kW") % {"kw": _number(step["kw"])},
    "power_until": lambda step: _("Holds below %(kw)s kW") % {"kw": _number(step["kw"])},
    "current_from": lambda step: _("Holds from %(a)s A") % {"a": _number(step["a"])},
    "current_until": lambda step: _("Holds below %(a)s A") % {"a": _number(step["a"])},
    "after_duration": lambda step: _("Holds after %(time)s") % {"time": format_duration(Decimal(step["s"]))},
    "before_duration": lambda step: (
        _("Holds until %(time)s have passed") % {"time": format_duration(Decimal(step["s"]))}
    ),
    "for_reservation": lambda _step: _("Holds for reservations"),
    "for_expired_reservation": lambda _step: _("Holds for reservations that nobody used"),
    "rounded_up_to_step": _rounded,
}
