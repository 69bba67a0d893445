"""Step sizes: quantities are rounded up once per session, at the price that came last.

OCPI 2.2.1 and 2.3.0, mod_cdrs "step_size": energy by the step of the last component that priced energy;
charging and parking time together by the step of the last active one, which rounds only its own dimension;
reservation time on its own.
"""

from __future__ import annotations

from billing.rating.counting import Charge, Tallies, Tally
from billing.rating.quantities import NWH_PER_WH, US_PER_S


def round_up(tallies: Tallies) -> None:
    """Add to the last tally of each kind what its step size asks for; exact multiples stay as they are."""
    _fill_step(tallies, tallies.last_energy, Charge.ENERGY, unit=NWH_PER_WH)
    if tallies.last_clock is not None:
        _fill_step(tallies, tallies.last_clock, tallies.last_clock.charge, unit=US_PER_S)
    _fill_step(tallies, tallies.last_reservation, Charge.RESERVATION_TIME, unit=US_PER_S)


def _fill_step(tallies: Tallies, last: Tally | None, charge: Charge, *, unit: int) -> None:
    if last is None or not last.candidate.component.step_size:
        return
    total = sum(tally.counted for tally in tallies.of(charge))
    last.rounded_up = -total % (last.candidate.component.step_size * unit)
