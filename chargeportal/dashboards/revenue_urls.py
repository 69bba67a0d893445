"""Addresses of the page of revenue."""

from django.contrib import admin
from django.urls import path
from django.views.decorators.http import require_GET

from chargeportal.dashboards import revenue_page

urlpatterns = [
    path("revenue/", admin.site.admin_view(require_GET(revenue_page.revenue_view)), name="revenue"),
    path(
        "revenue/<slug:by>.csv", admin.site.admin_view(require_GET(revenue_page.csv_view)), name="revenue-csv"
    ),
]
