"""Prepaid wallets and subscriptions."""

import uuid
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from billing.models.accounts import BillingAccount
from billing.models.cdrs import Cdr
from billing.models.ledger import OfOperatorQuerySet
from billing.models.payments import Payment


class Wallet(models.Model):
    """Money a customer has paid in advance. ``balance`` is the sum of the entries and never negative."""

    account = models.OneToOneField(
        BillingAccount, models.PROTECT, related_name="wallet", verbose_name=_("customer account")
    )
    currency = models.CharField(_("currency"), max_length=3, default="SEK")
    balance = models.DecimalField(_("balance"), max_digits=12, decimal_places=2, default=Decimal(0))
    top_up_below = models.DecimalField(
        _("top up when below"), max_digits=12, decimal_places=2, null=True, blank=True
    )
    top_up_amount = models.DecimalField(
        _("amount of a top-up"), max_digits=12, decimal_places=2, null=True, blank=True
    )

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")

    def __str__(self) -> str:
        return f"{self.balance} {self.currency}"


class WalletEntry(models.Model):
    """One movement of a wallet. Append-only; the natural key makes it count once."""

    class Kind(models.TextChoices):
        TOP_UP = "top_up", _("top-up")
        CHARGE = "charge", _("charging session")
        INVOICE = "invoice", _("invoice")
        REFUND = "refund", _("paid back")
        ADJUSTMENT = "adjustment", _("adjustment")

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="entries", verbose_name=_("wallet"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    balance_after = models.DecimalField(_("balance after"), max_digits=12, decimal_places=2)
    key = models.CharField(max_length=120, unique=True)
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, blank=True, related_name="+")
    cdr = models.ForeignKey(Cdr, models.PROTECT, null=True, blank=True, related_name="+")
    text = models.CharField(_("text"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("wallet entry")
        verbose_name_plural = _("wallet entries")
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(condition=~models.Q(amount=0), name="wallet_entry_moves_something"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class Plan(models.Model):
    """A subscription on offer: a monthly fee for included energy and cheaper charging."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="plans", verbose_name=_("operator")
    )
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=300, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="SEK")
    monthly_fee = models.DecimalField(
        _("monthly fee including VAT"), max_digits=10, decimal_places=2, default=Decimal(0)
    )
    vat_rate = models.DecimalField(_("VAT rate"), max_digits=6, decimal_places=4, default=Decimal("0.25"))
    included_kwh = models.DecimalField(
        _("included kWh a month"), max_digits=8, decimal_places=2, default=Decimal(0)
    )
    discount_percent = models.DecimalField(
        _("discount on energy (%)"), max_digits=5, decimal_places=2, default=Decimal(0)
    )
    price_group = models.ForeignKey(
        "billing.PriceGroup",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="plans",
        verbose_name=_("price group"),
        help_text=_("subscribers get its tariffs"),
    )
    is_offered = models.BooleanField(_("on offer"), default=True)

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscription plan")
        verbose_name_plural = _("subscription plans")
        ordering = ("monthly_fee", "name")
        constraints = (
            models.UniqueConstraint(fields=("operator", "name"), name="plan_name_unique"),
            models.CheckConstraint(
                condition=models.Q(
                    monthly_fee__gte=0,
                    included_kwh__gte=0,
                    discount_percent__gte=0,
                    discount_percent__lte=100,
                ),
                name="plan_numbers_sane",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """A customer on a plan, month by month until it is ended."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    account = models.ForeignKey(
        BillingAccount, models.PROTECT, related_name="subscriptions", verbose_name=_("customer account")
    )
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions", verbose_name=_("plan"))
    started_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"), null=True, blank=True, help_text=_("the first day without it"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ("-started_on",)
        constraints = (
            models.UniqueConstraint(
                fields=("account",),
                condition=models.Q(ends_on__isnull=True),
                name="subscription_one_open_per_account",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gte=models.F("started_on")),
                name="subscription_ordered",
            ),
        )

    def __str__(self) -> str:
        return f"{self.account} · {self.plan}"


class SubscriptionMonth(models.Model):
    """One paid month of a subscription: its fee, and how much of the included energy is used."""

    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="months", verbose_name=_("subscription")
    )
    first_date = models.DateField(_("from"))
    end_date = models.DateField(_("to"), help_text=_("the day after the last"))
    fee = models.DecimalField(_("fee including VAT"), max_digits=10, decimal_places=2)
    included_wh = models.DecimalField(_("included energy (Wh)"), max_digits=14, decimal_places=3)
    used_wh = models.DecimalField(_("used of it (Wh)"), max_digits=14, decimal_places=3, default=Decimal(0))
    invoice = models.ForeignKey(
        "billing.Invoice", models.PROTECT, null=True, blank=True, related_name="subscription_months"
    )
    recognised_at = models.DateTimeField(_("earned"), null=True, blank=True)

    class Meta:
        verbose_name = _("month of a subscription")
        verbose_name_plural = _("months of subscriptions")
        ordering = ("subscription", "first_date")
        constraints = (
            models.UniqueConstraint(fields=("subscription", "first_date"), name="subscription_month_once"),
            models.CheckConstraint(
                condition=models.Q(used_wh__gte=0) & models.Q(used_wh__lte=models.F("included_wh")),
                name="subscription_month_within_included",
            ),
        )

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.first_date:%Y-%m}"
