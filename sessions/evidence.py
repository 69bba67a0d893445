"""What a person needs to see to decide about a held session, as it was when it was held."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import transaction

from sessions import ports, registers
from sessions.models import ChargingSession, SessionReview, TransactionEvent
from sessions.registers import Register

#: Readings kept on each side of what is odd, or of the begin and the end where nothing is.
AROUND = 4
MOST_STEPS = 6


def gather(session: ChargingSession) -> dict[str, Any]:
    """Registers, the readings around what is odd, what would be possible, times and deviations.

    Energies are in Wh and instants ISO 8601, both as text, so that they stay exact in JSON.
    """
    power_w = registers.max_power_w(session)
    readings = registers.readings_of(session, until=session.ended_at or session.started_at)
    steps = registers.impossible_steps(readings, max_power_w=power_w)
    end = session.ended_at or session.started_at
    return {
        "measured_wh": _exact(session.energy_wh),
        "register_start_wh": _exact(session.meter_start_wh),
        "register_stop_wh": _exact(session.meter_stop_wh),
        "max_power_w": str(power_w),
        "possible_wh": str(registers.possible_wh(max_power_w=power_w, duration=end - session.started_at)),
        "steps": [_step(earlier, later, power_w=power_w) for earlier, later in steps[:MOST_STEPS]],
        "readings": [_reading(register) for register in _around(readings, steps)],
        "readings_count": len(readings),
        "times": _times(session),
        "flags": list(session.flags),
        "token": session.id_token_uid,
        "authorization_status": session.authorization_status,
        "billed": _billed(session),
    }


def add_stake(review_id: int, *, now: dt.datetime) -> None:
    """The open review knows what the bill would say if the session were billed as measured.

    Done apart from holding the session, which happens while a station waits for its answer.
    """
    with transaction.atomic():
        review = (
            SessionReview.objects.select_for_update(of=("self",))
            .select_related("session__station__location", "session__evse", "session__id_token")
            .filter(pk=review_id, decision="")
            .first()
        )
        if review is None:
            return
        review.evidence = review.evidence | {"stake": stake_of(review.session, now=now)}
        review.save(update_fields=["evidence"])


def stake_of(session: ChargingSession, *, now: dt.datetime) -> dict[str, str] | None:
    """The amount, with VAT, if the session were billed as measured; None where it cannot be told."""
    try:
        price = ports.pricing().if_billed(session, now=now)
    except ports.CannotBePriced:
        return None
    if price is None:
        return None
    return {"amount": str(price.total_incl_vat), "currency": price.currency}


def reviews_without_stake(*, most: int) -> list[int]:
    """Open reviews whose amount nobody has worked out yet."""
    waiting = SessionReview.objects.filter(decision="").exclude(evidence__has_key="stake")
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:most])


def _step(earlier: Register, later: Register, *, power_w: Decimal) -> dict[str, str]:
    possible = registers.possible_wh(max_power_w=power_w, duration=later.at - earlier.at)
    return {
        "from_at": earlier.at.isoformat(),
        "to_at": later.at.isoformat(),
        "from_wh": str(earlier.wh),
        "to_wh": str(later.wh),
        "difference_wh": str(later.wh - earlier.wh),
        "possible_wh": str(possible),
    }


def _around(readings: list[Register], steps: list[tuple[Register, Register]]) -> list[Register]:
    """Those beside the odd steps; the first and the last where no step is odd."""
    places = [readings.index(earlier) for earlier, _later in steps[:MOST_STEPS]]
    places = places or [0, len(readings) - 1]
    wanted = {
        n for place in places for n in range(place - AROUND, place + AROUND + 2) if 0 <= n < len(readings)
    }
    return [readings[n] for n in sorted(wanted)]


def _reading(register: Register) -> dict[str, str]:
    return {"at": register.at.isoformat(), "wh": str(register.wh)}


def _times(session: ChargingSession) -> dict[str, str | None]:
    """When it began and ended as taken, as received, and as the station told it."""
    told = {
        event.type: event.payload.get("timestamp")
        for event in session.events.filter(
            type__in=(TransactionEvent.Type.STARTED, TransactionEvent.Type.ENDED)
        ).order_by("-pk")
        if isinstance(event.payload, dict)
    }
    return {
        "started_at": _instant(session.started_at),
        "ended_at": _instant(session.ended_at),
        "start_received_at": _instant(session.start_received_at),
        "end_received_at": _instant(session.end_received_at),
        "start_told": _told(told.get(TransactionEvent.Type.STARTED)),
        "end_told": _told(told.get(TransactionEvent.Type.ENDED)),
    }


def _billed(session: ChargingSession) -> dict[str, str] | None:
    """The amount of the bill that the session has already."""
    total = ports.pricing().totals([session.pk]).get(session.pk)
    return None if total is None else {"amount": str(total[0]), "currency": total[1]}


def _exact(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _instant(at: dt.datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _told(text: Any) -> str | None:
    return None if text is None else str(text)[:40]
