"""A start asked for from the portal, the admin or the API."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import IdToken
from sessions.models.sessions import ChargingSession
from stations.models import Evse, StationCommand


class StartRequest(models.Model):
    """A remote start of one person, or a guest, at one EVSE; its id is the ``remoteStartId`` of OCPP 2.x.

    Accepted by the station is not started: the request is fulfilled by the session that follows, or
    expires.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting for the charger")
        STARTED = "started", _("started")
        REFUSED = "refused", _("refused by the charger")
        EXPIRED = "expired", _("no car was plugged in")
        CANCELLED = "cancelled", _("cancelled")

    evse = models.ForeignKey(Evse, models.CASCADE, related_name="start_requests", verbose_name=_("EVSE"))
    id_token = models.ForeignKey(
        IdToken, models.CASCADE, related_name="start_requests", verbose_name=_("id token")
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="start_requests",
        verbose_name=_("asked by"),
        help_text=_("empty: a guest"),
    )
    command = models.OneToOneField(
        StationCommand, models.SET_NULL, null=True, related_name="start_request", verbose_name=_("command")
    )
    session = models.OneToOneField(
        ChargingSession,
        models.SET_NULL,
        null=True,
        related_name="start_request",
        verbose_name=_("charging session"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    requested_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("start request")
        verbose_name_plural = _("start requests")
        ordering = ("-requested_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("evse",),
                condition=models.Q(state="waiting"),
                name="start_request_one_waiting_per_evse",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="started") | models.Q(session__isnull=False),
                name="start_request_started_has_session",
            ),
        )

    def __str__(self) -> str:
        return f"{self.evse_id} {self.state}"
