"""Addresses of the pages about tariffs; they stand before the admin's own."""

from django.contrib import admin
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from chargeportal.dashboards import tariff_page, tariff_simulations


def _staff(view):
    """Only people who may enter the admin get there; others are sent to the login."""
    return admin.site.admin_view(view)


_TARIFF = "billing/tariff/<int:tariff_id>/"

urlpatterns = [
    path(_TARIFF, _staff(require_GET(tariff_page.tariff_view)), name="tariff"),
    path(f"{_TARIFF}publish/", _staff(require_POST(tariff_page.publish_view)), name="tariff_publish"),
    path(f"{_TARIFF}new-version/", _staff(require_POST(tariff_page.version_view)), name="tariff_version"),
    path(f"{_TARIFF}withdraw/", _staff(require_POST(tariff_page.withdraw_view)), name="tariff_withdraw"),
    path(
        f"{_TARIFF}places/<int:assignment_id>/end/",
        _staff(require_POST(tariff_page.end_view)),
        name="tariff_end",
    ),
    path(
        f"{_TARIFF}simulate/", _staff(require_POST(tariff_simulations.simulate_view)), name="tariff_simulate"
    ),
    path(
        f"{_TARIFF}simulations/<uuid:simulation_id>/",
        _staff(require_GET(tariff_simulations.simulation_view)),
        name="tariff_simulation",
    ),
    path(
        f"{_TARIFF}simulations/<uuid:simulation_id>/sessions.csv",
        _staff(require_GET(tariff_simulations.csv_view)),
        name="tariff_simulation_csv",
    ),
]
