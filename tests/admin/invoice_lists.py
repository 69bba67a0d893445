"""Rows for the lists of documents, runs, customers, agreements and payouts."""

import datetime as dt
import uuid
from decimal import Decimal

from billing.invoicing.drafts import Draft
from billing.invoicing.issuing import issue
from billing.models import (
    BillingAccount,
    HomeChargingAgreement,
    InvoiceRun,
    PayoutFile,
    RevenueShareAgreement,
    SellerProfile,
)
from tests.billing.invoice_builders import APRIL_1, NOW, company_account, person_account
from tests.billing.test_invoice_issuing import fee
from tests.factories import LocationFactory, MembershipFactory, OrganisationFactory, StationFactory

MARCH = dt.date(2026, 3, 1)


def add_customer(operator, user):
    return company_account(operator)


def add_document(operator, user):
    facts = {"name": "Seller", "country": "SE"}
    issue(
        Draft(
            operator_id=operator.pk, account=person_account(operator), kind="invoice", currency="SEK",
            invoice_date=APRIL_1, lines=(fee(),), seller=facts,
        ),
        now=NOW,
    )  # fmt: skip


def add_run(operator, user):
    start = dt.date(2020 + InvoiceRun.objects.count(), 1, 1)
    InvoiceRun.objects.create(
        operator=operator, period_start=start, period_end=start + dt.timedelta(days=31),
        invoice_date=APRIL_1, started_by=user, started_at=NOW,
    )  # fmt: skip


def add_seller(operator, user):
    host = OrganisationFactory(kind="host")
    BillingAccount.objects.create(operator=operator, organisation=host, number=f"H{host.pk}", name=host.name)
    SellerProfile.objects.create(organisation=host, legal_name=host.name)


def add_share(operator, user):
    RevenueShareAgreement.objects.create(
        operator=operator, account=company_account(operator), location=LocationFactory(operator=operator),
        share_percent=Decimal(30), valid_from=MARCH,
    )  # fmt: skip


def add_home(operator, user):
    HomeChargingAgreement.objects.create(
        account=company_account(operator), user=MembershipFactory(organisation=operator, role="driver").user,
        station=StationFactory(location=LocationFactory(operator=operator)), price_per_kwh=Decimal(2),
        valid_from=MARCH,
    )  # fmt: skip


def add_payout_file(operator, user):
    PayoutFile.objects.create(
        operator=operator, message_id=uuid.uuid4().hex, execution_date=APRIL_1, currency="SEK",
        total=Decimal(10), count=1, created_at=NOW,
    )  # fmt: skip


CUSTOMER_LISTS = {"billing_billingaccount": add_customer, "billing_invoice": add_document}
INVOICE_LISTS = CUSTOMER_LISTS | {
    "billing_invoicerun": add_run,
    "billing_sellerprofile": add_seller,
    "billing_revenueshareagreement": add_share,
    "billing_homechargingagreement": add_home,
    "billing_payoutfile": add_payout_file,
}
INVOICE_LISTS_OF_FINANCE = set(INVOICE_LISTS) - set(CUSTOMER_LISTS)
