"""Prices, what was charged by them, and the money that follows."""

from billing.models.accounts import BillingAccount, CostCentre, SellerProfile, VatNumberCheck
from billing.models.cdrs import Cdr, CdrLine, PaymentKind
from billing.models.deliveries import InvoiceDelivery
from billing.models.dunning import DunningAct, DunningCase, DunningPolicy
from billing.models.energy_costs import CdrCost, EnergyCost
from billing.models.exports import Export, ExportDownload, ExportKind, ExportSchedule
from billing.models.invoices import (
    BilledCdr,
    Invoice,
    InvoiceDocument,
    InvoiceLine,
    InvoiceRun,
    InvoiceRunItem,
    InvoiceSeries,
    InvoiceSettlement,
    InvoiceVat,
)
from billing.models.ledger import JournalEntry, JournalLine, LedgerAccount, LedgerPeriod
from billing.models.payments import (
    BalanceTransaction,
    Card,
    Dispute,
    GuestCheckout,
    Payment,
    Reconciliation,
    Refund,
    StripeCustomer,
    WebhookEvent,
)
from billing.models.prepaid import Plan, Subscription, SubscriptionMonth, Wallet, WalletEntry
from billing.models.settlements import HomeChargingAgreement, Payout, PayoutFile, RevenueShareAgreement
from billing.models.simulations import TariffSimulation
from billing.models.spot import BiddingArea, DynamicPrice, OffPeakIncentive, SpotPrice
from billing.models.tariffs import PriceComponent, PriceGroup, Tariff, TariffAssignment, TariffElement

__all__ = [
    "BalanceTransaction",
    "BiddingArea",
    "BilledCdr",
    "BillingAccount",
    "Card",
    "Cdr",
    "CdrCost",
    "CdrLine",
    "CostCentre",
    "Dispute",
    "DunningAct",
    "DunningCase",
    "DunningPolicy",
    "DynamicPrice",
    "EnergyCost",
    "Export",
    "ExportDownload",
    "ExportKind",
    "ExportSchedule",
    "GuestCheckout",
    "HomeChargingAgreement",
    "Invoice",
    "InvoiceDelivery",
    "InvoiceDocument",
    "InvoiceLine",
    "InvoiceRun",
    "InvoiceRunItem",
    "InvoiceSeries",
    "InvoiceSettlement",
    "InvoiceVat",
    "JournalEntry",
    "JournalLine",
    "LedgerAccount",
    "LedgerPeriod",
    "OffPeakIncentive",
    "Payment",
    "PaymentKind",
    "Payout",
    "PayoutFile",
    "Plan",
    "PriceComponent",
    "PriceGroup",
    "Reconciliation",
    "Refund",
    "RevenueShareAgreement",
    "SellerProfile",
    "SpotPrice",
    "StripeCustomer",
    "Subscription",
    "SubscriptionMonth",
    "Tariff",
    "TariffAssignment",
    "TariffElement",
    "TariffSimulation",
    "VatNumberCheck",
    "Wallet",
    "WalletEntry",
    "WebhookEvent",
]
