"""What we asked a station to do, who asked, and how it ended."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from stations.models.stations import ChargingStation


class StationCommand(models.Model):
    """One CALL to a station; claimed by compare-and-set by the process that holds its socket."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting to be sent")
        SENT = "sent", _("sent, waiting for the station")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected by the station")
        ERROR = "error", _("the station could not process it")
        OFFLINE = "offline", _("the station is not connected")
        TIMED_OUT = "timed_out", _("no answer in time")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    station = models.ForeignKey(
        ChargingStation, models.CASCADE, related_name="commands", verbose_name=_("charging station")
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("asked by")
    )
    kind = models.CharField(_("command"), max_length=30, help_text=_("a kind of stations.ocpp.requests"))
    parameters = models.JSONField(_("parameters"), default=dict)
    action = models.CharField(
        _("action"),
        max_length=60,
        blank=True,
        help_text=_("as sent, in the spelling of the station's version"),
    )
    payload = models.JSONField(_("payload"), null=True, help_text=_("as sent"))
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.QUEUED)
    message_id = models.CharField(_("message id"), max_length=36, blank=True)
    timeout_s = models.PositiveSmallIntegerField(_("time-out (s)"), default=30)
    requested_at = models.DateTimeField(_("asked"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    response = models.JSONField(_("answer"), null=True)
    detail = models.CharField(
        _("the station's own word"),
        max_length=255,
        blank=True,
        help_text=_("e.g. RebootRequired, or the code and text of a CALLERROR"),
    )

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        ordering = ("-requested_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "sent"], finished_at__isnull=True)
                | models.Q(
                    state__in=["accepted", "rejected", "error", "offline", "timed_out"],
                    finished_at__isnull=False,
                ),
                name="command_finished_when_it_is",
            ),
        )
        indexes = (
            models.Index(fields=("station", "-requested_at"), name="command_by_station"),
            models.Index(fields=("station", "id"), condition=models.Q(state="queued"), name="command_queued"),
        )

    def __str__(self) -> str:
        return f"{self.kind} → {self.station_id}"
