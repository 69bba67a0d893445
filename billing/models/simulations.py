"""What past sessions would have cost by another tariff, worked out in the background."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from billing.models.tariffs import PriceGroup, Tariff
from stations.models import Location


class TariffSimulationQuerySet(models.QuerySet["TariffSimulation"]):
    """Simulations, by who may see them."""

    def visible_to(self, user: Any) -> "TariffSimulationQuerySet":
        """Those of the tariffs of operators whose money the person does."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(tariff__operator__in=access.organisations_with(user, access.MONEY_ROLES))


class TariffSimulation(models.Model):
    """The sessions of a period priced again by a tariff, beside what they did cost.

    ``result`` holds the totals, the histogram and the largest changes once ``finished_at`` is set, in
    the shape of ``billing.tariffs.simulation``.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tariff = models.ForeignKey(Tariff, models.CASCADE, related_name="simulations", verbose_name=_("tariff"))
    from_date = models.DateField(_("from"))
    until_date = models.DateField(_("until"), help_text=_("the day after the last"))
    location = models.ForeignKey(
        Location, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("location")
    )
    price_group = models.ForeignKey(
        PriceGroup, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("price group")
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("asked for by")
    )
    requested_at = models.DateTimeField(_("asked for"))
    sessions_total = models.PositiveIntegerField(_("sessions"), default=0)
    sessions_done = models.PositiveIntegerField(_("sessions priced"), default=0)
    result = models.JSONField(_("result"), null=True, blank=True)
    failure = models.CharField(_("why it failed"), max_length=300, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = TariffSimulationQuerySet.as_manager()

    class Meta:
        verbose_name = _("tariff simulation")
        verbose_name_plural = _("tariff simulations")
        ordering = ("-requested_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(until_date__gt=models.F("from_date")), name="tariff_simulation_ordered"
            ),
        )

    def __str__(self) -> str:
        return f"{self.tariff} {self.from_date} – {self.until_date}"
