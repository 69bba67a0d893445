"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from billing.web.webhooks import stripe_webhook

urlpatterns = [
    path("webhooks/stripe/", stripe_webhook, name="stripe-webhook"),
    path("", include("chargeportal.health.urls")),
    path("", include("chargeportal.portal_urls")),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    path("api/", include("chargeportal.api.urls")),
    path("account/", include("allauth.urls")),
    path("admin/", include("chargeportal.dashboards.urls")),
    path("admin/", admin.site.urls),
]
