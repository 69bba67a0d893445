"""How much energy the meter's register proves for a session, and what it cannot prove.

The baseline is the first plausible register, and energy is bounded by what the EVSE can give in the
time: an odometer of 910 kWh after an offline start that reported 0 must never become a bill.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from sessions.models import ChargingSession

#: Assumed where nobody entered the EVSE's power: more than any car charger of today gives.
DEFAULT_MAX_POWER_W = Decimal(400_000)
POWER_MARGIN = Decimal("1.1")
WH = Decimal("0.001")


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
    registers = _registers_of(session)
    return settle_registers(registers, max_power_w=max_power_w(session))


def settle_registers(registers: Sequence[Register], *, max_power_w: Decimal) -> Settled:
    """The energy between the first plausible register and the last; see ``Settled``.

    ``registers`` are in the order of time. Without two of them nothing is proved: 0 Wh.
    """
    if len(registers) < 2:
        return Settled(Decimal(0), ("no_registers",) if not registers else ())
    flags: list[str] = []
    doubt = ""
    if not _is_possible(registers[0], registers[1], max_power_w=max_power_w):
        if len(registers) == 2:
            return _doubtful_pair(registers[0], registers[1])
        flags.append("implausible_start_register")
        registers = registers[1:]
    energy = Decimal(0)
    for earlier, later in zip(registers, registers[1:], strict=False):
        if later.wh < earlier.wh:
            flags.append("register_fell")
            doubt = doubt or "register_fell"
        elif not _is_possible(earlier, later, max_power_w=max_power_w):
            flags.append("impossible_energy")
            doubt = doubt or "impossible_energy"
        else:
            energy += later.wh - earlier.wh
    return Settled(energy, tuple(dict.fromkeys(flags)), doubt)


def max_power_w(session: ChargingSession) -> Decimal:
    """What the session's EVSE can give at most."""
    power_kw = session.evse.max_power_kw if session.evse else None
    if power_kw is None:
        power_kw = session.station.max_power_kw
    return power_kw * 1000 if power_kw else DEFAULT_MAX_POWER_W


def _doubtful_pair(start: Register, stop: Register) -> Settled:
    reason = "register_fell" if stop.wh < start.wh else "impossible_energy"
    return Settled(Decimal(0), (reason,), reason)


def _is_possible(earlier: Register, later: Register, *, max_power_w: Decimal) -> bool:
    seconds = Decimal((later.at - earlier.at).total_seconds())
    bound = max_power_w * POWER_MARGIN * max(seconds, Decimal(0)) / 3600
    return 0 <= later.wh - earlier.wh <= max(bound, Decimal(settings.METER_PLAUSIBLE_ANYWAY_WH))


def _registers_of(session: ChargingSession) -> list[Register]:
    samples = (
        session.samples.filter(energy_wh__isnull=False)
        .order_by("sampled_at")
        .values_list("sampled_at", "energy_wh")
    )
    registers = [Register(at, wh) for at, wh in _within(session, samples)]
    if session.meter_start_wh is not None:
        registers.insert(0, Register(session.started_at, session.meter_start_wh))
    if session.meter_stop_wh is not None:
        registers.append(Register(session.ended_at, session.meter_stop_wh))
    return registers


def _within(
    session: ChargingSession, samples: Iterable[tuple[dt.datetime, Decimal]]
) -> Iterable[tuple[dt.datetime, Decimal]]:
    """Readings at the boundaries belong to them; readings outside belong to nobody's bill."""
    for at, wh in samples:
        if session.started_at <= at <= session.ended_at:
            yield at, wh
