"""Commands, frames and connectors as operators and technicians read them."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from stations.command_words import kind_word
from stations.models import Connector, OcppFrame, StationCommand

register = template.Library()

BRIEF_LENGTH = 120
LONGEST_IN_MS = 10_000
ACTIONS = (
    "Authorize",
    "BootNotification",
    "ChangeAvailability",
    "ChangeConfiguration",
    "DataTransfer",
    "GetConfiguration",
    "GetVariables",
    "Heartbeat",
    "MeterValues",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "RequestStartTransaction",
    "RequestStopTransaction",
    "Reset",
    "SetVariables",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
    "TransactionEvent",
    "TriggerMessage",
    "UnlockConnector",
)


@dataclass(frozen=True, slots=True)
class CommandLook:
    """The colours and the drawing of an outcome."""

    tone: str
    icon: str


_LOOKS = {
    "queued": CommandLook("waiting", "clock"),
    "sent": CommandLook("waiting", "clock"),
    "accepted": CommandLook("available", "check"),
    "rejected": CommandLook("faulted", "cross"),
    "error": CommandLook("faulted", "triangle"),
    "offline": CommandLook("offline", "broken-link"),
    "timed_out": CommandLook("suspended", "question"),
}


@register.simple_tag
def command_look(command: StationCommand) -> CommandLook:
    """How the command's state is shown."""
    return _LOOKS.get(command.state, _LOOKS["queued"])


@register.simple_tag
def outcome_words(command: StationCommand) -> str:
    """What the state means and what to do next."""
    if command.state == "accepted" and command.kind == "remote_start":
        return _("The station will start. The session shows as soon as a car is plugged in.")
    if command.state == "accepted" and command.kind == "remote_stop":
        return _("The station is stopping the session; its end shows here when it reports it.")
    words = {
        "queued": lambda: _("It will be sent in a moment."),
        "sent": lambda: _("The station has it and has not answered yet."),
        "accepted": lambda: _("The station has done as it was asked, or will."),
        "rejected": lambda: _("The station said no. Its own word is above; the message log shows more."),
        "error": lambda: _("The station could not process the message. It may not support it."),
        "offline": lambda: _(
            "It was not sent, because the station is not connected. Try again when it is back."
        ),
        "timed_out": lambda: _(
            "The station did not answer in time. It may have done it all the same: look at its state."
        ),
    }
    return words[command.state]()


@register.filter
def command_word(kind: str) -> str | Promise:
    """What the command is called."""
    return kind_word(kind)


@register.filter
def connector_word(standard: str) -> str:
    """What people call the connector."""
    return str(dict(Connector.Standard.choices).get(standard, standard))


@register.filter
def split(text: str) -> list[str]:
    """The words between commas."""
    return text.split(",")


@register.filter
def pretty_json(value: Any) -> str:
    """JSON for reading, letters as they are."""
    return "–" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def one_line(value: Any) -> str:
    """The beginning of the payload on one line."""
    text = "" if value in (None, {}, []) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= BRIEF_LENGTH else f"{text[:BRIEF_LENGTH]}…"


@register.filter
def to_the_millisecond(at: dt.datetime, zone: str = "") -> str:
    """The instant on the wall clock of the zone: ``2026-11-20 14:05:09.123``."""
    wall = at.astimezone(ZoneInfo(zone) if zone else timezone.get_current_timezone())
    return f"{wall:%Y-%m-%d %H:%M:%S}.{wall.microsecond // 1000:03}"


@register.filter
def answered_in(frame: OcppFrame) -> str:
    """How long the answer took."""
    if frame.answered_at is None:
        return ""
    took_ms = (frame.answered_at - frame.occurred_at).total_seconds() * 1000
    return f"{took_ms:.0f}\u00a0ms" if took_ms < LONGEST_IN_MS else f"{took_ms / 1000:.0f}\u00a0s"


@register.simple_tag
def frame_actions() -> tuple[str, ...]:
    """The names that are offered when the log is filtered."""
    return ACTIONS


@register.simple_tag
def settings_told(command: StationCommand) -> list[dict[str, Any]]:
    """The settings in the answer to a question for settings, the same for every version."""
    answer = command.response if isinstance(command.response, dict) else {}
    if command.kind != "get_configuration":
        return []
    return [*_of_1_6(answer), *_of_2(answer)]


def _of_1_6(answer: dict[str, Any]) -> list[dict[str, Any]]:
    told = [
        {
            "name": each.get("key"),
            "value": each.get("value"),
            "note": _("read only") if each.get("readonly") else "",
        }
        for each in answer.get("configurationKey") or ()
    ]
    return told + [{"name": key, "value": "", "note": _("unknown")} for key in answer.get("unknownKey") or ()]


def _of_2(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{each.get('component', {}).get('name')}.{each.get('variable', {}).get('name')}",
            "value": each.get("attributeValue"),
            "note": "" if each.get("attributeStatus") == "Accepted" else each.get("attributeStatus"),
        }
        for each in answer.get("getVariableResult") or ()
    ]
