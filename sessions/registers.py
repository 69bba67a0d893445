"""How much energy the meter's register proves for a session, and what it cannot prove.

The baseline is the first plausible register, and energy is bounded by what the EVSE can give in the
time: an odometer of 910 kWh after an offline start that reported 0 must never become a bill.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from django.conf import settings

from sessions.models import ChargingSession

#: Assumed where nobody entered the EVSE's power: more than any car charger of today gives.
DEFAULT_MAX_POWER_W = Decimal(400_000)
POWER_MARGIN = Decimal("1.1")
#: No car takes this much between two readings of a session, whatever the EVSE.
ALWAYS_IMPLAUSIBLE_WH = Decimal(200_000)
WH = Decimal("0.001")
PAIR = 2
#: What settling may say of the registers; said anew each time.
FLAGS = frozenset(
    {
        "no_registers",
        "implausible_register",
        "implausible_start_register",
        "register_fell",
        "impossible_energy",
    }
)


@dataclass(frozen=True, slots=True)
class Register:
    """What the cumulative import register showed at an instant."""

    at: dt.datetime
    wh: Decimal


@dataclass(frozen=True, slots=True)
class Settled:
    """The energy of a session. ``doubt`` names why a person must look at it before it is billed."""

    energy_wh: Decimal
    flags: tuple[str, ...] = ()
    doubt: str = ""


def as_wh(value: float | Decimal) -> Decimal:
    """The value as an exact number of milliwatt-hours' precision."""
    return Decimal(str(value)).quantize(WH)


def settle(session: ChargingSession) -> Settled:
    """The energy of an ended session from its start, samples and stop registers."""
    registers = readings_of(session, until=session.ended_at or session.started_at)
    return settle_registers(registers, max_power_w=max_power_w(session))


def settle_registers(registers: Sequence[Register], *, max_power_w: Decimal) -> Settled:
    """The energy between the first plausible register and the last; see ``Settled``.

    ``registers`` are in the order of time. A single reading that fits neither the one before nor the
    one after it, while these fit each other, is a slip and is left out. Fewer than two prove nothing.
    """
    if len(registers) < PAIR:
        return Settled(Decimal(0), ("no_registers",), "no_registers")
    kept, flags = _without_slips(registers, max_power_w=max_power_w)
    doubt = ""
    if len(kept) > PAIR and not _is_possible(kept[0], kept[1], max_power_w=max_power_w):
        flags.append("implausible_start_register")
        doubt = "register_fell" if kept[1].wh < kept[0].wh else ""
        kept = kept[1:]
    energy = Decimal(0)
    for earlier, later in pairwise(kept):
        if _is_possible(earlier, later, max_power_w=max_power_w):
            energy += later.wh - earlier.wh
        else:
            reason = "register_fell" if later.wh < earlier.wh else "impossible_energy"
            flags.append(reason)
            doubt = doubt or reason
    return Settled(energy, tuple(dict.fromkeys(flags)), doubt)


def impossible_steps(
    registers: Sequence[Register], *, max_power_w: Decimal
) -> list[tuple[Register, Register]]:
    """The neighbours between which the register fell or rose by more than the EVSE can give."""
    return [
        (earlier, later)
        for earlier, later in pairwise(registers)
        if not _is_possible(earlier, later, max_power_w=max_power_w)
    ]


def possible_wh(*, max_power_w: Decimal, duration: dt.timedelta) -> Decimal:
    """The most energy that is believed for a time, in Wh."""
    seconds = max(Decimal(str(duration.total_seconds())), Decimal(0))
    bound = max_power_w * POWER_MARGIN * seconds / 3600
    return max(bound, Decimal(settings.METER_PLAUSIBLE_ANYWAY_WH)).quantize(WH)


def max_power_w(session: ChargingSession) -> Decimal:
    """What the session's EVSE can give at most."""
    power_kw = session.evse.max_power_kw if session.evse else None
    if power_kw is None:
        power_kw = session.station.max_power_kw
    return power_kw * 1000 if power_kw else DEFAULT_MAX_POWER_W


def _without_slips(
    registers: Sequence[Register], *, max_power_w: Decimal
) -> tuple[list[Register], list[str]]:
    kept = [registers[0]]
    for n, register in enumerate(registers[1:], start=1):
        is_slip = (
            n + 1 < len(registers)
            and not _is_possible(kept[-1], register, max_power_w=max_power_w)
            and _is_possible(kept[-1], registers[n + 1], max_power_w=max_power_w)
        )
        if not is_slip:
            kept.append(register)
    return kept, ["implausible_register"] if len(kept) < len(registers) else []


def _is_possible(earlier: Register, later: Register, *, max_power_w: Decimal) -> bool:
    most_wh = possible_wh(max_power_w=max_power_w, duration=later.at - earlier.at)
    return 0 <= later.wh - earlier.wh <= most_wh


def readings_of(session: ChargingSession, *, until: dt.datetime) -> list[Register]:
    """Start register, samples and (once ended) stop register, in the order of time, until ``until``.

    The readings of Transaction.Begin and .End are the start and stop registers themselves.
    """
    samples = session.samples.filter(
        energy_wh__isnull=False, sampled_at__gte=session.started_at, sampled_at__lte=until
    )
    if session.meter_start_wh is not None:
        samples = samples.exclude(context="transaction_begin")
    if session.meter_stop_wh is not None:
        samples = samples.exclude(context="transaction_end")
    ordered = samples.order_by("sampled_at", "energy_wh").values_list("sampled_at", "energy_wh")
    registers = [Register(at, wh) for at, wh in ordered if wh is not None]
    if session.meter_start_wh is not None:
        registers.insert(0, Register(session.started_at, session.meter_start_wh))
    if session.meter_stop_wh is not None and session.ended_at is not None:
        registers.append(Register(session.ended_at, session.meter_stop_wh))
    return registers
