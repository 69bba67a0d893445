"""The three decisions about a held session, as forms that say what will happen."""

import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from sessions import holds
from sessions.models import SessionReview


class DecisionForm(forms.Form):
    """A decision with a note; ``effect`` says what it does, ``button`` what it is called."""

    button: ClassVar[str | Promise]
    effect: ClassVar[str | Promise]
    done: ClassVar[str | Promise]
    is_destructive: ClassVar[bool] = False

    note = forms.CharField(
        label=_("Note"),
        max_length=holds.LONGEST_NOTE,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Why. It is kept with the decision and in the audit trail."),
    )

    def __init__(self, *args: Any, review: SessionReview, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.review = review

    def decide(self, *, by: User, now: dt.datetime) -> None:
        """The decision is made. Raises AlreadyDecided, InvalidAdjustment."""
        raise NotImplementedError


class ApproveForm(DecisionForm):
    """Bill as measured."""

    button = _("Bill as measured")
    effect = _("The session is billed with the energy and the times as they were settled.")
    done = _("The session is released and will be billed as measured.")

    def decide(self, *, by: User, now: dt.datetime) -> None:
        """The session is approved."""
        holds.approve(self.review, by=by, note=self.cleaned_data["note"], now=now)


class AdjustForm(DecisionForm):
    """Bill with other values."""

    button = _("Bill with corrected values")
    effect = _("The session gets the values below and is billed with them. The charger's data is kept.")
    done = _("The session has the corrected values and will be billed with them.")

    energy_kwh = forms.DecimalField(
        label=_("Energy (kWh)"), min_value=0, max_digits=11, decimal_places=3, required=False
    )
    ended_at = forms.DateTimeField(
        label=_("End"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"),
        input_formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"],
        help_text=_("On the clock of the place. Leave as it is to keep the end."),
    )
    field_order = ("energy_kwh", "ended_at", "note")

    def __init__(self, *args: Any, review: SessionReview, **kwargs: Any) -> None:
        super().__init__(*args, review=review, **kwargs)
        session = review.session
        location = session.station.location
        self.zone = location.time_zone if location else str(timezone.get_default_timezone())
        with timezone.override(self.zone):
            self.initial.setdefault("ended_at", session.ended_at)
        if session.energy_wh is not None:
            self.initial.setdefault("energy_kwh", (session.energy_wh / 1000).quantize(Decimal("0.001")))

    def full_clean(self) -> None:
        """Times are read on the clock of the place."""
        with timezone.override(self.zone):
            super().full_clean()

    def decide(self, *, by: User, now: dt.datetime) -> None:
        """The session is adjusted."""
        energy_kwh = self.cleaned_data["energy_kwh"]
        ended_at = self.cleaned_data["ended_at"]
        session = self.review.session
        is_same_end = ended_at is None or (
            session.ended_at is not None and ended_at == session.ended_at.replace(microsecond=0)
        )
        holds.adjust(
            self.review,
            energy_wh=None if energy_kwh is None else energy_kwh * 1000,
            ended_at=None if is_same_end else ended_at,
            by=by,
            note=self.cleaned_data["note"],
            now=now,
        )


class WaiveForm(DecisionForm):
    """Do not bill."""

    button = _("Do not bill")
    effect = _("Nobody pays for the session, now or later. A bill that was made already is credited in full.")
    done = _("The session is waived: nobody pays for it.")
    is_destructive = True

    def decide(self, *, by: User, now: dt.datetime) -> None:
        """The session is waived."""
        holds.waive(self.review, by=by, note=self.cleaned_data["note"], now=now)


FORMS: dict[str, type[DecisionForm]] = {"approve": ApproveForm, "adjust": AdjustForm, "waive": WaiveForm}
