"""The forms on a tariff's page: try it, publish it, put it somewhere else too, simulate it."""

import datetime as dt
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import PriceGroup, Tariff
from billing.tariffs.preview import Case
from billing.tariffs.publishing import Holding
from stations.models import Evse, Location

_LONGEST_MINUTES = 7 * 24 * 60


def _datetime_input() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local", "class": "cp-input"}, format="%Y-%m-%dT%H:%M")


class TryForm(forms.Form):
    """A session that did not happen."""

    starts_at = forms.DateTimeField(label=_("Begins"), widget=_datetime_input())
    energy_kwh = forms.DecimalField(label=_("kWh"), min_value=0, max_value=5000, initial=20)
    charging_minutes = forms.IntegerField(
        label=_("Minutes charging"), min_value=0, max_value=_LONGEST_MINUTES, initial=40
    )
    parking_minutes = forms.IntegerField(
        label=_("Minutes parked after that"), min_value=0, max_value=_LONGEST_MINUTES, initial=30
    )

    @classmethod
    def usual(cls, now: dt.datetime) -> dict[str, Any]:
        """20 kWh in 40 minutes on the next Tuesday at 18, and 30 minutes of parking."""
        local = timezone.localtime(now)
        tuesday = local + dt.timedelta(days=(1 - local.weekday()) % 7)
        return {
            "starts_at": f"{tuesday:%Y-%m-%d}T18:00",
            "energy_kwh": Decimal(20),
            "charging_minutes": 40,
            "parking_minutes": 30,
        }

    def case(self) -> Case:
        """The session to price."""
        given = self.cleaned_data
        return Case(
            starts_at=given["starts_at"],
            energy_kwh=given["energy_kwh"],
            charging_minutes=given["charging_minutes"],
            parking_minutes=given["parking_minutes"],
            time_zone=settings.TIME_ZONE,
        )


class PlacesForm(forms.Form):
    """From when on, where and for whom."""

    starts_at = forms.DateTimeField(
        label=_("From"), required=False, widget=_datetime_input(), help_text=_("Empty: from now on.")
    )
    same = forms.BooleanField(
        label=_("Where the version before holds, for the same groups"), required=False, initial=True
    )
    everywhere = forms.BooleanField(label=_("Everywhere where no other tariff holds"), required=False)
    locations = forms.ModelMultipleChoiceField(Location.objects.none(), label=_("Locations"), required=False)
    evses = forms.ModelMultipleChoiceField(Evse.objects.none(), label=_("Outlets"), required=False)
    price_group = forms.ModelChoiceField(
        PriceGroup.objects.none(), label=_("For"), required=False, empty_label=_("everybody")
    )

    def __init__(self, *args: Any, tariff: Tariff, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        operator = tariff.operator_id
        if tariff.published_at is not None or tariff.replaces_id is None:
            del self.fields["same"]
        _offer(self, "locations", Location.objects.filter(operator=operator).order_by("name"))
        evses = Evse.objects.filter(station__location__operator=operator).select_related("station__location")
        _offer(self, "evses", evses.order_by("station__location__name", "station__identity", "number"))
        _offer(self, "price_group", PriceGroup.objects.filter(operator=operator))

    def wants_same(self) -> bool:
        """Whether the places of the version before are taken over."""
        return bool(self.cleaned_data.get("same"))

    def holdings(self) -> list[Holding]:
        """The places ticked, for the group chosen."""
        given = self.cleaned_data
        group = given["price_group"].pk if given["price_group"] else None
        found = [Holding(price_group_id=group)] if given["everywhere"] else []
        found += [Holding(location_id=place.pk, price_group_id=group) for place in given["locations"]]
        found += [Holding(evse_id=evse.pk, price_group_id=group) for evse in given["evses"]]
        return found


class EndForm(forms.Form):
    """Until when it holds at a place."""

    ends_at = forms.DateTimeField(label=_("Until"), widget=_datetime_input())


class SimulateForm(forms.Form):
    """Which past sessions are priced again."""

    from_date = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    last_date = forms.DateField(label=_("to"), widget=forms.DateInput(attrs={"type": "date"}))
    location = forms.ModelChoiceField(
        Location.objects.none(), label=_("Location"), required=False, empty_label=_("all locations")
    )
    price_group = forms.ModelChoiceField(
        PriceGroup.objects.none(), label=_("Price group"), required=False, empty_label=_("all drivers")
    )

    def __init__(self, *args: Any, tariff: Tariff, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "location", Location.objects.filter(operator=tariff.operator_id).order_by("name"))
        _offer(self, "price_group", PriceGroup.objects.filter(operator=tariff.operator_id))

    @classmethod
    def usual(cls, now: dt.datetime) -> dict[str, Any]:
        """The last thirty days."""
        today = timezone.localdate(now)
        return {"from_date": today - dt.timedelta(days=30), "last_date": today - dt.timedelta(days=1)}

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first."""
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("from_date"), cleaned.get("last_date")
        if first and last and last < first:
            self.add_error("last_date", _("The last day is before the first."))
        return cleaned


def _offer(form: forms.Form, name: str, rows: QuerySet) -> None:
    """The field offers these rows."""
    cast(forms.ModelChoiceField, form.fields[name]).queryset = rows
