"""Pages of the simulator: who would have paid more or less by a tariff that is not published yet."""

import csv
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.admin.base import person
from accounts.models import User
from billing.models import TariffSimulation
from billing.tariffs import simulation as simulations
from billing.tasks import run_tariff_simulation
from chargeportal.dashboards.tariff_forms import SimulateForm
from chargeportal.dashboards.tariff_page import tariff_or_404
from sessions.models import ChargingSession

_CHUNK = 1000


class _Echo:
    """A file that hands on what is written to it."""

    def write(self, line: str) -> str:
        return line


def simulate_view(request: HttpRequest, tariff_id: int) -> HttpResponse:
    """The simulation is asked for: worked out at once when small, else in the background."""
    tariff = tariff_or_404(request, tariff_id)
    form = SimulateForm(request.POST, tariff=tariff)
    if not form.is_valid():
        return HttpResponseRedirect(f"{reverse('dashboards:tariff', args=[tariff.pk])}#simulate")
    now = timezone.now()
    simulation = simulations.ask(
        tariff,
        from_date=form.cleaned_data["from_date"],
        until_date=form.cleaned_data["last_date"] + dt.timedelta(days=1),
        location=form.cleaned_data["location"],
        price_group=form.cleaned_data["price_group"],
        by=person(request),
        now=now,
    )
    if simulation.sessions_total <= simulations.AT_ONCE:
        simulations.run(simulation.pk, now=now)
    else:
        run_tariff_simulation.delay_on_commit(simulation_id=simulation.pk)
    address = reverse("dashboards:tariff_simulation", args=[tariff.pk, simulation.public_id])
    return HttpResponseRedirect(address)


def simulation_view(request: HttpRequest, tariff_id: int, simulation_id: UUID) -> HttpResponse:
    """The result, or how far it has come."""
    tariff = tariff_or_404(request, tariff_id)
    simulation = _simulation(tariff_id, simulation_id)
    context = admin.site.each_context(request) | _context(simulation) | {
        "title": _("Simulation of %(tariff)s, version %(version)d")
        % {"tariff": tariff.name, "version": tariff.version},
        "tariff": tariff,
        "simulation": simulation,
        "last_date": simulation.until_date - dt.timedelta(days=1),
    }  # fmt: skip
    return TemplateResponse(request, "admin/tariff/simulation.html", context)


def csv_view(request: HttpRequest, tariff_id: int, simulation_id: UUID) -> StreamingHttpResponse:
    """Every session with what it cost and would cost."""
    tariff = tariff_or_404(request, tariff_id)
    simulation = _simulation(tariff_id, simulation_id)
    audit.record(
        person(request), act="tariff.simulation_exported", subject=f"tariff {tariff} {tariff.version}"
    )
    writer = csv.writer(_Echo())
    response = StreamingHttpResponse(
        (writer.writerow(row) for row in _csv_rows(simulation)), content_type="text/csv; charset=utf-8"
    )
    name = f"simulation-{simulation.public_id}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _simulation(tariff_id: int, simulation_id: UUID) -> TariffSimulation:
    rows = TariffSimulation.objects.select_related("location", "price_group", "requested_by")
    return get_object_or_404(rows, tariff=tariff_id, public_id=simulation_id)


def _context(simulation: TariffSimulation) -> dict[str, Any]:
    result = simulation.result
    if result is None:
        return {"result": None}
    sessions = _sessions([row["session"] for row in result["largest"]])
    people = User.objects.in_bulk([row["user"] for row in result["drivers"]])
    top = max((bar["count"] for bar in result["histogram"]), default=0) or 1
    before = Decimal(result["before_excl"])
    return {
        "result": result,
        "bars": [bar | {"share": 100 * bar["count"] / top} for bar in result["histogram"]],
        "largest": [row | {"row": sessions.get(row["session"])} for row in result["largest"]],
        "drivers": [row | {"person": people.get(row["user"])} for row in result["drivers"]],
        "percent": 100 * Decimal(result["change_excl"]) / before if before else None,
    }


def _sessions(ids: list[int]) -> dict[int, ChargingSession]:
    rows = ChargingSession.objects.select_related("station__location", "user", "evse")
    return rows.in_bulk(ids)


def _csv_rows(simulation: TariffSimulation) -> Iterator[list[str]]:
    yield ["session", "station", "started_at", "energy_kwh", "before", "after", "change", "currency"]
    rows = (simulation.result or {}).get("rows", [])
    for first in range(0, len(rows), _CHUNK):
        part = rows[first : first + _CHUNK]
        sessions = ChargingSession.objects.select_related("station").in_bulk([row[0] for row in part])
        for session_id, before, after in part:
            session = sessions[session_id]
            yield [
                str(session.public_id),
                _harmless(session.station.identity),
                session.started_at.astimezone(dt.UTC).isoformat(),
                str((session.energy_wh or Decimal(0)) / 1000),
                before,
                after,
                str(Decimal(after) - Decimal(before)),
                simulation.tariff.currency,
            ]


def _harmless(text: str) -> str:
    """A text no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
