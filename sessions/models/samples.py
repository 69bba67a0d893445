"""Meter samples, partitioned by month of the sample's own time."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from sessions.models.sessions import ChargingSession
from stations.models import ChargingStation


class MeterSample(models.Model):
    """What a meter showed at one instant, in Wh, W, A, V, percent and degrees Celsius.

    The natural key (station, EVSE, instant, context) makes a repeated message harmless; two messages
    for one instant are merged. The table is range-partitioned on ``sampled_at`` and made by the
    migration; it has no foreign keys, because their checks would cost more than the row itself:
    ``session_id`` is filled by a join in the inserting statement, and sessions are never deleted.
    """

    pk = models.CompositePrimaryKey("station_id", "evse_number", "sampled_at", "context")
    station = models.ForeignKey(
        ChargingStation,
        models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        verbose_name=_("charging station"),
    )
    evse_number = models.PositiveSmallIntegerField(_("EVSE"))
    sampled_at = models.DateTimeField(_("at"))
    context = models.CharField(_("context"), max_length=24, help_text=_("OCPP ReadingContext"))
    session = models.ForeignKey(
        ChargingSession,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="samples",
        verbose_name=_("charging session"),
    )
    transaction_ref = models.CharField(_("transaction"), max_length=36, null=True)  # noqa: DJ001 - hot table
    received_at = models.DateTimeField(_("received"))
    energy_wh = models.DecimalField(_("register (Wh)"), max_digits=14, decimal_places=3, null=True)
    power_w = models.FloatField(_("power (W)"), null=True)
    current_l1_a = models.FloatField(_("current L1 (A)"), null=True)
    current_l2_a = models.FloatField(_("current L2 (A)"), null=True)
    current_l3_a = models.FloatField(_("current L3 (A)"), null=True)
    voltage_l1_v = models.FloatField(_("voltage L1 (V)"), null=True)
    voltage_l2_v = models.FloatField(_("voltage L2 (V)"), null=True)
    voltage_l3_v = models.FloatField(_("voltage L3 (V)"), null=True)
    offered_a = models.FloatField(_("current offered (A)"), null=True)
    offered_w = models.FloatField(_("power offered (W)"), null=True)
    soc_percent = models.FloatField(_("state of charge (%)"), null=True)
    temperature_c = models.FloatField(_("temperature (°C)"), null=True)
    extra = models.JSONField(_("further readings"), null=True)
    flags = ArrayField(models.CharField(max_length=40), null=True, verbose_name=_("deviations"))

    class Meta:
        managed = False
        db_table = "charging_sessions_metersample"
        verbose_name = _("meter sample")
        verbose_name_plural = _("meter samples")
        ordering = ("sampled_at",)

    def __str__(self) -> str:
        return f"{self.station_id}/{self.evse_number} {self.sampled_at:%Y-%m-%d %H:%M:%S}"
