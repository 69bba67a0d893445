"""Asks stations to do things.

Every command is a row first. The gateway process that holds the station's socket is told of it over
Redis, claims it, sends it and writes the outcome into the row; a lost hint is healed by the gateway's
sweep. Nothing here needs to run in the process that holds the socket.
"""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import IdToken, User
from chargeportal.live import hints
from stations.command_hints import announce
from stations.models import ChargingStation, Evse, StationCommand
from stations.ocpp import requests
from stations.presence import is_online

DEFAULT_TIMEOUT_S = 30
POLL_S = 0.05
FINAL = frozenset(
    {
        StationCommand.State.ACCEPTED,
        StationCommand.State.REJECTED,
        StationCommand.State.ERROR,
        StationCommand.State.OFFLINE,
        StationCommand.State.TIMED_OUT,
    }
)


def remote_start(
    evse: Evse, *, id_token: IdToken, remote_start_id: int, requested_by: User | None, now: dt.datetime
) -> StationCommand:
    """The station is asked to start charging at the EVSE for the token; accepted is not started."""
    request = requests.RemoteStart(
        id_token=id_token.uid,
        id_token_type=id_token.type,
        evse_number=evse.number,
        remote_start_id=remote_start_id,
    )
    return send(evse.station, request, requested_by=requested_by, now=now)


def remote_stop(
    station: ChargingStation, *, transaction_ref: str, requested_by: User | None, now: dt.datetime
) -> StationCommand:
    """The station is asked to stop the transaction; wait for its end, accepted is not stopped."""
    request = requests.RemoteStop(transaction_ref=transaction_ref)
    return send(station, request, requested_by=requested_by, now=now)


def reset(
    station: ChargingStation, *, mode: str = "on_idle", requested_by: User | None, now: dt.datetime
) -> StationCommand:
    """The station is asked to restart: ``on_idle`` when sessions are over, ``immediate`` at once."""
    return send(station, requests.Reset(mode=mode), requested_by=requested_by, now=now)


def unlock(
    evse: Evse, *, connector_number: int = 1, requested_by: User | None, now: dt.datetime
) -> StationCommand:
    """The station is asked to release the cable."""
    request = requests.UnlockConnector(evse_number=evse.number, connector_number=connector_number)
    return send(evse.station, request, requested_by=requested_by, now=now)


def change_availability(
    station: ChargingStation,
    *,
    operative: bool,
    evse_number: int | None = None,
    requested_by: User | None,
    now: dt.datetime,
) -> StationCommand:
    """The station (or one EVSE) is asked to go in or out of service."""
    request = requests.ChangeAvailability(operative=operative, evse_number=evse_number)
    return send(station, request, requested_by=requested_by, now=now)


def trigger(
    station: ChargingStation,
    *,
    requested_message: str,
    evse_number: int | None = None,
    requested_by: User | None,
    now: dt.datetime,
) -> StationCommand:
    """The station is asked to send a message, named as on the wire."""
    request = requests.TriggerMessage(requested_message=requested_message, evse_number=evse_number)
    return send(station, request, requested_by=requested_by, now=now)


def get_configuration(
    station: ChargingStation, *, keys: Sequence[str] = (), requested_by: User | None, now: dt.datetime
) -> StationCommand:
    """The station is asked for settings (1.6 keys or 2.x names ``Component.Variable``)."""
    return send(station, requests.GetConfiguration(keys=list(keys)), requested_by=requested_by, now=now)


def change_configuration(
    station: ChargingStation, *, key: str, value: str, requested_by: User | None, now: dt.datetime
) -> StationCommand:
    """The station is asked to change one setting."""
    return send(
        station, requests.ChangeConfiguration(key=key, value=value), requested_by=requested_by, now=now
    )


def raw_call(
    station: ChargingStation,
    *,
    action: str,
    payload: dict[str, Any],
    requested_by: User | None,
    now: dt.datetime,
    timeout_s: int = DEFAULT_TIMEOUT_S,
) -> StationCommand:
    """The station gets this CALL as it is; whoever calls has checked it against the schema."""
    request = requests.RawCall(action=action, payload=payload)
    return send(station, request, requested_by=requested_by, now=now, timeout_s=timeout_s)


def send(
    station: ChargingStation,
    request: requests.Request,
    *,
    requested_by: User | None,
    now: dt.datetime,
    timeout_s: int = DEFAULT_TIMEOUT_S,
) -> StationCommand:
    """The command is stored with its audit entry, and on its way if the station is online.

    For a station that is not connected the row says ``offline`` at once.
    """
    kind, parameters = requests.as_row(request)
    online = is_online(station, now=timezone.now())
    with transaction.atomic():
        command = StationCommand.objects.create(
            station=station,
            requested_by=requested_by,
            kind=kind,
            parameters=parameters,
            timeout_s=timeout_s,
            requested_at=now,
            state=StationCommand.State.QUEUED if online else StationCommand.State.OFFLINE,
            finished_at=None if online else now,
        )
        audit.record(
            requested_by,
            act=f"station.{kind}",
            subject=f"station {station.identity}",
            details={"command": str(command.public_id)} | _without_secrets(kind, parameters),
        )
        if online:
            transaction.on_commit(lambda: announce(command_id=command.pk, station_id=station.pk))
        hints.changed(station_ids=[station.pk])
    return command


def wait_for(command: StationCommand, *, timeout_s: float) -> StationCommand:
    """The row as it stands when the outcome is known, or when the time is over.

    Polls the database, which costs one indexed read each time and cannot miss an outcome. Between the
    reads the connection is back in the pool, so that many who wait leave it to others.
    """
    deadline = time.monotonic() + timeout_s
    pause = POLL_S
    while command.state not in FINAL and time.monotonic() < deadline:
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)
        command.refresh_from_db()
    return command


def _without_secrets(kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Passwords and keys travel to stations in settings; the audit trail does not keep values."""
    if kind == "change_configuration":
        return {"key": parameters["key"]}
    if kind == "raw_call":
        return {"action": parameters["action"]}
    return {name: value for name, value in parameters.items() if value is not None}
