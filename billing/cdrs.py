"""Makes the charge detail record of a session, exactly once."""

import datetime as dt
import logging

from django.db import transaction

from billing import rating
from billing.customers import operator_id_of, payer_of
from billing.ledger import postings
from billing.models import Cdr, CdrLine
from billing.pricing import RatedNow, rate_until
from chargeportal.live import hints
from sessions import clocks
from sessions.models import ChargingSession

logger = logging.getLogger(__name__)

#: Held because its tariff or its periods contradict themselves; a person must mend them.
CANNOT_BE_PRICED = "cannot_be_priced"


def rate_session(session_id: int, *, now: dt.datetime) -> Cdr | None:
    """The session's CDR, made now unless it was there; None while the session runs or is held.

    The session's row is locked, so that of two workers one makes the CDR and the other finds it.
    """
    with transaction.atomic():
        session = (
            ChargingSession.objects.select_for_update(of=("self",))
            .select_related("station__location", "evse")
            .get(pk=session_id)
        )
        existing = Cdr.objects.current().filter(session=session).first()
        if existing is not None or not is_ratable(session):
            return existing
        try:
            rated = rate_until(session, now=now)
        except (rating.InvalidTariff, rating.InvalidSession):
            logger.exception("Session %s cannot be priced and is held", session.public_id)
            session.held_reason = CANNOT_BE_PRICED
            session.save(update_fields=["held_reason"])
            return None
        cdr = _store(session, rated, now=now)
        hints.changed(session_ids=[session.pk], evse_ids=[session.evse_id] if session.evse_id else [])
        return cdr


def is_ratable(session: ChargingSession) -> bool:
    """Whether the session may be priced for good: ended, its energy settled, and nobody asked to look."""
    return not session.is_active and session.energy_wh is not None and not session.held_reason


def unrated_session_ids(*, most: int) -> list[int]:
    """Sessions that should have a CDR and have none, oldest first."""
    waiting = ChargingSession.objects.filter(
        state=ChargingSession.State.ENDED, held_reason="", energy_wh__isnull=False, cdrs__isnull=True
    )
    return list(waiting.order_by("ended_at").values_list("pk", flat=True)[:most])


def _store(session: ChargingSession, rated: RatedNow, *, now: dt.datetime) -> Cdr:
    if session.energy_wh is None or session.ended_at is None:
        raise ValueError(f"Session {session.pk} has not been settled")
    payer = payer_of(session)
    cdr = Cdr.objects.create(
        session=session,
        operator_id=operator_id_of(session),
        account=payer.account,
        payment_kind=payer.payment_kind,
        tariff=rated.tariff,
        currency=rated.currency,
        total_excl_vat=rated.total("amount_excl_vat"),
        total_vat=rated.total("amount_vat"),
        total_incl_vat=rated.total("amount_incl_vat"),
        energy_wh=session.energy_wh,
        charging_s=rated.spent_s(clocks.CHARGING),
        parking_s=rated.spent_s(clocks.PARKING),
        started_at=session.started_at,
        ended_at=session.ended_at,
        time_zone=rated.time_zone,
        tariff_snapshot=rated.tariff.as_ocpi() if rated.tariff else None,
        periods_snapshot=[
            {
                "start": period.start.isoformat(),
                "end": period.end.isoformat(),
                "kind": period.kind,
                "energy_wh": str(period.energy_wh),
            }
            for period in rated.periods
        ],
        rated_at=now,
    )
    CdrLine.objects.bulk_create(
        CdrLine(
            cdr=cdr,
            position=position,
            dimension=line.dimension,
            quantity=line.quantity,
            unit=line.unit,
            unit_price=line.unit_price,
            price_includes_vat=line.price_includes_vat,
            vat_rate=line.vat_rate,
            amount_excl_vat=line.amount_excl_vat,
            amount_vat=line.amount_vat,
            amount_incl_vat=line.amount_incl_vat,
            trace=line.trace,
        )
        for position, line in enumerate(rated.lines, start=1)
    )
    postings.cdr_rated(cdr)
    return cdr
