"""What was measured: the input of the rating engine.

The caller decides which clock runs when. CHARGING is the time the vehicle asks for power, also while the
station withholds it (SuspendedEVSE, smart charging); PARKING is the time it is connected and does not ask
(SuspendedEV, Finishing, charging ended but plugged in); RESERVATION is the time the EVSE was held.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

#: Longer ones are clock nonsense, and would be cut at every midnight of a thousand years.
LONGEST_SESSION_S = 10 * 366 * 86_400


class InvalidSession(ValueError):
    """The measured periods contradict each other; the text names the period."""


class PeriodKind(StrEnum):
    """Which clock runs."""

    CHARGING = "CHARGING"
    PARKING = "PARKING"
    RESERVATION = "RESERVATION"


class ReservationOutcome(StrEnum):
    """What became of the reservation before the session."""

    NONE = "NONE"
    USED = "USED"
    EXPIRED = "EXPIRED"


class MeasuredPeriod(NamedTuple):
    """A half-open stretch of time between two readings, with the energy that flowed in it.

    Energy, power and current are taken as even within the period. `power_w` is the mean power, `current_a`
    the sum over the phases (3 x 16 A = 48 A); None means not measured, and then no restriction on it matches.
    A tuple and not a dataclass, because a session has hundreds.
    """

    start: datetime
    end: datetime
    kind: PeriodKind = PeriodKind.CHARGING
    energy_wh: Decimal = Decimal(0)
    power_w: Decimal | None = None
    current_a: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MeasuredSession:
    """The periods in order, never overlapping, and the zone whose wall clock the tariff speaks of.

    A session still running ends its last period at the instant it is priced for. `register_start_wh` is the
    meter's register at the beginning of the first period; with it the explanation can quote readings.
    """

    periods: tuple[MeasuredPeriod, ...]
    time_zone: ZoneInfo
    reservation: ReservationOutcome = ReservationOutcome.NONE
    register_start_wh: Decimal | None = None
