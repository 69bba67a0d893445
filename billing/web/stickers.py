"""Stickers for the outlets of a station: a sheet to print, and each QR code as a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass

import segno
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET

from billing.payments.guest import GUEST
from billing.price_lists import PriceList, price_list_of
from billing.tariff_selection import tariffs_at
from billing.web.outlets import address_of, code_of
from stations.models import ChargingStation, Evse

#: A scratch may cover a quarter of the code and it still reads.
_ERROR_CORRECTION = "q"
_PNG_SCALE = 16


@dataclass(frozen=True, slots=True)
class Sticker:
    """One outlet's sticker."""

    evse: Evse
    code: str
    address: str
    svg: SafeString
    prices: PriceList | None


@login_required
@require_GET
def sheet(request: HttpRequest, station_id: int) -> HttpResponse:
    """The stickers of a station one manages, to print."""
    station = _station(request, station_id)
    evses = list(station.evses.select_related("station").order_by("number"))
    tariffs = tariffs_at([evse.pk for evse in evses], at=timezone.now(), driver=GUEST)
    stickers = [
        Sticker(
            evse,
            code_of(evse),
            address_of(evse),
            _svg(address_of(evse)),
            price_list_of(tariffs[evse.pk]) if evse.pk in tariffs else None,
        )
        for evse in evses
    ]
    return render(request, "billing/stickers.html", {"station": station, "stickers": stickers})


@login_required
@require_GET
def picture(request: HttpRequest, station_id: int, number: int) -> HttpResponse:
    """The QR code of one outlet as a PNG, large enough for a sign."""
    evse = get_object_or_404(_station(request, station_id).evses.select_related("station"), number=number)
    drawn = io.BytesIO()
    _qr(address_of(evse)).save(drawn, kind="png", scale=_PNG_SCALE, border=4)
    name = "".join(char if char.isalnum() else "-" for char in code_of(evse))
    return HttpResponse(
        drawn.getvalue(),
        content_type="image/png",
        headers={"Content-Disposition": f'attachment; filename="{name}.png"'},
    )


def _station(request: HttpRequest, station_id: int) -> ChargingStation:
    managed = ChargingStation.objects.managed_by(request.user).select_related("location")
    return get_object_or_404(managed, pk=station_id)


def _qr(address: str) -> segno.QRCode:
    return segno.make(address, error=_ERROR_CORRECTION, micro=False)


def _svg(address: str) -> SafeString:
    drawn = _qr(address).svg_inline(border=2, omitsize=True, svgclass="sticker__qr", lineclass=None)
    return mark_safe(drawn)  # noqa: S308 - squares drawn from our own address
