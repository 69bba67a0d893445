"""Reading single values of an OCPI tariff into exact ones; each error names the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

Choice = TypeVar("Choice", bound=StrEnum)

_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
#: Before and after the decimal point. Sums of such numbers stay exact, and none fills the memory.
_MOST_DIGITS = 20
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class InvalidTariff(ValueError):
    """The tariff cannot be priced; the text begins with the path of the field at fault."""


def at(path: str, index: int) -> str:
    """Return the path of one item of a list: `elements[2]`."""
    return f"{path}[{index}]"


def mapping(value: Any, path: str) -> Mapping[str, Any]:
    """Return the value, which is an object."""
    if not isinstance(value, Mapping):
        raise InvalidTariff(f"{path}: an object is needed")
    return value


def sequence(value: Any, path: str) -> Sequence[Any]:
    """Return the value, which is a list of at least one item."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise InvalidTariff(f"{path}: a list of at least one item is needed")
    return value


def number(value: Any, path: str) -> Decimal:
    """Return the number exactly as it was written; a JSON float stands for its shortest decimal text."""
    exact = value if isinstance(value, Decimal) else _from_text(value, path)
    if not exact.is_finite():
        raise InvalidTariff(f"{path}: a finite number is needed")
    if exact and not -_MOST_DIGITS <= exact.adjusted() <= _MOST_DIGITS:
        raise InvalidTariff(f"{path}: a number of at most {_MOST_DIGITS} digits is needed")
    return exact


def _from_text(value: Any, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidTariff(f"{path}: a number is needed")
    try:
        return Decimal(value if isinstance(value, int) else str(value))
    except InvalidOperation:
        raise InvalidTariff(f"{path}: a number is needed") from None


def non_negative(value: Any, path: str) -> Decimal:
    """Return the number, which is zero or more."""
    exact = number(value, path)
    if exact < 0:
        raise InvalidTariff(f"{path}: must not be negative")
    return exact


def thousands(value: Any, path: str) -> Decimal:
    """Return a value given in kilo-units in its base unit: kWh in Wh, kW in W."""
    return non_negative(value, path) * 1000


def percent(value: Any, path: str) -> Decimal:
    """Return a percentage as a fraction: 25 becomes 0.25."""
    return non_negative(value, path) / 100


def whole(value: Any, path: str) -> int:
    """Return the number, which is a whole one, zero or more."""
    exact = non_negative(value, path)
    if exact != exact.to_integral_value():
        raise InvalidTariff(f"{path}: a whole number is needed")
    return int(exact)


def currency(value: Any, path: str) -> str:
    """Return the three-letter code."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        raise InvalidTariff(f"{path}: an ISO 4217 code such as SEK is needed")
    return value


def time_of_day(value: Any, path: str) -> time:
    """Return an `HH:MM` of the 24-hour clock."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidTariff(f"{path}: a time of day HH:MM is needed")
    return time(int(found[1]), int(found[2]))


def date_value(value: Any, path: str) -> date:
    """Return a `YYYY-MM-DD`."""
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidTariff(f"{path}: a date YYYY-MM-DD is needed")


def weekdays(value: Any, path: str) -> frozenset[int]:
    """Return the named days as numbers, Monday 0."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidTariff(f"{path}: a list of weekdays is needed")
    unknown = [day for day in value if day not in _WEEKDAYS]
    if unknown:
        raise InvalidTariff(f"{path}: not a weekday: {unknown[0]!r}")
    return frozenset(_WEEKDAYS.index(day) for day in value)


def choice(options: type[Choice]) -> Callable[[Any, str], Choice]:
    """Return a reader of one of the enumeration's values."""
    known = {option.value: option for option in options}

    def read(value: Any, path: str) -> Choice:
        found = known.get(value) if isinstance(value, str) else None
        if found is None:
            raise InvalidTariff(f"{path}: {value!r} is none of {', '.join(options)}")
        return found

    return read
