"""Day-ahead prices, and how a tariff follows them."""

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.tariffs import Tariff


class BiddingArea(models.TextChoices):
    """Bidding areas of the day-ahead market."""

    SE1 = "SE1", _("SE1 Luleå")
    SE2 = "SE2", _("SE2 Sundsvall")
    SE3 = "SE3", _("SE3 Stockholm")
    SE4 = "SE4", _("SE4 Malmö")


class SpotPrice(models.Model):
    """The day-ahead price of one market period, without VAT; negative prices are real."""

    area = models.CharField(_("bidding area"), max_length=10)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))
    currency = models.CharField(_("currency"), max_length=3, default="SEK")
    price_per_kwh = models.DecimalField(_("price per kWh"), max_digits=12, decimal_places=6)
    source = models.CharField(_("source"), max_length=80)
    imported_at = models.DateTimeField(_("imported"))

    class Meta:
        verbose_name = _("day-ahead price")
        verbose_name_plural = _("day-ahead prices")
        ordering = ("area", "starts_at")
        constraints = (
            models.UniqueConstraint(fields=("area", "currency", "starts_at"), name="spot_price_unique"),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="spot_price_period_ordered"
            ),
        )

    def __str__(self) -> str:
        return f"{self.area} {self.starts_at} {self.price_per_kwh}"


class DynamicPrice(models.Model):
    """A tariff's energy price follows the day-ahead price: (spot x (1 + percent) + fixed) within bounds."""

    tariff = models.OneToOneField(
        Tariff, models.CASCADE, related_name="dynamic_price", verbose_name=_("tariff")
    )
    area = models.CharField(
        _("bidding area"), max_length=10, choices=BiddingArea.choices, default=BiddingArea.SE3
    )
    add_percent = models.DecimalField(_("addition (%)"), max_digits=6, decimal_places=2, default=Decimal(0))
    add_per_kwh = models.DecimalField(
        _("addition per kWh, without VAT"), max_digits=10, decimal_places=4, default=Decimal(0)
    )
    floor_per_kwh = models.DecimalField(
        _("never below, without VAT"), max_digits=10, decimal_places=4, null=True, blank=True
    )
    cap_per_kwh = models.DecimalField(
        _("never above, without VAT"), max_digits=10, decimal_places=4, null=True, blank=True
    )
    fallback_per_kwh = models.DecimalField(
        _("price while the day-ahead price is missing, without VAT"), max_digits=10, decimal_places=4
    )

    class Meta:
        verbose_name = _("dynamic price")
        verbose_name_plural = _("dynamic prices")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(floor_per_kwh__isnull=True)
                | models.Q(cap_per_kwh__isnull=True)
                | models.Q(cap_per_kwh__gte=models.F("floor_per_kwh")),
                name="dynamic_price_floor_below_cap",
            ),
        )

    def __str__(self) -> str:
        return f"{self.tariff_id} {self.area}"
