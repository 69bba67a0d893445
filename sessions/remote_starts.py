"""Binds a session to the person who asked for it from the portal, the admin or the API."""

import datetime as dt

from django.db.models import Q

from sessions.models import ChargingSession, StartRequest


def bind(session: ChargingSession) -> None:
    """A waiting request at the session's EVSE is fulfilled: found by its id (2.x) or its token (1.6)."""
    if session.evse_id is None or not (session.remote_start_id or session.id_token_id):
        return
    meant = Q(pk=session.remote_start_id) if session.remote_start_id else Q(pk=None)
    if session.id_token_id:
        meant |= Q(id_token_id=session.id_token_id)
    waiting = StartRequest.objects.filter(
        meant, evse__station_id=session.station_id, evse_id=session.evse_id, state=StartRequest.State.WAITING
    )
    request = waiting.select_for_update().first()
    if request is None:
        return
    request.state, request.session = StartRequest.State.STARTED, session
    request.save(update_fields=["state", "session"])
    if session.user_id is None and session.authorization_status == "":
        session.user = request.requested_by
        session.save(update_fields=["user"])


def expire(*, now: dt.datetime) -> int:
    """Requests whose time is over without a session are expired; returns how many."""
    return StartRequest.objects.filter(state=StartRequest.State.WAITING, expires_at__lte=now).update(
        state=StartRequest.State.EXPIRED
    )
