"""What a session is doing and what is odd about it, in an operator's words."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sessions.models import ChargingSession

_STATUS_OF_STATE = {
    "ev_connected": "preparing",
    "charging": "charging",
    "suspended_ev": "suspended_ev",
    "suspended_evse": "suspended_evse",
    "idle": "finishing",
}

_FLAGS: dict[str, str | Promise] = {
    "ended_before_start": _("The charger's end lies before its start; the time of receipt was taken"),
    "implausible_start_register": _("The register at start cannot be right; the first sample was taken"),
    "impossible_clock": _("The charger's clock was wrong; the time of receipt was taken"),
    "impossible_energy": _("More energy than the charger can deliver in that time"),
    "late_data": _("Data arrived after the session had ended"),
    "matched_stop": _("The stop came under another id and was matched"),
    "missing_stop": _("The charger never reported the end"),
    "no_registers": _("Fewer than two meter readings arrived"),
    "implausible_register": _("A single meter reading that cannot be right was left out"),
    "missing_start": _("The charger never reported the start"),
    "register_fell": _("The register went backwards"),
    "to_correct": _("The bill is about to be compared with the new data"),
}


def state_now(session: ChargingSession) -> str:
    """The state as a connector's status, for the chip; empty when the session has ended."""
    if not session.is_active:
        return ""
    return _STATUS_OF_STATE.get(session.charging_state, "charging")


def flag_words(flag: str) -> str | Promise:
    """What a deviation means; the technician's code where there is no sentence."""
    return _FLAGS.get(flag, flag)
