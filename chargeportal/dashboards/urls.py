"""Addresses of the station, the session and the finance desk pages; they stand before the admin's own."""

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.urls import include, path
from django.views.decorators.http import require_GET, require_http_methods

from chargeportal.dashboards import (
    commanding,
    finance,
    finance_books,
    finance_close,
    frames,
    revenue_urls,
    review_urls,
    session_page,
    station_page,
    tariff_urls,
)

app_name = "dashboards"


def _staff(view):
    """Only people who may enter the admin get there; others are sent to the login."""
    return admin.site.admin_view(view)


def _books(view, *methods):
    """Only people who may see somebody's books get there."""
    allowed = permission_required("billing.view_journalentry", raise_exception=True)(view)
    return _staff(require_http_methods(methods or ("GET",))(allowed))


_finance = [
    path("", _books(finance.desk_view), name="finance"),
    path("run/", _books(finance.run_view), name="finance_run"),
    path("search/", _books(finance.search_view), name="finance_search"),
    path("months/", _books(finance_close.months_view), name="finance_months"),
    path("months/<slug:month>/", _books(finance_close.month_view, "GET", "POST"), name="finance_month"),
    path("trial-balance/", _books(finance_books.trial_balance_view), name="finance_trial_balance"),
    path("accounts/<int:account_id>/", _books(finance_books.statement_view), name="finance_statement"),
    path("entries/<int:entry_id>/source/", _books(finance_books.source_view), name="finance_source"),
]

urlpatterns = [
    path("", _staff(finance.home_view), name="home"),
    path("finance/", include(_finance)),
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
    *revenue_urls.urlpatterns,
    *tariff_urls.urlpatterns,
]
