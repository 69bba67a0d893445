"""One charging session."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import IdToken
from stations.models import ChargingStation, Evse


class SessionQuerySet(models.QuerySet["ChargingSession"]):
    """Charging sessions, by who may see them."""

    def visible_to(self, user: Any) -> "SessionQuerySet":
        """One's own, those at stations one manages, and those of the fleets one manages."""
        if getattr(user, "is_superuser", False):
            return self
        if not getattr(user, "is_authenticated", False):
            return self.none()
        fleets = access.organisations_with(user, (access.Role.FLEET_MANAGER,))
        return self.filter(
            models.Q(user=user)
            | models.Q(id_token__organisation__in=fleets)
            | models.Q(station__in=ChargingStation.objects.managed_by(user).values("pk"))
        )

    def active(self) -> "SessionQuerySet":
        """Those whose end has not been reported."""
        return self.filter(state=ChargingSession.State.ACTIVE)


class ChargingSession(models.Model):
    """One transaction of a station, from its start to its end, whoever asked for it.

    ``transaction_ref`` is the charger's name for it: our sequence number in OCPP 1.6, the station's
    own string in 2.x; unique per station. Times are the station's, corrected only where they are
    impossible (then ``flags`` says so).
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("in progress")
        ENDED = "ended", _("ended")

    class ChargingState(models.TextChoices):
        """ChargingStateEnumType of OCPP 2.x in our spelling; in 1.6 the connector's status tells."""

        EV_CONNECTED = "ev_connected", _("connected, not charging yet")
        CHARGING = "charging", _("charging")
        SUSPENDED_EV = "suspended_ev", _("paused by the car")
        SUSPENDED_EVSE = "suspended_evse", _("paused by the station")
        IDLE = "idle", _("idle")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    station = models.ForeignKey(
        ChargingStation, models.PROTECT, related_name="sessions", verbose_name=_("charging station")
    )
    evse = models.ForeignKey(
        Evse, models.PROTECT, null=True, blank=True, related_name="sessions", verbose_name=_("EVSE")
    )
    connector_number = models.PositiveSmallIntegerField(_("connector"), null=True, blank=True)
    transaction_ref = models.CharField(_("transaction"), max_length=36)
    ocpp_version = models.CharField(_("OCPP version"), max_length=8)
    id_token_uid = models.CharField(_("token shown"), max_length=255, blank=True)
    id_token_type = models.CharField(_("token type"), max_length=20, blank=True)
    id_token = models.ForeignKey(
        IdToken, models.SET_NULL, null=True, blank=True, related_name="sessions", verbose_name=_("id token")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="charging_sessions",
        verbose_name=_("driver"),
    )
    authorization_status = models.CharField(
        _("authorisation"),
        max_length=20,
        blank=True,
        help_text=_("AuthorizationStatus given to the station, in our spelling"),
    )
    remote_start_id = models.BigIntegerField(_("remote start"), null=True, blank=True)
    reservation_id = models.BigIntegerField(_("reservation"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.ACTIVE)
    charging_state = models.CharField(
        _("charging state"), max_length=16, choices=ChargingState.choices, blank=True
    )
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    start_received_at = models.DateTimeField(_("start received"))
    end_received_at = models.DateTimeField(_("end received"), null=True, blank=True)
    stop_reason = models.CharField(_("stop reason"), max_length=30, blank=True)
    meter_start_wh = models.DecimalField(
        _("register at start (Wh)"), max_digits=14, decimal_places=3, null=True, blank=True
    )
    meter_stop_wh = models.DecimalField(
        _("register at end (Wh)"), max_digits=14, decimal_places=3, null=True, blank=True
    )
    energy_wh = models.DecimalField(
        _("energy (Wh)"),
        max_digits=14,
        decimal_places=3,
        null=True,
        blank=True,
        help_text=_("settled when the session has ended"),
    )
    flags = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        verbose_name=_("deviations"),
        help_text=_("what was odd about the data and tolerated"),
    )
    held_reason = models.CharField(
        _("held for review"), max_length=60, blank=True, help_text=_("a held session gets no bill by itself")
    )

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("charging session")
        verbose_name_plural = _("charging sessions")
        ordering = ("-started_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("station", "transaction_ref"), name="session_transaction_unique"),
            models.UniqueConstraint(
                fields=("station", "connector_number", "id_token_uid", "started_at", "meter_start_wh"),
                condition=models.Q(ocpp_version="1.6"),
                nulls_distinct=False,
                name="session_start_unique_in_1_6",
            ),
            models.CheckConstraint(
                condition=models.Q(state="active", ended_at__isnull=True)
                | models.Q(state="ended", ended_at__isnull=False),
                name="session_ended_when_it_is",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True) | models.Q(ended_at__gte=models.F("started_at")),
                name="session_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=models.Q(energy_wh__isnull=True) | models.Q(energy_wh__gte=0),
                name="session_energy_not_negative",
            ),
        )
        indexes = (
            models.Index(fields=("evse",), condition=models.Q(state="active"), name="session_active_by_evse"),
            models.Index(fields=("user", "-started_at"), name="session_by_driver"),
            models.Index(fields=("station", "-started_at"), name="session_by_station"),
            models.Index(fields=("-started_at",), name="session_by_start"),
            models.Index(
                fields=("station", "remote_start_id"),
                condition=models.Q(remote_start_id__isnull=False),
                name="session_by_remote_start",
            ),
            models.Index(
                fields=("ended_at",),
                condition=models.Q(flags__contains=["to_correct"]),
                name="session_to_correct",
            ),
            models.Index(fields=("id",), condition=~models.Q(held_reason=""), name="session_held"),
        )

    def __str__(self) -> str:
        return f"{self.station_id} · {self.transaction_ref}"

    @property
    def is_active(self) -> bool:
        """Whether the station has not reported its end."""
        return self.state == self.State.ACTIVE
