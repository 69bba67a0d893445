"""One OCPP CALL to a station and its answer, or the problem document that says what went wrong."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import status

from accounts.models import User
from chargeportal.common.api import problems
from chargeportal.common.api.problems import Problem
from stations import commands
from stations.api.actions import CALLABLE
from stations.models import ChargingStation, StationCommand
from stations.ocpp import errors, validation

#: How much longer than the station's own time-out the answer may take: earlier calls go first.
GRACE_S = 10.0

OFFLINE = problems.declare(
    "station-offline",
    status.HTTP_409_CONFLICT,
    _("The station is not connected"),
    _("Nothing was sent, or the connection broke before the answer. Try again when the station is online."),
)
NOT_IN_VERSION = problems.declare(
    "unknown-action",
    status.HTTP_422_UNPROCESSABLE_ENTITY,
    _("The station has no such action"),
    _("The member version names the OCPP version it speaks; actions are spelt as in that standard."),
)
NOT_THE_SCHEMA = problems.declare(
    "payload-invalid",
    status.HTTP_422_UNPROCESSABLE_ENTITY,
    _("The payload does not fit the OCPP schema"),
    _("The member errors names each place and what the official schema objects to. Nothing was sent."),
)
NOT_SENT = problems.declare(
    "call-not-sent",
    status.HTTP_409_CONFLICT,
    _("The call could not be sent"),
    _("The station is connected but not in a state for this call, such as not accepted yet."),
)
REFUSED = problems.declare(
    "station-refused",
    status.HTTP_409_CONFLICT,
    _("The station refused"),
    _("It understood the call and answered Rejected: the member result is its whole answer."),
)
CALL_ERROR = problems.declare(
    "call-error",
    status.HTTP_502_BAD_GATEWAY,
    _("The station could not process the call"),
    _("It answered with a CALLERROR: the members code, description and details are the station's."),
)
TIMED_OUT = problems.declare(
    "timed-out",
    status.HTTP_504_GATEWAY_TIMEOUT,
    _("The station did not answer in time"),
    _("It may still carry out what was asked."),
)


def version_of(station: ChargingStation) -> str:
    """The OCPP version of the open connection, else the one spoken last; empty when it never connected."""
    negotiated = station.connections.filter(closed_at__isnull=True).values_list("ocpp_version", flat=True)
    return negotiated.first() or station.ocpp_version


def check(action: str, payload: dict[str, Any], *, version: str) -> None:
    """The call is one that a CSMS may make and fits the official schema. Raises Problem."""
    if action not in CALLABLE.get(version, ()):
        detail = _("OCPP %(version)s has no action %(action)s from the CSMS to the station.")
        raise Problem(NOT_IN_VERSION, detail % {"version": version, "action": action}, version=version)
    try:
        validation.check(payload, version=version, action=action)
    except errors.Violation as violation:
        objections = [
            {
                "field": f"payload.{item['path']}".replace("payload.payload", "payload"),
                "detail": item["problem"],
                "code": errors.spelt(violation.code, version=version),
            }
            for item in violation.details["violations"]
        ]
        raise Problem(NOT_THE_SCHEMA, violation.description, version=version, errors=objections) from None


def place_call(
    station: ChargingStation, *, action: str, payload: dict[str, Any], timeout_s: int, user: User
) -> dict[str, Any]:
    """The station's answer to the CALL. Raises Problem for every other outcome."""
    version = version_of(station)
    if not version:
        raise Problem(OFFLINE, _("The station has never been connected."))
    check(action, payload, version=version)
    command = commands.raw_call(
        station, action=action, payload=payload, requested_by=user, now=timezone.now(), timeout_s=timeout_s
    )
    command = commands.wait_for(command, timeout_s=timeout_s + GRACE_S)
    state = StationCommand.State
    if command.state not in (state.ACCEPTED, state.REJECTED):
        raise _problem(command)
    result = command.response or {}
    if result.get("status") == "Rejected":
        detail = _("The station answered %(action)s with Rejected.")
        raise Problem(REFUSED, detail % {"action": action}, result=result)
    return result


def _problem(command: StationCommand) -> Problem:
    state = StationCommand.State
    if command.state == state.OFFLINE:
        return Problem(OFFLINE, command.detail)
    if command.state != state.ERROR:
        return Problem(TIMED_OUT, command.detail)
    if not command.action:
        return Problem(NOT_SENT, command.detail)
    code, _separator, description = command.detail.partition(": ")
    members = {"code": code, "description": description, "details": command.response or {}}
    return Problem(CALL_ERROR, command.detail, **members)
