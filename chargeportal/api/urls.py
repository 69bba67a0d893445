"""The addresses of the REST API, below `/api/`."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from accounts.api.id_tokens import IdTokenViewSet
from billing.api.cdrs import CdrViewSet
from billing.api.exports import ExportViewSet
from billing.api.invoice_runs import BillingAccountViewSet, InvoiceRunViewSet
from billing.api.invoices import InvoiceViewSet
from billing.api.ledger import JournalEntryViewSet, LedgerAccountViewSet, TrialBalanceView
from billing.api.payments import PaymentViewSet
from billing.api.revenue import RevenueView
from billing.api.tariffs import PriceGroupViewSet, TariffViewSet
from chargeportal.api.meanings import ProblemKindView
from chargeportal.api.nowhere import NowhereView
from sessions.api.holds import HoldViewSet
from sessions.api.sessions import SessionViewSet
from stations.api.stations import LocationViewSet, StationViewSet

router = DefaultRouter()
router.include_format_suffixes = False
router.register("locations", LocationViewSet, basename="api-location")
router.register("stations", StationViewSet, basename="api-station")
router.register("sessions", SessionViewSet, basename="api-session")
router.register("holds", HoldViewSet, basename="api-hold")
router.register("cdrs", CdrViewSet, basename="api-cdr")
router.register("tariffs", TariffViewSet, basename="api-tariff")
router.register("price-groups", PriceGroupViewSet, basename="api-price-group")
router.register("payments", PaymentViewSet, basename="api-payment")
router.register("exports", ExportViewSet, basename="api-export")
router.register("id-tokens", IdTokenViewSet, basename="api-id-token")
router.register("invoices", InvoiceViewSet, basename="api-invoice")
router.register("billing-accounts", BillingAccountViewSet, basename="api-billing-account")
router.register("invoice-runs", InvoiceRunViewSet, basename="api-invoice-run")
router.register("ledger/accounts", LedgerAccountViewSet, basename="api-ledger-account")
router.register("ledger/entries", JournalEntryViewSet, basename="api-ledger-entry")

urlpatterns = [
    path("v1/ledger/trial-balance/", TrialBalanceView.as_view(), name="api-trial-balance"),
    path("v1/", include(router.urls)),
    path("v1/revenue/", RevenueView.as_view(), name="api-revenue"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    path("problems/<slug:slug>/", ProblemKindView.as_view(), name="api-problem"),
    re_path("", NowhereView.as_view()),
]
