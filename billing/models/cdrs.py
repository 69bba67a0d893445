"""Charge detail records: what a session cost, never changed afterwards."""

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.tariffs import Tariff
from sessions.models import ChargingSession


class CdrQuerySet(models.QuerySet["Cdr"]):
    """Charge detail records, by who may see them."""

    def visible_to(self, user: Any) -> "CdrQuerySet":
        """Those of the sessions the person may see."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(session__in=ChargingSession.objects.visible_to(user).values("pk"))


class Cdr(models.Model):
    """The priced record of one ended session.

    The database refuses updates and deletes, and a total that is not the sum of its lines. The tariff,
    the time zone and the measured periods it was rated with are kept with it, so it can be explained
    and re-rated for ever.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    session = models.OneToOneField(
        ChargingSession, models.PROTECT, related_name="cdr", verbose_name=_("charging session")
    )
    tariff = models.ForeignKey(
        Tariff,
        models.PROTECT,
        null=True,
        related_name="cdrs",
        verbose_name=_("tariff"),
        help_text=_("empty: no tariff held for the place, and the session was free"),
    )
    currency = models.CharField(_("currency"), max_length=3)
    total_excl_vat = models.DecimalField(_("total without VAT"), max_digits=12, decimal_places=2)
    total_vat = models.DecimalField(_("VAT"), max_digits=12, decimal_places=2)
    total_incl_vat = models.DecimalField(_("total"), max_digits=12, decimal_places=2)
    energy_wh = models.DecimalField(_("energy (Wh)"), max_digits=14, decimal_places=3)
    charging_s = models.PositiveIntegerField(_("charging time (s)"))
    parking_s = models.PositiveIntegerField(_("parking time (s)"))
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"))
    time_zone = models.CharField(_("time zone"), max_length=60)
    tariff_snapshot = models.JSONField(_("tariff as rated"), null=True)
    periods_snapshot = models.JSONField(_("measured periods as rated"))
    rated_at = models.DateTimeField(_("rated"))

    objects = CdrQuerySet.as_manager()

    class Meta:
        verbose_name = _("charge detail record")
        verbose_name_plural = _("charge detail records")
        ordering = ("-ended_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(total_incl_vat=models.F("total_excl_vat") + models.F("total_vat")),
                name="cdr_total_is_net_plus_vat",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__gte=models.F("started_at")), name="cdr_period_ordered"
            ),
            models.CheckConstraint(condition=models.Q(energy_wh__gte=0), name="cdr_energy_not_negative"),
        )
        indexes = (models.Index(fields=("-ended_at",), name="cdr_by_end"),)

    def __str__(self) -> str:
        return f"{self.total_incl_vat} {self.currency}"


class CdrLine(models.Model):
    """One line of the bill: a quantity at a price, rounded once to the currency's minor unit."""

    cdr = models.ForeignKey(Cdr, models.PROTECT, related_name="lines", verbose_name=_("charge detail record"))
    position = models.PositiveSmallIntegerField(_("position"))
    dimension = models.CharField(_("dimension"), max_length=20)
    quantity = models.DecimalField(_("quantity"), max_digits=18, decimal_places=6)
    unit = models.CharField(_("unit"), max_length=8)
    unit_price = models.DecimalField(_("unit price"), max_digits=12, decimal_places=4)
    price_includes_vat = models.BooleanField(_("price includes VAT"))
    vat_rate = models.DecimalField(
        _("VAT rate"), max_digits=6, decimal_places=4, null=True, help_text=_("as a fraction, 0.25 for 25 %")
    )
    amount_excl_vat = models.DecimalField(_("amount without VAT"), max_digits=12, decimal_places=2)
    amount_vat = models.DecimalField(_("VAT"), max_digits=12, decimal_places=2)
    amount_incl_vat = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    trace = models.JSONField(_("why this price"))

    class Meta:
        verbose_name = _("line of a charge detail record")
        verbose_name_plural = _("lines of charge detail records")
        ordering = ("cdr", "position")
        constraints = (
            models.UniqueConstraint(fields=("cdr", "position"), name="cdr_line_position_unique"),
            models.CheckConstraint(
                condition=models.Q(amount_incl_vat=models.F("amount_excl_vat") + models.F("amount_vat")),
                name="cdr_line_is_net_plus_vat",
            ),
        )

    def __str__(self) -> str:
        return f"{self.dimension} {self.amount_incl_vat}"
