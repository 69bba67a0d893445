"""Stops whose transaction we do not know."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from sessions.models.sessions import ChargingSession
from stations.models import ChargingStation


class UnmatchedStop(models.Model):
    """A StopTransaction with an unknown id (or -1): answered, kept, and matched later by a person."""

    station = models.ForeignKey(
        ChargingStation, models.PROTECT, related_name="unmatched_stops", verbose_name=_("charging station")
    )
    transaction_ref = models.CharField(_("transaction"), max_length=36)
    id_token_uid = models.CharField(_("token shown"), max_length=255, blank=True)
    occurred_at = models.DateTimeField(_("at"))
    meter_stop_wh = models.DecimalField(
        _("register at end (Wh)"), max_digits=14, decimal_places=3, null=True, blank=True
    )
    stop_reason = models.CharField(_("stop reason"), max_length=30, blank=True)
    received_at = models.DateTimeField(_("received"))
    payload = models.JSONField(_("payload"))
    session = models.ForeignKey(
        ChargingSession,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="unmatched_stops",
        verbose_name=_("matched session"),
    )

    class Meta:
        verbose_name = _("stop without session")
        verbose_name_plural = _("stops without session")
        ordering = ("-received_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("station", "transaction_ref", "occurred_at"), name="unmatched_stop_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.station_id} · {self.transaction_ref}"
