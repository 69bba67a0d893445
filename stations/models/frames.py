"""The log of OCPP frames: every CALL with its answer, partitioned by month."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from stations.models.stations import ChargingStation


class OcppFrame(models.Model):
    """One CALL in either direction together with its CALLRESULT or CALLERROR.

    The table is range-partitioned on ``occurred_at`` and made by the migration (Django cannot);
    ``chargeportal.common.partitions`` keeps its months ahead.
    """

    class Direction(models.TextChoices):
        FROM_STATION = "in", _("from the station")
        TO_STATION = "out", _("to the station")

    pk = models.CompositePrimaryKey("occurred_at", "id")
    id = models.BigIntegerField()
    occurred_at = models.DateTimeField(_("at"))
    station = models.ForeignKey(
        ChargingStation, models.DO_NOTHING, related_name="frames", verbose_name=_("charging station")
    )
    connection_id = models.BigIntegerField(null=True)
    direction = models.CharField(_("direction"), max_length=3, choices=Direction.choices)
    message_id = models.CharField(_("message id"), max_length=64)
    action = models.CharField(_("action"), max_length=60)
    payload = models.JSONField(_("payload"), null=True)
    response = models.JSONField(_("answer"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    error_code = models.CharField(_("error code"), max_length=40)
    error_description = models.CharField(_("error"), max_length=255)
    flags = ArrayField(models.CharField(max_length=40), verbose_name=_("deviations"))
    raw = models.TextField(  # noqa: DJ001 - a hot table: NULL costs nothing
        _("frame as received"), null=True, help_text=_("only when it could not be read")
    )

    class Meta:
        managed = False
        db_table = "stations_ocppframe"
        verbose_name = _("OCPP frame")
        verbose_name_plural = _("OCPP frames")
        ordering = ("-occurred_at", "-id")

    def __str__(self) -> str:
        return f"{self.action} {self.occurred_at:%Y-%m-%d %H:%M:%S}"
