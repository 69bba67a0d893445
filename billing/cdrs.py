"""Makes the charge detail records of a session: one that holds, and credits of those that held before."""

import datetime as dt
import logging
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import transaction

from billing import measuring, rating
from billing.customers import Payer, operator_id_of, payer_of, payment_kind_of
from billing.events import CdrRated
from billing.ledger import postings
from billing.models import BillingAccount, Cdr, CdrLine, PaymentKind
from billing.pricing import FREE_CURRENCY, WAIVED, RatedNow, rate_until
from chargeportal.common.events import publish
from chargeportal.live import hints
from sessions import clocks, closing, holds
from sessions.models import ChargingSession
from sessions.ports import PricedLine

logger = logging.getLogger(__name__)

#: Held because its tariff or its periods contradict themselves; a person must mend them.
CANNOT_BE_PRICED = "cannot_be_priced"
#: The remark of a credit, and of the charge that follows it.
CORRECTED = "corrected"


def rate_session(session_id: int, *, now: dt.datetime) -> Cdr | None:
    """The session's CDR, made now unless it was there; None while the session runs or is held.

    The session's row is locked, so that of two workers one makes the CDR and the other finds it.
    """
    with transaction.atomic():
        session = _locked(session_id)
        existing = Cdr.objects.current().filter(session=session).first()
        if existing is not None or not is_ratable(session):
            return existing
        payer = payer_of(session)
        _one_at_a_time(payer)
        rated = _rated(session, now=now)
        if rated is None:
            return None
        cdr = _store(session, rated, payer, sequence=1, now=now)
        _tell(session, [cdr])
        return cdr


def correct_session(session_id: int, *, now: dt.datetime) -> Cdr | None:
    """The session's record says what is known of it now: a credit of the old one, then a new one.

    Returns the new record, None when nothing changed, or while the session is held or has none yet.
    A change is another amount, quantity or price on a line, another energy, begin or end. The
    session's row is locked, so two workers correct once.
    """
    with transaction.atomic():
        session = _locked(session_id)
        current = Cdr.objects.current().filter(session=session).prefetch_related("lines").first()
        if current is None or not is_ratable(session):
            return None
        payer = _payer_again(current)
        _one_at_a_time(payer)
        rated = _rated(session, now=now)
        if rated is None:
            return None
        closing.corrected(session)
        if _says(current) == _would_say(session, rated):
            return None
        credit = _credit(current, now=now)
        cdr = _store(session, rated, payer, sequence=current.sequence + 2, now=now)
        _tell(session, [credit, cdr])
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


def uncorrected_session_ids(*, most: int) -> list[int]:
    """Sessions whose record waits to be corrected and that nobody holds, oldest first."""
    waiting = ChargingSession.objects.filter(flags__contains=[holds.TO_CORRECT], held_reason="")
    return list(waiting.order_by("ended_at").values_list("pk", flat=True)[:most])


def _locked(session_id: int) -> ChargingSession:
    return (
        ChargingSession.objects.select_for_update(of=("self",))
        .select_related("station__location", "evse")
        .get(pk=session_id)
    )


def _one_at_a_time(payer: Payer) -> None:
    """Until this transaction ends no other session of the account is priced.

    Two that end together would both find the same included energy, or cap of the day, unused.
    """
    if payer.account is not None:
        BillingAccount.objects.select_for_update(no_key=True).get(pk=payer.account.pk)


def _payer_again(cdr: Cdr) -> Payer:
    """Who had the record pays what it is corrected to, whoever holds the card by now."""
    if cdr.account is None:
        return (
            payer_of(cdr.session) if cdr.payment_kind == PaymentKind.NONE else Payer(None, cdr.payment_kind)
        )
    return Payer(cdr.account, payment_kind_of(cdr.account))


def _rated(session: ChargingSession, *, now: dt.datetime) -> RatedNow | None:
    """The session priced to its end; nothing where a person waived it. None: it is held, for it cannot be."""
    if holds.is_waived(session):
        return _unpriced(session, now=now)
    try:
        return rate_until(session, now=now, for_good=True)
    except (rating.InvalidTariff, rating.InvalidSession):
        logger.exception("Session %s cannot be priced and is held", session.public_id)
        closing.hold(session, reason=CANNOT_BE_PRICED, now=now)
        return None


