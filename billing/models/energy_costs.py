"""What a session costs the operator: the energy bought for it and the card processor's fee."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.cdrs import Cdr
from billing.models.spot import BiddingArea
from stations.models import Location


class EnergyCostQuerySet(models.QuerySet["EnergyCost"]):
    """Purchase prices, by whose they are."""

    def of(self, operator_ids: list[int]) -> "EnergyCostQuerySet":
        """Those of the operators' locations."""
        return self.filter(location__operator__in=operator_ids)


class EnergyCost(models.Model):
    """What the operator pays for a kWh at a location from a day on, without VAT.

    With a bidding area it is the day-ahead price plus the addition (grid fee, energy tax, supplier's
    margin); without one it is the addition alone, a fixed price.
    """

    location = models.ForeignKey(
        Location, models.CASCADE, related_name="energy_costs", verbose_name=_("location")
    )
    valid_from = models.DateField(_("from"), help_text=_("until the next price of the location begins"))
    area = models.CharField(
        _("day-ahead price of"),
        max_length=10,
        choices=BiddingArea.choices,
        blank=True,
        help_text=_("empty: a fixed price"),
    )
    per_kwh = models.DecimalField(
        _("per kWh, without VAT"),
        max_digits=10,
        decimal_places=4,
        help_text=_("the whole price, or what is added to the day-ahead price"),
    )
    currency = models.CharField(_("currency"), max_length=3, default="SEK")

    objects = EnergyCostQuerySet.as_manager()

    class Meta:
        verbose_name = _("purchase price of energy")
        verbose_name_plural = _("purchase prices of energy")
        ordering = ("location", "-valid_from")
        constraints = (
            models.UniqueConstraint(fields=("location", "valid_from"), name="energy_cost_one_a_day"),
        )

    def __str__(self) -> str:
        return f"{self.location} {self.valid_from}"


class CdrCost(models.Model):
    """The cost of one record, worked out from what is known; worked out again when more is known.

    ``energy_cost`` is None while the purchase price or a day-ahead price is not known; ``card_fee`` while
    the card processor has not told its fee. A credit has the negative costs of what it credits.
    """

    cdr = models.OneToOneField(
        Cdr, models.PROTECT, primary_key=True, related_name="cost", verbose_name=_("charge detail record")
    )
    energy_cost = models.DecimalField(
        _("energy cost, without VAT"), max_digits=12, decimal_places=4, null=True
    )
    card_fee = models.DecimalField(_("card fee"), max_digits=12, decimal_places=4, null=True)
    worked_out_at = models.DateTimeField(_("worked out"))

    class Meta:
        verbose_name = _("cost of a charge detail record")
        verbose_name_plural = _("costs of charge detail records")
        indexes = (
            models.Index(
                fields=("worked_out_at",),
                condition=models.Q(energy_cost__isnull=True) | models.Q(card_fee__isnull=True),
                name="cdr_cost_not_known_yet",
            ),
        )

    def __str__(self) -> str:
        return f"{self.cdr_id}"
