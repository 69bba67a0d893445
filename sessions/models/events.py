"""Every transaction event a station reported, as it reported it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from sessions.models.sessions import ChargingSession


class TransactionEvent(models.Model):
    """A TransactionEvent of 2.x, or a StartTransaction (seq 0) or StopTransaction of 1.6.

    Kept once however often the station repeats it: (session, event type, seq_no) is unique.
    """

    class Type(models.TextChoices):
        STARTED = "started", _("started")
        UPDATED = "updated", _("updated")
        ENDED = "ended", _("ended")

    session = models.ForeignKey(
        ChargingSession, models.PROTECT, related_name="events", verbose_name=_("charging session")
    )
    type = models.CharField(_("type"), max_length=8, choices=Type.choices)
    seq_no = models.BigIntegerField(_("sequence number"))
    trigger_reason = models.CharField(_("trigger"), max_length=30, blank=True)
    charging_state = models.CharField(
        _("charging state"), max_length=16, choices=ChargingSession.ChargingState.choices, blank=True
    )
    occurred_at = models.DateTimeField(_("at"))
    received_at = models.DateTimeField(_("received"))
    offline = models.BooleanField(_("sent later"), default=False)
    flags = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, verbose_name=_("deviations")
    )
    payload = models.JSONField(_("payload"))

    class Meta:
        verbose_name = _("transaction event")
        verbose_name_plural = _("transaction events")
        ordering = ("seq_no", "id")
        constraints = (
            models.UniqueConstraint(fields=("session", "type", "seq_no"), name="event_unique_in_session"),
        )

    def __str__(self) -> str:
        return f"{self.type} #{self.seq_no}"
