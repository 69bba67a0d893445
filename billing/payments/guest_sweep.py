"""Finds what was left undone of guests' checkouts, whatever interrupted it."""

from __future__ import annotations

import datetime as dt
import logging

from django.db.models import Q

from billing.models import GuestCheckout, Payment
from billing.payments import guest
from sessions import ports
from sessions.models import ChargingSession
from sessions.remote_control import StopRefused, request_stop
from stations.models import StationCommand

logger = logging.getLogger(__name__)

State = GuestCheckout.State
#: A guest who has just paid is followed by the page and the card processor's message first.
_PAGE_FIRST = dt.timedelta(seconds=20)
#: How long one waits between two requests to stop the same session.
_STOP_AGAIN = dt.timedelta(minutes=2)


def unfinished_ids(*, now: dt.datetime, most: int) -> list[int]:
    """Checkouts that may have a next step: pages left, starts decided, sessions priced, holds to release."""
    held = Q(payment__state=Payment.State.AUTHORISED)
    left = Q(state=State.CHECKOUT) & (Q(created_at__lte=now - _PAGE_FIRST) | Q(expires_at__lte=now))
    priced = Q(state=State.CHARGING, session__cdrs__isnull=False)
    undone = left | Q(state__in=(State.PAID, State.STARTING)) | priced
    undone |= held & Q(state__in=(State.FAILED, State.EXPIRED))
    found = GuestCheckout.objects.filter(undone).order_by("created_at", "pk")
    return list(dict.fromkeys(found.values_list("pk", flat=True)[:most]))


def unsent_ids(*, most: int) -> list[int]:
    """Checkouts whose receipt has not been mailed."""
    done = GuestCheckout.objects.filter(state=State.DONE, receipt_sent_at=None, payment__captured__gt=0)
    return list(done.exclude(email="").values_list("pk", flat=True)[:most])


def stop_used_up(*, now: dt.datetime) -> int:
    """Sessions that cost nearly as much as was reserved have been asked to stop; returns how many."""
    charging = GuestCheckout.objects.filter(state=State.CHARGING, session__state="active")
    charging = charging.select_related("payment", "session__station__location", "session__evse")
    stopped = 0
    for checkout in charging:
        try:
            stopped += _stop_if_used_up(checkout, now=now)
        except Exception:  # one session that cannot be priced keeps no other from being stopped
            logger.exception("Guest checkout %s could not be held against its hold", checkout.pk)
    return stopped


def _stop_if_used_up(checkout: GuestCheckout, *, now: dt.datetime) -> bool:
    session = checkout.session
    price = ports.pricing().price(session, now=now) if session else None
    if session is None or price is None or not guest.used_up(checkout, cost=price.total_incl_vat):
        return False
    return stop_once(session, now=now)


def stop_once(session: ChargingSession, *, now: dt.datetime) -> bool:
    """The charger has been asked to stop, unless it was asked a moment ago."""
    asked = session.station.commands.filter(
        kind="remote_stop",
        parameters__transaction_ref=session.transaction_ref,
        requested_at__gt=now - _STOP_AGAIN,
    )
    if asked.exclude(state=StationCommand.State.OFFLINE).exists():
        return False
    try:
        request_stop(session, user=None, now=now)
    except StopRefused:
        return False
    return True
