"""Binds a session to the person who asked for it from the portal, the admin or the API."""

import datetime as dt

from django.db.models import Q

from sessions import authorization
from sessions.models import ChargingSession, StartRequest


def bind(session: ChargingSession, *, now: dt.datetime) -> None:
    """A waiting request at the session's EVSE is fulfilled: found by its id (2.x) or its token (1.6).

    Only a running session that fulfils no other request can be meant, and by its token only one that
    began after the request.
    """
    if not session.is_active or session.evse_id is None:
        return
    if not (session.remote_start_id or session.id_token_id):
        return
    meant = Q(pk=session.remote_start_id) if session.remote_start_id else Q(pk=None)
    if session.id_token_id:
        meant |= Q(id_token_id=session.id_token_id, requested_at__lte=session.start_received_at)
    waiting = StartRequest.objects.filter(meant, evse_id=session.evse_id, state=StartRequest.State.WAITING)
    request = waiting.select_related("id_token").select_for_update(of=("self",)).first()
    if request is None or StartRequest.objects.filter(session=session).exists():
        return
    request.state, request.session = StartRequest.State.STARTED, session
    request.save(update_fields=["state", "session"])
    if not session.id_token_uid:
        _identify_by(request, session, now=now)


def expire(*, now: dt.datetime) -> int:
    """Requests whose time is over without a session are expired; returns how many."""
    return StartRequest.objects.filter(state=StartRequest.State.WAITING, expires_at__lte=now).update(
        state=StartRequest.State.EXPIRED
    )


def _identify_by(request: StartRequest, session: ChargingSession, *, now: dt.datetime) -> None:
    """A station that names only the request has the session on the request's token."""
    verdict = authorization.judge_one(
        request.id_token.uid, station_id=session.station_id, evse_id=session.evse_id, now=now
    )
    session.id_token_uid = request.id_token.uid
    session.id_token_type = request.id_token.type
    session.id_token = request.id_token
    session.authorization_status = verdict.status
    if verdict.is_accepted:
        session.user = request.id_token.user
    session.save(update_fields=["id_token_uid", "id_token_type", "id_token", "authorization_status", "user"])
