"""Sessions of the past two weeks, told to the same handlers that real stations talk to."""

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from billing.cdrs import rate_session
from sessions.models import ChargingSession
from stations.models import ChargingStation
from stations.ocpp import dispatch, messages
from stations.ocpp.dispatch import Received, StationRef

SAMPLE_EVERY_S = 300
AC_BELOW_W = 20_000
#: From this share of the charging time on the battery takes less and less.
TAPER_FROM = 0.7


@dataclass(frozen=True, slots=True)
class PastSession:
    """A session some days ago: who, where, how long the car charged and stood."""

    days_ago: int
    hour: int
    identity: str
    uid: str
    power_w: int
    charging_min: int
    parked_min: int


def past_sessions(seed: int = 1) -> list[PastSession]:
    """A believable fortnight: the demo driver every second day, others in between."""
    chance = random.Random(seed)  # noqa: S311  (a demo, no secret)
    plan = []
    for days_ago in range(14, 0, -1):
        uid = "DEMO0001" if days_ago % 2 else f"DEMO000{chance.randint(2, 5)}"
        identity, power_w = chance.choice(
            (("DEMO-AC-2", 10_800), ("DEMO-AC-2", 7_200), ("DEMO-DC-2", 43_000))
        )
        minutes = chance.randint(70, 190) if power_w < AC_BELOW_W else chance.randint(18, 40)
        plan.append(
            PastSession(
                days_ago, chance.randint(7, 18), identity, uid, power_w, minutes, chance.randint(0, 25)
            )
        )
    return plan


def seed_history(*, now: dt.datetime) -> None:
    """Every past session is stored with its samples and priced."""
    dispatch.autodiscover()
    registers: dict[str, float] = {}
    for past in past_sessions():
        tell(past, now=now, registers=registers)
    for session in ChargingSession.objects.filter(state=ChargingSession.State.ENDED):
        rate_session(session.pk, now=now)


def tell(
    past: PastSession, *, now: dt.datetime, registers: dict[str, float], stop_wh: float | None = None
) -> None:
    """The session happened: ``registers`` has the station's at its start and then at its end.

    ``stop_wh`` is what the station says of the register at the end, when it does not say what it is.
    """
    station = ChargingStation.objects.get(identity=past.identity)
    start = (now - dt.timedelta(days=past.days_ago)).replace(
        hour=past.hour, minute=7, second=0, microsecond=0
    )
    charged_until = start + dt.timedelta(minutes=past.charging_min)
    begin_wh = registers.setdefault(past.identity, 1_204_000.0)
    reply = _say(
        station,
        messages.TransactionStarted(
            transaction_ref=None,
            evse_number=1,
            connector_number=1,
            id_token=messages.IdTokenRef(past.uid),
            occurred_at=start,
            meter_start_wh=begin_wh,
        ),
        at=start,
    )
    readings = _readings(past, start=start, begin_wh=begin_wh)
    registers[past.identity] = readings[-1].energy_wh or begin_wh
    _say(
        station,
        messages.MeterValues(evse_number=1, transaction_ref=reply.transaction_ref, readings=tuple(readings)),
        at=charged_until,
    )
    for at, status in ((start, "charging"), (charged_until, "suspended_ev")):
        message = messages.StatusNotification(
            evse_number=1, connector_number=1, status=status, occurred_at=at
        )
        _say(station, message, at=at)
    end = charged_until + dt.timedelta(minutes=past.parked_min)
    _say(
        station,
        messages.TransactionEnded(
            transaction_ref=reply.transaction_ref,
            occurred_at=end,
            meter_stop_wh=registers[past.identity] if stop_wh is None else stop_wh,
            stop_reason="ev_disconnected",
        ),
        at=end,
    )
    available = messages.StatusNotification(
        evse_number=1, connector_number=1, status="available", occurred_at=end
    )
    _say(station, available, at=end)


def _readings(past: PastSession, *, start: dt.datetime, begin_wh: float) -> list[messages.MeterReading]:
    """A level stretch, then the taper of a battery that fills."""
    readings, register = [], begin_wh
    total_s = past.charging_min * 60
    for second in range(0, total_s + 1, SAMPLE_EVERY_S):
        share = second / total_s
        power = past.power_w * (1 if share < TAPER_FROM else max(0.08, 1 - (share - TAPER_FROM) * 3))
        if second:
            register += power * SAMPLE_EVERY_S / 3600
        current = round(power / (3 * 231), 1)
        readings.append(
            messages.MeterReading(
                sampled_at=start + dt.timedelta(seconds=second),
                energy_wh=round(register),
                power_w=round(power),
                current_l1_a=current,
                current_l2_a=current,
                current_l3_a=current,
                voltage_l1_v=231.2,
                voltage_l2_v=230.6,
                voltage_l3_v=231.8,
            )
        )
    return readings


def _say(station: ChargingStation, message: object, *, at: dt.datetime) -> Any:
    owner = dispatch.owner_of(type(message))
    if owner is None:
        raise LookupError(f"Nobody answers {type(message).__name__}")
    with transaction.atomic():
        reference = StationRef(station.pk, station.identity, "1.6")
        return owner.handler([Received(reference, message, at)])[0]
