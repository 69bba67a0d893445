"""Tariffs, the rating engine and charge detail records."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Install the pricing port and the receivers of session facts."""
        from billing import pricing, receivers  # noqa: F401 - the import registers the receivers
        from billing.payments.guarantee import AccountGuarantee
        from billing.web import live  # noqa: F401 - registers what guests' pages push
        from sessions import ports

        ports.install_pricing(pricing.SessionPricing())
        ports.install_payment_guarantee(AccountGuarantee())
