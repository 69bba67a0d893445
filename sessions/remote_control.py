"""Starts and stops charging for people who are not standing at a card reader."""

import datetime as dt
import secrets

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import IdToken, User
from chargeportal.live import hints
from sessions import authorization
from sessions.models import ChargingSession, StartRequest
from stations import commands
from stations.models import ConnectorStatus, Evse, StationCommand
from stations.overview import evse_states

#: How long a driver has to plug in the car after a remote start.
PATIENCE = dt.timedelta(minutes=5)
#: Statuses at which a car can be, or come, without another session running.
STARTABLE = {
    ConnectorStatus.AVAILABLE,
    ConnectorStatus.PREPARING,
    ConnectorStatus.OCCUPIED,
    ConnectorStatus.FINISHING,
}


class StartRefused(Exception):
    """Charging cannot be started here now; the message says why, in the driver's language."""


class StopRefused(Exception):
    """The session cannot be stopped from here; the message says why, in the driver's language."""


def portal_token(user: User) -> IdToken:
    """The driver's own token for starts without a card, made on first use (20 characters, as 1.6 allows)."""
    token = user.id_tokens.filter(type=IdToken.Type.CENTRAL).order_by("pk").first()
    if token is None:
        token = IdToken.objects.create(
            uid=f"CP{secrets.token_hex(9).upper()}", type=IdToken.Type.CENTRAL, user=user, label=_("Portal")
        )
    return token


def request_start(
    evse: Evse, *, user: User, id_token: IdToken | None = None, now: dt.datetime
) -> StartRequest:
    """The charger has been asked to start; the request tells how it goes on.

    Raises: StartRefused.
    """
    return _request(evse, token=id_token or portal_token(user), user=user, now=now)


def request_guest_start(evse: Evse, *, id_token: IdToken, now: dt.datetime) -> StartRequest:
    """The charger has been asked to start for somebody without an account, who has paid with a card.

    Raises: StartRefused.
    """
    return _request(evse, token=id_token, user=None, now=now)


def refuse_unless_free(evse: Evse, *, now: dt.datetime) -> None:
    """A start could succeed here now. Raises: StartRefused."""
    state = evse_states([evse.pk], now=now)[0]
    if not state.is_online:
        raise StartRefused(
            _("The charger is not connected right now. Choose another one, or start with your card.")
        )
    # a car that is only plugged in may have begun a transaction (2.x) that waits for its driver
    if ChargingSession.objects.active().filter(evse=evse).exclude(id_token_uid="", user=None).exists():
        raise StartRefused(_("Somebody is charging here. Choose another outlet."))
    if state.status not in STARTABLE:
        raise StartRefused(_("This outlet is out of service or reserved. Choose another one."))


def _request(evse: Evse, *, token: IdToken, user: User | None, now: dt.datetime) -> StartRequest:
    _refuse_unless_startable(evse, token, now=now)
    try:
        with transaction.atomic():
            _make_room(evse, user=user, now=now)
            request = StartRequest.objects.create(
                evse=evse, id_token=token, requested_by=user, requested_at=now, expires_at=now + PATIENCE
            )
            request.command = commands.remote_start(
                evse, id_token=token, remote_start_id=request.pk, requested_by=user, now=now
            )
            request.save(update_fields=["command"])
    except IntegrityError as error:
        raise StartRefused(_("Somebody else is just starting here. Choose another outlet.")) from error
    hints.changed(evse_ids=[evse.pk])
    return request


def request_stop(session: ChargingSession, *, user: User | None, now: dt.datetime) -> StationCommand:
    """The charger has been asked to stop; the session ends when it says so.

    Raises: StopRefused.
    """
    if not session.is_active:
        raise StopRefused(_("This charging session has already ended."))
    command = commands.remote_stop(
        session.station, transaction_ref=session.transaction_ref, requested_by=user, now=now
    )
    if command.state == StationCommand.State.OFFLINE:
        raise StopRefused(
            _("The charger is not connected right now. Stop at the charger, or unplug the car.")
        )
    hints.changed(session_ids=[session.pk])
    return command


def settle_request(request: StartRequest, *, now: dt.datetime) -> StartRequest:
    """The request's state follows its command's outcome and its time: refused or expired when they say so."""
    request.refresh_from_db()
    if request.state != StartRequest.State.WAITING:
        return request
    failed = commands.FINAL - {StationCommand.State.ACCEPTED}
    if request.command is not None and request.command.state in failed:
        new_state = StartRequest.State.REFUSED
    elif request.expires_at <= now:
        new_state = StartRequest.State.EXPIRED
    else:
        return request
    StartRequest.objects.filter(pk=request.pk, state=StartRequest.State.WAITING).update(state=new_state)
    request.refresh_from_db()
    return request


def _make_room(evse: Evse, *, user: User | None, now: dt.datetime) -> None:
    """A request that failed, that has expired, or that is the driver's own earlier one gives way."""
    waiting = StartRequest.objects.select_for_update(of=("self",)).filter(
        evse=evse, state=StartRequest.State.WAITING
    )
    for request in waiting:
        settle_request(request, now=now)
        is_own = user is not None and request.requested_by_id == user.pk
        if request.state == StartRequest.State.WAITING and is_own:
            request.state = StartRequest.State.CANCELLED
            request.save(update_fields=["state"])


def _refuse_unless_startable(evse: Evse, token: IdToken, *, now: dt.datetime) -> None:
    verdict = authorization.judge_one(token.uid, station_id=evse.station_id, evse_id=evse.pk, now=now)
    if verdict.status == "no_credit":
        raise StartRefused(_("There is no way to pay on your account. Look under Payment, then start again."))
    if not verdict.is_accepted:
        raise StartRefused(_("Your card or account is blocked. Contact support."))
    refuse_unless_free(evse, now=now)
