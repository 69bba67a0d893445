"""What a command is called, and what it will do, in plain words with the technician's term beside."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class CommandWords:
    """The words of one kind of command; ``button`` is short, ``effect`` is told before it is sent."""

    kind: str
    button: str | Promise
    term: str
    effect: str | Promise
    icon: str
    is_destructive: bool = False


COMMANDS = {
    words.kind: words
    for words in (
        CommandWords(
            "remote_start", _("Start charging"), "RemoteStart",
            _("The station is asked to start a charging session. It begins when a car is plugged in."),
            "play_circle",
        ),
        CommandWords(
            "remote_stop", _("Stop charging"), "RemoteStop",
            _("The station is asked to end the running session. The driver's charging stops and is billed."),
            "stop_circle", is_destructive=True,
        ),
        CommandWords(
            "unlock_connector", _("Unlock the cable"), "UnlockConnector",
            _("The station is asked to release the cable. A running session ends when the cable is pulled."),
            "lock_open", is_destructive=True,
        ),
        CommandWords(
            "change_availability", _("Take in or out of service"), "ChangeAvailability",
            _("Out of service, nobody can start a session there. Running sessions go on to their end."),
            "block",
        ),
        CommandWords(
            "reset", _("Restart"), "Reset",
            _("The station restarts and is away for a minute or more."),
            "restart_alt", is_destructive=True,
        ),
        CommandWords(
            "trigger_message", _("Ask for a message"), "TriggerMessage",
            _("The station is asked to send a message now. Nothing changes for drivers."),
            "sms",
        ),
        CommandWords(
            "get_configuration", _("Read settings"), "GetConfiguration / GetVariables",
            _("The station tells its settings. Nothing changes for drivers."),
            "tune",
        ),
        CommandWords(
            "change_configuration", _("Change a setting"), "ChangeConfiguration / SetVariables",
            _("The station gets a new value for one setting. A wrong value can take it off the network."),
            "settings", is_destructive=True,
        ),
        CommandWords(
            "raw_call", _("Send any message"), "CALL",
            _("The message is sent as you wrote it, once its form has been checked against the standard."),
            "code", is_destructive=True,
        ),
    )
}  # fmt: skip


def kind_word(kind: str) -> str | Promise:
    """What the command is called in lists; the kind itself where there is no word."""
    return COMMANDS[kind].button if kind in COMMANDS else kind
