"""Addresses of the pages about one station and one session; they stand before the admin's own."""

from django.contrib import admin
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from chargeportal.dashboards import commanding, frames, review_urls, session_page, station_page

app_name = "dashboards"


def _staff(view):
    """Only people who may enter the admin get there; others are sent to the login."""
    return admin.site.admin_view(view)


urlpatterns = [
    path(
        "stations/chargingstation/<int:station_id>/",
        _staff(require_GET(station_page.station_view)),
        name="station",
    ),
    path(
        "stations/chargingstation/<int:station_id>/frames/",
        _staff(require_GET(frames.frames_view)),
        name="frames",
    ),
    path(
        "stations/chargingstation/<int:station_id>/commands/<slug:kind>/",
        _staff(require_http_methods(["GET", "POST"])(commanding.command_view)),
        name="command",
    ),
    path(
        "stations/chargingstation/<int:station_id>/outcomes/<uuid:command_id>/",
        _staff(require_GET(commanding.outcome_view)),
        name="outcome",
    ),
    path(
        "charging_sessions/chargingsession/<int:session_id>/",
        _staff(require_GET(session_page.session_view)),
        name="session",
    ),
    *review_urls.urlpatterns,
]
