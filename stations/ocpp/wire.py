"""Reading and writing the scalar values of the wire: times, numbers, words, texts."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

MAX_SKEW = timedelta(minutes=5)
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # a station that says less has not set its clock
MAX_SMALLINT = 32_767
MAX_BIGINT = 2**63 - 1
REF_LENGTH = 36
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def read_time(value: Any, *, now: datetime, flags: list[str]) -> datetime:
    """Return the time meant by `value`, in UTC; the time of receipt when there is none to be read."""
    if value is None:
        return _flagged(now, "missing_timestamp", flags)
    moment = _parsed(value)
    if moment is None:
        return _flagged(now, "bad_timestamp", flags)
    if moment.tzinfo is None:
        moment = _flagged(moment.replace(tzinfo=UTC), "naive_timestamp", flags)
    elif moment.tzinfo is not UTC:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            return _flagged(now, "bad_timestamp", flags)
    if moment - now > MAX_SKEW or moment < EARLIEST:
        _flagged(moment, "clock_skew", flags)
    return moment


def read_optional_time(value: Any, *, now: datetime, flags: list[str]) -> datetime | None:
    """Return the time meant by `value`, or None when there is none to be read."""
    if value is None:
        return None
    before = len(flags)
    moment = read_time(value, now=now, flags=flags)
    return None if "bad_timestamp" in flags[before:] else moment


def write_time(moment: datetime) -> str:
    """Return the time as every OCPP version takes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@lru_cache(maxsize=1024)
def neutral(word: str) -> str:
    """Return a word of the wire in snake_case: SuspendedEV → suspended_ev, Sample.Clock → sample_clock."""
    spaced = _WORD_STARTS.sub("_", word.replace(".", "_"))
    return re.sub(r"\W+|_+", "_", spaced).strip("_").lower()


def text(value: Any, limit: int) -> str:
    """Return a text of at most `limit` characters, "" for none."""
    if value is None:
        return ""
    return (value if type(value) is str else str(value))[:limit]


def number_in_range(value: Any, limit: int = MAX_SMALLINT) -> int | None:
    """Return a whole number from 0 to `limit`, None for anything else.

    3.0 is a whole number too: JSON Schema counts it among the integers.
    """
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and 0 <= value <= limit:
        return value
    return None


def transaction_ref(value: Any) -> str:
    """Return the transaction's name in at most 36 characters; longer ones keep their beginning and a hash."""
    name = str(value)
    if len(name) <= REF_LENGTH:
        return name
    return f"{name[:19]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _parsed(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        pass
    try:
        return datetime.fromisoformat(str(value).strip().upper().replace(" ", ""))
    except ValueError:
        return None


def _flagged(moment: datetime, flag: str, flags: list[str]) -> datetime:
    if flag not in flags:
        flags.append(flag)
    return moment
