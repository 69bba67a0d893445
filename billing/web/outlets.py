"""The short address on an outlet's sticker: `/q/SE*CPO*E1234/`, or `/q/<station>-<number>/`."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.urls import reverse

from stations.models import ChargingStation, Evse


def code_of(evse: Evse) -> str:
    """What stands on the sticker: the EVSE id, else the station's identity and the outlet's number."""
    return evse.evse_id or f"{evse.station.identity}-{evse.number}"


def address_of(evse: Evse) -> str:
    """The public address that the sticker's QR code leads to."""
    return settings.SITE_ADDRESS + reverse("guest-outlet", args=[code_of(evse)])


def public_outlet(code: str) -> Evse | None:
    """The outlet of that code, where everybody may charge."""
    found = _public().filter(evse_id__iexact=code).first() if code else None
    identity, dash, number = code.rpartition("-")
    if found is None and dash and number.isdecimal() and number.isascii() and len(number) <= len("32767"):
        found = _public().filter(station__identity__iexact=identity, number=int(number)).first()
    return found


def _public() -> QuerySet[Evse]:
    stations = ChargingStation.objects.visible_to(AnonymousUser()).filter(location__isnull=False)
    return Evse.objects.filter(station__in=stations).select_related("station__location")