def _unpriced(session: ChargingSession, *, now: dt.datetime) -> RatedNow:
    location = session.station.location
    return RatedNow(
        tariff=None,
        time_zone=location.time_zone if location else settings.TIME_ZONE,
        periods=tuple(clocks.measured_periods(session, now=now)),
        lines=(),
        currency=FREE_CURRENCY,
    )


def _tell(session: ChargingSession, made: Iterable[Cdr]) -> None:
    for cdr in made:
        publish(CdrRated(cdr.pk))
    hints.changed(session_ids=[session.pk], evse_ids=[session.evse_id] if session.evse_id else [])


def _says(cdr: Cdr) -> tuple:
    """What a record tells a customer; two that tell the same need no correction."""
    return cdr.currency, cdr.energy_wh, cdr.started_at, cdr.ended_at, _told(cdr.lines.all())


def _would_say(session: ChargingSession, rated: RatedNow) -> tuple:
    return rated.currency, session.energy_wh, session.started_at, session.ended_at, _told(rated.lines)


def _told(lines: Iterable[CdrLine | PricedLine]) -> list[tuple]:
    return [
        (line.dimension, line.quantity, line.unit_price, line.vat_rate, line.amount_excl_vat, line.amount_vat)
        for line in lines
    ]


def _credit(cdr: Cdr, *, now: dt.datetime) -> Cdr:
    """The record with the negative amounts, energy and times of the one it credits, line by line."""
    credit = Cdr.objects.create(
        session=cdr.session,
        sequence=cdr.sequence + 1,
        credits=cdr,
        remark=CORRECTED,
        operator_id=cdr.operator_id,
        account_id=cdr.account_id,
        payment_kind=cdr.payment_kind,
        price_group_id=cdr.price_group_id,
        tariff_id=cdr.tariff_id,
        currency=cdr.currency,
        total_excl_vat=-cdr.total_excl_vat,
        total_vat=-cdr.total_vat,
        total_incl_vat=-cdr.total_incl_vat,
        energy_wh=-cdr.energy_wh,
        charging_s=-cdr.charging_s,
        parking_s=-cdr.parking_s,
        started_at=cdr.started_at,
        ended_at=cdr.ended_at,
        time_zone=cdr.time_zone,
        tariff_snapshot=cdr.tariff_snapshot,
        periods_snapshot=cdr.periods_snapshot,
        evidence=cdr.evidence,
        rated_at=now,
    )
    CdrLine.objects.bulk_create(
        CdrLine(
            cdr=credit,
            position=line.position,
            dimension=line.dimension,
            quantity=-line.quantity,
            unit=line.unit,
            unit_price=line.unit_price,
            price_includes_vat=line.price_includes_vat,
            vat_rate=line.vat_rate,
            amount_excl_vat=-line.amount_excl_vat,
            amount_vat=-line.amount_vat,
            amount_incl_vat=-line.amount_incl_vat,
            trace=line.trace,
        )
        for line in cdr.lines.all()
    )
    postings.cdr_rated(credit)
    return credit


def _store(
    session: ChargingSession, rated: RatedNow, payer: Payer, *, sequence: int, now: dt.datetime
) -> Cdr:
    if session.energy_wh is None or session.ended_at is None:
        raise ValueError(f"Session {session.pk} has not been settled")
    remark = CORRECTED if sequence > 1 else ""
    cdr = Cdr.objects.create(
        session=session,
        sequence=sequence,
        remark=WAIVED if holds.is_waived(session) else remark,
        operator_id=operator_id_of(session),
        account=payer.account,
        payment_kind=payer.payment_kind,
        price_group=rated.price_group,
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
        periods_snapshot=[measuring.as_snapshot(period) for period in rated.periods],
        evidence=rated.evidence,
        rated_at=now,
    )
    _store_lines(cdr, rated.lines)
    postings.cdr_rated(cdr)
    return cdr


def _store_lines(cdr: Cdr, lines: Sequence[PricedLine]) -> None:
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
        for position, line in enumerate(lines, start=1)
    )
