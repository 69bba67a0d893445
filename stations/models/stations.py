"""Charging stations, their EVSEs and their connectors."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from accounts import access
from stations.models.locations import Location

identity_characters = RegexValidator(
    r"^[^\x00-\x1f/?#]{1,48}$", _("1 to 48 characters, without slash, question mark or number sign.")
)


class StationQuerySet(models.QuerySet["ChargingStation"]):
    """Charging stations, by who may see and steer them."""

    def visible_to(self, user: Any) -> "StationQuerySet":
        """Those at published locations for everybody, those one manages or hosts beside them."""
        if getattr(user, "is_superuser", False):
            return self
        hosts = access.organisations_with(user, (access.Role.HOST,))
        return self.filter(
            models.Q(location__is_published=True, registration=ChargingStation.Registration.ACCEPTED)
            | models.Q(location__host__in=hosts)
            | self._of_operators(access.organisations_with(user, access.NETWORK_ROLES))
        )

    def managed_by(self, user: Any) -> "StationQuerySet":
        """Those whose operator's staff one is.

        A station without a location is seen by every operator while it waits for approval, and after
        that belongs to the only operator there is, else to superusers alone.
        """
        return self._with_roles(user, access.NETWORK_ROLES)

    def steerable_by(self, user: Any) -> "StationQuerySet":
        """Those to which the person may send commands."""
        return self._with_roles(user, access.STEERING_ROLES)

    def _with_roles(self, user: Any, roles: Iterable[str]) -> "StationQuerySet":
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(self._of_operators(access.organisations_with(user, roles)))

    @staticmethod
    def _of_operators(operators: list[int]) -> models.Q:
        theirs = models.Q(location__operator__in=operators)
        if not operators:
            return theirs
        unplaced = models.Q(location__isnull=True)
        waiting = models.Q(registration=ChargingStation.Registration.PENDING)
        is_ours = models.Q(~models.Exists(access.other_operators(operators)))
        return theirs | unplaced & (waiting | is_ours)


class ChargingStation(models.Model):
    """One charger as OCPP names it; its identity is compared without regard to case (2.0.1 errata 2.15.1)."""

    class Registration(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        PENDING = "pending", _("waiting for approval")
        REJECTED = "rejected", _("rejected")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    identity = models.CharField(
        _("identity"),
        max_length=48,
        validators=[identity_characters],
        help_text=_("The last part of the address the charger connects to"),
    )
    name = models.CharField(_("name"), max_length=80, blank=True)
    location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="stations", verbose_name=_("location")
    )
    registration = models.CharField(
        _("registration"), max_length=10, choices=Registration.choices, default=Registration.ACCEPTED
    )
    password_digest = models.CharField(max_length=160, blank=True, editable=False)
    security_profile = models.PositiveSmallIntegerField(_("security profile"), default=1)
    allows_messages_before_boot = models.BooleanField(
        _("tolerate messages before boot"),
        default=False,
        help_text=_("For stations that send other messages before BootNotification was accepted"),
    )
    heartbeat_interval_s = models.PositiveIntegerField(_("heartbeat interval (s)"), default=300)
    ocpp_version = models.CharField(_("OCPP version"), max_length=8, blank=True, editable=False)
    vendor = models.CharField(_("vendor"), max_length=50, blank=True)
    model = models.CharField(_("model"), max_length=50, blank=True)
    serial_number = models.CharField(_("serial number"), max_length=50, blank=True)
    firmware_version = models.CharField(_("firmware"), max_length=50, blank=True)
    max_power_kw = models.DecimalField(
        _("maximum power (kW)"), max_digits=8, decimal_places=3, null=True, blank=True
    )
    last_boot_at = models.DateTimeField(_("last boot"), null=True, blank=True, editable=False)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = StationQuerySet.as_manager()

    class Meta:
        verbose_name = _("charging station")
        verbose_name_plural = _("charging stations")
        ordering = ("identity",)
        constraints = (
            models.UniqueConstraint(Upper("identity"), name="station_identity_unique_whatever_case"),
            models.CheckConstraint(condition=~models.Q(identity=""), name="station_identity_not_empty"),
            models.CheckConstraint(
                condition=models.Q(heartbeat_interval_s__gte=10), name="station_heartbeat_interval_sane"
            ),
            models.CheckConstraint(
                condition=models.Q(registration__in=["accepted", "pending", "rejected"]),
                name="station_registration_known",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.identity


class Evse(models.Model):
    """A place for one car at a time. OCPP 1.6 connectors are EVSEs with one connector each."""

    class CurrentType(models.TextChoices):
        AC = "AC", _("AC")
        DC = "DC", _("DC")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    station = models.ForeignKey(
        ChargingStation, models.CASCADE, related_name="evses", verbose_name=_("charging station")
    )
    number = models.PositiveSmallIntegerField(_("number"), help_text=_("evseId; connectorId in OCPP 1.6"))
    evse_id = models.CharField(
        _("EVSE id"), max_length=48, blank=True, help_text=_("For roaming and signs, such as SE*CPO*E1234")
    )
    current_type = models.CharField(
        _("current"), max_length=2, choices=CurrentType.choices, default=CurrentType.AC
    )
    max_power_kw = models.DecimalField(
        _("maximum power (kW)"), max_digits=8, decimal_places=3, null=True, blank=True
    )

    class Meta:
        verbose_name = _("EVSE")
        verbose_name_plural = _("EVSEs")
        ordering = ("station", "number")
        constraints = (
            models.UniqueConstraint(fields=("station", "number"), name="evse_number_unique_per_station"),
            models.UniqueConstraint(
                fields=("evse_id",), condition=~models.Q(evse_id=""), name="evse_id_unique"
            ),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="evse_number_positive"),
        )

    def __str__(self) -> str:
        return f"{self.station} / {self.number}"


class Connector(models.Model):
    """A socket or cable of an EVSE."""

    class Standard(models.TextChoices):
        TYPE_2 = "IEC_62196_T2", _("Type 2")
        CCS_2 = "IEC_62196_T2_COMBO", _("CCS")
        CHADEMO = "CHADEMO", _("CHAdeMO")
        TYPE_1 = "IEC_62196_T1", _("Type 1")
        SCHUKO = "DOMESTIC_F", _("Schuko")

    class Format(models.TextChoices):
        SOCKET = "SOCKET", _("socket")
        CABLE = "CABLE", _("fixed cable")

    evse = models.ForeignKey(Evse, models.CASCADE, related_name="connectors", verbose_name=_("EVSE"))
    number = models.PositiveSmallIntegerField(_("number"), default=1)
    standard = models.CharField(_("type"), max_length=30, choices=Standard.choices, default=Standard.TYPE_2)
    format = models.CharField(_("format"), max_length=10, choices=Format.choices, default=Format.SOCKET)
    max_voltage_v = models.PositiveIntegerField(_("maximum voltage (V)"), null=True, blank=True)
    max_current_a = models.PositiveIntegerField(_("maximum current (A)"), null=True, blank=True)

    class Meta:
        verbose_name = _("connector")
        verbose_name_plural = _("connectors")
        ordering = ("evse", "number")
        constraints = (
            models.UniqueConstraint(fields=("evse", "number"), name="connector_number_unique_per_evse"),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="connector_number_positive"),
        )

    def __str__(self) -> str:
        return f"{self.evse} · {self.get_standard_display()}"
