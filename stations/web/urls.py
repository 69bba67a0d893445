"""The finder."""

from django.urls import path

from stations.web import finder

urlpatterns = [
    path("chargers/", finder.charger_list, name="charger-list"),
    path("chargers/availability/", finder.charger_availability, name="charger-availability"),
]
