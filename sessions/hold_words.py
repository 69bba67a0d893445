"""Why a session is held, in an operator's words, and what to look at before deciding."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class HoldWords:
    """``short`` stands in lists; ``advice`` says what to look at."""

    short: str | Promise
    advice: str | Promise


HOLD_WORDS = {
    "missing_stop": HoldWords(
        _("No stop from the charger"),
        _("The next session began before this one was ended. It is closed at its last reading."),
    ),
    "missing_start": HoldWords(
        _("No start from the charger"),
        _("Only the end arrived. The energy before the first reading is not known."),
    ),
    "no_registers": HoldWords(
        _("Too few meter readings"),
        _("Fewer than two meter readings arrived, so they prove no energy. Ask the driver or the site."),
    ),
    "register_fell": HoldWords(
        _("The meter went backwards"),
        _("What lies before and after the fall is counted, the fall itself is not. Was the meter replaced?"),
    ),
    "impossible_energy": HoldWords(
        _("More energy than possible"),
        _("A step of the meter is larger than the outlet can deliver in that time; it is not counted."),
    ),
    "clock": HoldWords(
        _("The charger's clock is wrong"),
        _("The times the charger told cannot be right; the time of receipt was taken. Check the duration."),
    ),
    "overlong": HoldWords(
        _("Unusually long"),
        _("The session lasted longer than sessions normally may. Did it really, or was the stop lost?"),
    ),
    "no_evse": HoldWords(
        _("No outlet named"),
        _("The charger did not say at which outlet, so no price of an outlet holds."),
    ),
    "unidentified": HoldWords(
        _("Nobody identified"),
        _("No card and no app started it. If it is billed, nobody is known to pay."),
    ),
    "not_authorized": HoldWords(
        _("Card was not accepted"),
        _("The charger charged though the card was refused. If it is billed, nobody is known to pay."),
    ),
    "missing_events": HoldWords(
        _("Waiting for the charger's queue"),
        _("The charger was offline and has not sent everything. It is released by itself after an hour."),
    ),
    "cannot_be_priced": HoldWords(
        _("The tariff cannot price it"),
        _("The tariff contradicts itself. Mend the tariff first, then approve."),
    ),
    "late_after_decision": HoldWords(
        _("New data after a decision"),
        _("The meter now proves something else than when the values were corrected by hand."),
    ),
}


def hold_words(reason: str) -> HoldWords:
    """The words of a reason; the code itself where there are none."""
    return HOLD_WORDS.get(reason, HoldWords(reason, ""))
