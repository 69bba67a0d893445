"""What each connector was doing, from when to when."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from stations.models.stations import ChargingStation, Connector


class ConnectorStatus(models.TextChoices):
    """OCPP 1.6 statuses in our spelling; ``occupied`` is what 2.x tells before a transaction says more."""

    AVAILABLE = "available", _("available")
    PREPARING = "preparing", _("preparing")
    CHARGING = "charging", _("charging")
    SUSPENDED_EV = "suspended_ev", _("paused by the car")
    SUSPENDED_EVSE = "suspended_evse", _("paused by the station")
    FINISHING = "finishing", _("finishing")
    OCCUPIED = "occupied", _("occupied")
    RESERVED = "reserved", _("reserved")
    UNAVAILABLE = "unavailable", _("out of service")
    FAULTED = "faulted", _("faulted")
    UNKNOWN = "unknown", _("unknown")


class _Period(models.Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class StatusInterval(models.Model):
    """One status of one connector (or of the whole station, without connector) for a half-open period.

    The open interval (``ended_at`` empty) is the present status. Intervals of one connector never
    overlap: the database refuses it.
    """

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(
        ChargingStation, models.CASCADE, related_name="status_intervals", verbose_name=_("charging station")
    )
    connector = models.ForeignKey(
        Connector,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="status_intervals",
        verbose_name=_("connector"),
    )
    status = models.CharField(_("status"), max_length=16, choices=ConnectorStatus.choices)
    error_code = models.CharField(_("error code"), max_length=50, blank=True)
    info = models.CharField(_("information"), max_length=255, blank=True)
    vendor_error_code = models.CharField(_("vendor's error code"), max_length=255, blank=True)
    started_at = models.DateTimeField(_("from"))
    ended_at = models.DateTimeField(_("until"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    reported_at = models.DateTimeField(
        _("the station's own time"),
        null=True,
        blank=True,
        help_text=_("as told, also where the station's clock was wrong"),
    )

    class Meta:
        verbose_name = _("status interval")
        verbose_name_plural = _("status history")
        ordering = ("-started_at", "-id")
        constraints = (
            ExclusionConstraint(
                name="status_intervals_never_overlap",
                expressions=(
                    ("station", RangeOperators.EQUAL),
                    (Coalesce("connector", 0), RangeOperators.EQUAL),
                    (_Period("started_at", "ended_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ),
            ),
            models.UniqueConstraint(
                fields=("connector",),
                condition=models.Q(ended_at__isnull=True),
                name="status_one_present_per_connector",
            ),
            models.UniqueConstraint(
                fields=("station",),
                condition=models.Q(ended_at__isnull=True, connector__isnull=True),
                name="status_one_present_per_station",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True) | models.Q(ended_at__gte=models.F("started_at")),
                name="status_interval_ordered",
            ),
        )
        indexes = (models.Index(fields=("connector", "-started_at"), name="status_by_connector"),)

    def __str__(self) -> str:
        return f"{self.status} {self.started_at:%Y-%m-%d %H:%M:%S}"
