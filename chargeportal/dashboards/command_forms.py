"""The forms of the commands: what each needs to know, and how it is sent."""

import datetime as dt
import json
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.admin import people
from accounts.backends import organisations_allowing
from accounts.models import IdToken, User
from sessions.models import ChargingSession
from sessions.remote_control import StartRefused, StopRefused, request_start, request_stop
from stations import commands
from stations.models import ChargingStation, Evse, StationCommand
from stations.ocpp import errors, validation

_MESSAGES = {
    "1.6": (
        "StatusNotification",
        "MeterValues",
        "Heartbeat",
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
    ),
    "2": (
        "StatusNotification",
        "MeterValues",
        "TransactionEvent",
        "Heartbeat",
        "BootNotification",
        "LogStatusNotification",
        "FirmwareStatusNotification",
    ),
}


class NotSent(Exception):
    """The command was not sent; the message says why, in the reader's language."""


class CommandForm(forms.Form):
    """What one kind of command needs to know."""

    def __init__(self, *args: Any, station: ChargingStation, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.station = station
        self.user = user
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = self.choices_of()

    def choices_of(self) -> Any:
        """The rows a field offers."""
        return self.station.evses.all()

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way.

        Raises: NotSent.
        """
        raise NotImplementedError


class EvseField(forms.ModelChoiceField):
    """One EVSE of the station, by its number."""

    def label_from_instance(self, obj: Any) -> str:
        """Its number, and the name on its sign."""
        return f"{obj.number} · {obj.evse_id}" if obj.evse_id else str(obj.number)


class RemoteStartForm(CommandForm):
    """Where charging starts, and for whom."""

    evse = EvseField(queryset=Evse.objects.none(), label=_("EVSE"), empty_label=None)
    token = forms.CharField(
        label=_("Token"),
        required=False,
        max_length=36,
        help_text=_("Whose charging it is. Empty: your own."),
    )

    def clean_token(self) -> IdToken | None:
        """The token of that text, if the person deals with whoever holds it."""
        uid = self.cleaned_data["token"].strip()
        if not uid:
            return None
        token = IdToken.objects.filter(uid__iexact=uid).select_related("user").first()
        if token is None or not self._knows(token):
            raise ValidationError(_("There is no such token in your network."))
        return token

    def _knows(self, token: IdToken) -> bool:
        mine = organisations_allowing(self.user, "accounts.view_idtoken")
        if self.user.is_superuser or token.organisation_id in mine or token.user_id == self.user.pk:
            return True
        return User.objects.filter(people.known_to(mine), pk=token.user_id or 0).exists()

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        data = self.cleaned_data
        try:
            request = request_start(data["evse"], user=requested_by, id_token=data["token"], now=now)
        except StartRefused as refusal:
            raise NotSent(str(refusal)) from refusal
        return cast(StationCommand, request.command)  # made together with it


class SessionField(forms.ModelChoiceField):
    """One running session, by its EVSE and who charges."""

    def label_from_instance(self, obj: Any) -> str:
        """Where, who and since when."""
        who = obj.user or obj.id_token or obj.id_token_uid
        return f"{obj.evse.number if obj.evse else '–'} · {who} · {obj.transaction_ref}"


class RemoteStopForm(CommandForm):
    """Which running session ends."""

    session = SessionField(queryset=ChargingSession.objects.none(), label=_("Session"), empty_label=None)

    def choices_of(self) -> Any:
        """The sessions that run at the station."""
        return (
            ChargingSession.objects.active()
            .filter(station=self.station)
            .select_related("evse", "user", "id_token", "station")
        )

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        try:
            return request_stop(self.cleaned_data["session"], user=requested_by, now=now)
        except StopRefused as refusal:
            raise NotSent(str(refusal)) from refusal


class UnlockForm(CommandForm):
    """Which cable is released."""

    evse = EvseField(queryset=Evse.objects.none(), label=_("EVSE"), empty_label=None)

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        return commands.unlock(self.cleaned_data["evse"], requested_by=requested_by, now=now)


class AvailabilityForm(CommandForm):
    """What goes in or out of service."""

    operative = forms.TypedChoiceField(
        label=_("What should it be?"),
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
        choices=[("no", _("Out of service")), ("yes", _("In service"))],
        initial="no",
    )
    evse = EvseField(
        queryset=Evse.objects.none(), label=_("EVSE"), required=False, empty_label=_("the whole station")
    )

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        evse = self.cleaned_data["evse"]
        return commands.change_availability(
            self.station,
            operative=self.cleaned_data["operative"],
            evse_number=evse.number if evse else None,
            requested_by=requested_by,
            now=now,
        )


class ResetForm(CommandForm):
    """How hard the station restarts."""

    mode = forms.ChoiceField(
        label=_("When?"),
        widget=forms.RadioSelect,
        initial="on_idle",
        choices=[
            ("on_idle", _("Gently: running sessions are ended first (Soft, OnIdle)")),
            (
                "immediate",
                _("At once: like pulling the plug, running sessions are cut off (Hard, Immediate)"),
            ),
        ],
    )

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        return commands.reset(
            self.station, mode=self.cleaned_data["mode"], requested_by=requested_by, now=now
        )


class TriggerForm(CommandForm):
    """Which message the station sends."""

    message = forms.ChoiceField(label=_("Message"))
    evse = EvseField(
        queryset=Evse.objects.none(), label=_("EVSE"), required=False, empty_label=_("the whole station")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = _MESSAGES["2" if self.station.ocpp_version.startswith("2") else "1.6"]
        cast(forms.ChoiceField, self.fields["message"]).choices = [(name, name) for name in names]

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        evse = self.cleaned_data["evse"]
        return commands.trigger(
            self.station,
            requested_message=self.cleaned_data["message"],
            evse_number=evse.number if evse else None,
            requested_by=requested_by,
            now=now,
        )


class ReadSettingsForm(CommandForm):
    """Which settings the station tells."""

    keys = forms.CharField(
        label=_("Settings"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One a line. Empty: all of them (OCPP 1.6). In 2.x as Component.Variable."),
    )

    def clean_keys(self) -> list[str]:
        """The names, one a line."""
        keys = [
            line.strip() for line in self.cleaned_data["keys"].replace(",", "\n").splitlines() if line.strip()
        ]
        if not keys and self.station.ocpp_version.startswith("2"):
            raise ValidationError(_("Name at least one setting, such as OCPPCommCtrlr.HeartbeatInterval."))
        return keys

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        return commands.get_configuration(
            self.station, keys=self.cleaned_data["keys"], requested_by=requested_by, now=now
        )


class ChangeSettingForm(CommandForm):
    """Which setting gets which value."""

    key = forms.CharField(label=_("Setting"), max_length=120, help_text=_("In 2.x as Component.Variable."))
    value = forms.CharField(label=_("New value"), max_length=1000, required=False)

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        data = self.cleaned_data
        return commands.change_configuration(
            self.station, key=data["key"].strip(), value=data["value"], requested_by=requested_by, now=now
        )


class RawCallForm(CommandForm):
    """Any message of the standard."""

    action = forms.CharField(label=_("Action"), max_length=60, help_text=_("As the standard spells it."))
    payload = forms.CharField(
        label=_("Payload (JSON)"),
        initial="{}",
        widget=forms.Textarea(attrs={"rows": 8, "class": "cp-mono", "spellcheck": "false"}),
    )

    def clean_payload(self) -> dict[str, Any]:
        """A JSON object."""
        try:
            payload = json.loads(self.cleaned_data["payload"])
        except ValueError as error:
            raise ValidationError(_("This is not JSON: %(error)s") % {"error": error}) from error
        if not isinstance(payload, dict):
            raise ValidationError(_("The payload must be an object in braces."))
        return payload

    def clean(self) -> dict[str, Any]:
        """The payload fits the official schema of the station's version."""
        data = super().clean() or {}
        if "payload" not in data or "action" not in data:
            return data
        version = self.station.ocpp_version or "1.6"
        try:
            validation.check(data["payload"], version=version, action=data["action"].strip())
        except validation.UnknownAction as unknown:
            raise ValidationError(
                {"action": _("OCPP %(version)s has no such action.") % {"version": version}}
            ) from unknown
        except errors.Violation as violation:
            raise ValidationError({"payload": _objections(violation)}) from violation
        return data

    def send(self, *, requested_by: User, now: dt.datetime) -> StationCommand:
        """The command is stored and on its way."""
        data = self.cleaned_data
        return commands.raw_call(
            self.station,
            action=data["action"].strip(),
            payload=data["payload"],
            requested_by=requested_by,
            now=now,
        )


def _objections(violation: errors.Violation) -> list[str]:
    """What the schema objects to, one sentence each."""
    found = [f"{each['path']}: {each['problem']}" for each in violation.details.get("violations", ())]
    return found or [violation.description]


FORMS: dict[str, type[CommandForm]] = {
    "remote_start": RemoteStartForm,
    "remote_stop": RemoteStopForm,
    "unlock_connector": UnlockForm,
    "change_availability": AvailabilityForm,
    "reset": ResetForm,
    "trigger_message": TriggerForm,
    "get_configuration": ReadSettingsForm,
    "change_configuration": ChangeSettingForm,
    "raw_call": RawCallForm,
}
