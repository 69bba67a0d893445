"""Addresses of held sessions and of stops without a session; they stand before the admin's own."""

from django.contrib import admin
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from chargeportal.dashboards import review_page, stop_page


def _staff(view):
    return admin.site.admin_view(view)


urlpatterns = [
    path(
        "charging_sessions/sessionreview/<int:review_id>/",
        _staff(require_GET(review_page.review_view)),
        name="review",
    ),
    path(
        "charging_sessions/sessionreview/<int:review_id>/decide/<slug:decision>/",
        _staff(require_http_methods(["GET", "POST"])(review_page.decide_view)),
        name="review-decide",
    ),
    path(
        "charging_sessions/unmatchedstop/<int:stop_id>/",
        _staff(require_GET(stop_page.stop_view)),
        name="unmatched-stop",
    ),
    path(
        "charging_sessions/unmatchedstop/<int:stop_id>/match/<int:session_id>/",
        _staff(require_http_methods(["GET", "POST"])(stop_page.match_view)),
        name="unmatched-stop-match",
    ),
]
