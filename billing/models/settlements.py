"""What the operator owes others: the hosts' share of the revenue, and drivers' charging at home."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from billing.models.accounts import BillingAccount
from billing.models.invoices import Invoice
from billing.models.ledger import OfOperatorQuerySet
from stations.models import ChargingStation, Location


class RevenueShareAgreement(models.Model):
    """What a host gets of the charging at its location, and what the operator keeps for its work."""

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="revenue_shares", verbose_name=_("operator")
    )
    account = models.ForeignKey(
        BillingAccount, models.PROTECT, related_name="revenue_shares", verbose_name=_("host's account")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, related_name="revenue_shares", verbose_name=_("location")
    )
    share_percent = models.DecimalField(
        _("share of net revenue (%)"), max_digits=5, decimal_places=2, default=0
    )
    per_kwh = models.DecimalField(_("paid per kWh, without VAT"), max_digits=10, decimal_places=4, default=0)
    monthly_fee = models.DecimalField(
        _("operator's monthly fee, without VAT"), max_digits=10, decimal_places=2, default=0
    )
    vat_rate = models.DecimalField(_("VAT rate"), max_digits=6, decimal_places=4, default="0.25")
    valid_from = models.DateField(_("from"))
    valid_until = models.DateField(_("until"), null=True, blank=True, help_text=_("the first day without it"))

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("revenue share agreement")
        verbose_name_plural = _("revenue share agreements")
        ordering = ("location", "-valid_from")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    share_percent__gte=0, share_percent__lte=100, per_kwh__gte=0, monthly_fee__gte=0
                ),
                name="revenue_share_numbers_sane",
            ),
        )

    def __str__(self) -> str:
        return f"{self.location} {self.share_percent} %"


class HomeChargingAgreement(models.Model):
    """An employer pays a driver back for charging the company's car at home."""

    class PriceKind(models.TextChoices):
        FIXED = "fixed", _("fixed price per kWh")
        SPOT = "spot", _("spot price and additions")

    account = models.ForeignKey(
        BillingAccount, models.PROTECT, related_name="home_charging", verbose_name=_("employer's account")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="home_charging", verbose_name=_("driver")
    )
    station = models.ForeignKey(
        ChargingStation, models.PROTECT, related_name="home_charging", verbose_name=_("station at home")
    )
    price_kind = models.CharField(
        _("price"), max_length=5, choices=PriceKind.choices, default=PriceKind.FIXED
    )
    price_per_kwh = models.DecimalField(
        _("price per kWh"),
        max_digits=10,
        decimal_places=4,
        help_text=_("or what is added to the spot price: fees, tax and grid"),
    )
    bidding_area = models.CharField(_("bidding area"), max_length=10, blank=True)
    iban = models.CharField(_("IBAN"), max_length=34, blank=True)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    valid_from = models.DateField(_("from"))
    valid_until = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("home charging agreement")
        verbose_name_plural = _("home charging agreements")
        ordering = ("account", "user")

    def __str__(self) -> str:
        return f"{self.user_id} {self.station_id}"


class PayoutFile(models.Model):
    """A SEPA credit transfer file (pain.001) with what hosts and drivers get."""

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="payout_files", verbose_name=_("operator")
    )
    message_id = models.CharField(_("message id"), max_length=35, unique=True)
    execution_date = models.DateField(_("execution date"))
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("total"), max_digits=14, decimal_places=2)
    count = models.PositiveIntegerField(_("payments"))
    sha256 = models.CharField(max_length=64, blank=True)
    path = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"))
    sent_at = models.DateTimeField(_("paid"), null=True, blank=True)

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("payout file")
        verbose_name_plural = _("payout files")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.message_id


class Payout(models.Model):
    """One self-billed or reimbursed document that is paid out; a document is in one file at most."""

    file = models.ForeignKey(
        PayoutFile, models.PROTECT, related_name="payouts", verbose_name=_("payout file")
    )
    invoice = models.OneToOneField(Invoice, models.PROTECT, related_name="payout", verbose_name=_("document"))
    name = models.CharField(_("payee"), max_length=140)
    iban = models.CharField(_("IBAN"), max_length=34)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    reference = models.CharField(_("reference"), max_length=35)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payout_amount_positive"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.amount}"
