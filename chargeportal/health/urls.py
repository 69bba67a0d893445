"""Addresses for machines that watch us."""

from django.urls import path

from chargeportal.health import views

urlpatterns = [
    path("healthz/", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
]
