"""The story of a session in plain words."""

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from sessions import clocks
from sessions.models import ChargingSession

_STATE_WORDS = {
    "ev_connected": lambda: _("The car is connected but not charging yet"),
    "charging": lambda: _("Charging"),
    "suspended_ev": lambda: _("The car paused charging"),
    "suspended_evse": lambda: _("The charger paused charging"),
    "idle": lambda: _("Charging is over, the car is still connected"),
}
_STATE_OF_STATUS = {
    "charging": "charging",
    "suspended_ev": "suspended_ev",
    "suspended_evse": "suspended_evse",
    "finishing": "idle",
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened; ``code`` is stable and technical, ``text`` is for people."""

    at: dt.datetime
    code: str
    text: str


def timeline(session: ChargingSession) -> list[TimelineEntry]:
    """What happened in the session, in the order of time."""
    entries = [TimelineEntry(session.started_at, "started", _start_text(session)), *_state_entries(session)]
    entries.sort(key=lambda entry: entry.at)
    if session.ended_at is not None:
        entries.append(TimelineEntry(session.ended_at, "ended", _stop_text(session)))
    return entries


def _start_text(session: ChargingSession) -> str:
    if session.remote_start_id or hasattr(session, "start_request"):
        return _("Started from the app")
    if session.authorization_status == "accepted":
        return _("Started with a card or tag")
    if session.id_token_uid:
        return _("Started with a card that was not accepted (%(status)s)") % {
            "status": session.authorization_status
        }
    return _("Plugged in")


def _stop_text(session: ChargingSession) -> str:
    texts = {
        "local": _("Stopped at the charger"),
        "remote": _("Stopped from the app or by the operator"),
        "ev_disconnected": _("The cable was unplugged"),
        "emergency_stop": _("Stopped by the emergency button"),
        "power_loss": _("The charger lost power"),
        "de_authorized": _("Stopped because the card was not accepted"),
        "deauthorized": _("Stopped because the card was not accepted"),
    }
    if "missing_stop" in session.flags:
        return _("Ended without word from the charger")
    return texts.get(session.stop_reason, _("Ended"))


def _state_entries(session: ChargingSession) -> list[TimelineEntry]:
    entries: list[TimelineEntry] = []
    for at, state in clocks.states(session):
        code = _STATE_OF_STATUS.get(state, state)
        if code == "ev_connected" and any(entry.code == "charging" for entry in entries):
            code = "idle"  # connected after charging is over, not before it begins
        if code in _STATE_WORDS and (not entries or entries[-1].code != code):
            entries.append(TimelineEntry(at, code, _STATE_WORDS[code]()))
    return entries
