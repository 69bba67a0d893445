"""What a session is doing, in a driver's words."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sessions.models import ChargingSession
from sessions.overview import display_status, evse_sessions
from stations.models import ConnectorStatus
from stations.overview import EvseState, evse_states


@dataclass(frozen=True, slots=True)
class Doing:
    """The state to show as a chip, a sentence, and what to do or expect."""

    status: str
    is_online: bool
    offline_since: dt.datetime | None
    sentence: str | Promise
    advice: str | Promise


_WORDS: dict[str, tuple[str | Promise, str | Promise]] = {
    ConnectorStatus.PREPARING: (
        _("Waiting for the car"),
        _("The cable is in. The car has not begun to take power yet."),
    ),
    ConnectorStatus.CHARGING: (_("Your car is charging"), ""),
    ConnectorStatus.SUSPENDED_EV: (
        _("The car has paused charging"),
        _("It is full, or it waits for a time set in the car."),
    ),
    ConnectorStatus.SUSPENDED_EVSE: (
        _("The charger has paused charging"),
        _("The power is needed elsewhere for a moment. Charging goes on by itself."),
    ),
    ConnectorStatus.FINISHING: (
        _("Charging is done"),
        _("Unplug the cable to make room for the next driver."),
    ),
    ConnectorStatus.FAULTED: (
        _("The charger reports a fault"),
        _("Unplug the cable and try another outlet. You pay only for what was charged."),
    ),
}
_CONNECTED = (_("The session is in progress"), "")
_OFFLINE = (
    _("The charger is not connected right now"),
    _("Charging goes on. The figures follow when the charger is back."),
)


def doing(session: ChargingSession) -> Doing:
    """What the running session is doing now; five queries."""
    if session.evse_id is None:
        return Doing(
            ConnectorStatus.UNKNOWN, is_online=True, offline_since=None, sentence=_CONNECTED[0], advice=""
        )
    state = evse_states([session.evse_id])[0]
    running = evse_sessions([session.evse_id]).get(session.evse_id)
    status = display_status(state, running)
    if status == ConnectorStatus.PREPARING and running is not None and running.energy_wh:
        status = ConnectorStatus.FINISHING.value  # connected after charging is over, not before it begins
    sentence, advice = _words(state, status)
    return Doing(status, state.is_online, state.offline_since, sentence, advice)


def _words(state: EvseState, status: str) -> tuple[str | Promise, str | Promise]:
    if not state.is_online:
        return _OFFLINE
    return _WORDS.get(status, _CONNECTED)
