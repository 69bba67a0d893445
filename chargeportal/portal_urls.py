"""The driver portal at the root of the site, put together from the apps' pages."""

from django.urls import include, path

urlpatterns = [
    path("", include("sessions.web.urls")),
    path("", include("stations.web.urls")),
    path("", include("accounts.web.urls")),
    path("", include("billing.web.urls")),
]
