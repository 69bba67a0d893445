"""Day-ahead prices, how a tariff follows them, and what it takes off in hours of little demand."""

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.tariffs import Tariff

OCPI_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


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
        return self.get_area_display()

    def as_ocpi(self) -> dict[str, Any]:
        """The ``x_dynamic`` object of the rating engine, without the prices of any day."""
        bounds = {"floor": self.floor_per_kwh, "cap": self.cap_per_kwh}
        return {
            "area": self.area,
            "add_percent": str(self.add_percent),
            "add_per_kwh": str(self.add_per_kwh),
            "fallback_per_kwh": str(self.fallback_per_kwh),
        } | {name: str(bound) for name, bound in bounds.items() if bound is not None}


class OffPeakIncentive(models.Model):
    """A discount on energy in certain hours of the local clock: a share of the price or so much a kWh."""

    tariff = models.ForeignKey(Tariff, models.CASCADE, related_name="incentives", verbose_name=_("tariff"))
    position = models.PositiveSmallIntegerField(
        _("position"), default=1, help_text=_("of several that hold at a time, the first one counts")
    )
    name = models.CharField(_("name"), max_length=60, help_text=_("as the driver reads it on the bill"))
    start_time = models.TimeField(_("from"), null=True, blank=True)
    end_time = models.TimeField(
        _("to"), null=True, blank=True, help_text=_("earlier than the beginning: past midnight")
    )
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(),
        default=list,
        blank=True,
        verbose_name=_("weekdays"),
        help_text=_("0 is Monday; empty: every day"),
    )
    percent = models.DecimalField(
        _("discount (%)"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )
    per_kwh = models.DecimalField(
        _("discount per kWh"),
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("with or without VAT as the tariff's prices are"),
    )

    class Meta:
        verbose_name = _("off-peak discount")
        verbose_name_plural = _("off-peak discounts")
        ordering = ("tariff", "position", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    percent__isnull=False, per_kwh__isnull=True, percent__gte=0, percent__lte=100
                )
                | models.Q(percent__isnull=True, per_kwh__isnull=False, per_kwh__gte=0),
                name="off_peak_percent_or_amount",
            ),
            models.CheckConstraint(
                condition=models.Q(weekdays__contained_by=list(range(7))), name="off_peak_weekdays_known"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def as_ocpi(self) -> dict[str, Any]:
        """One of the ``x_incentives`` of the rating engine."""
        restrictions: dict[str, Any] = {}
        for name in ("start_time", "end_time"):
            if getattr(self, name) is not None:
                restrictions[name] = f"{getattr(self, name):%H:%M}"
        if self.weekdays:
            restrictions["day_of_week"] = [OCPI_WEEKDAYS[day] for day in sorted(self.weekdays)]
        incentive: dict[str, Any] = {"name": self.name, "restrictions": restrictions}
        if self.percent is not None:
            return incentive | {"percent": str(self.percent)}
        return incentive | {"per_kwh": str(self.per_kwh)}
