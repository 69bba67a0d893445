"""When a station was connected, and each of its boots."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from stations.models.stations import ChargingStation


class StationConnection(models.Model):
    """One WebSocket of a station. Its id is the fencing token: the highest open one is the valid one."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(
        ChargingStation, models.CASCADE, related_name="connections", verbose_name=_("charging station")
    )
    gateway = models.CharField(_("gateway process"), max_length=64, help_text=_("host:pid:random"))
    ocpp_version = models.CharField(_("OCPP version"), max_length=8)
    remote_address = models.CharField(_("address"), max_length=64, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    last_seen_at = models.DateTimeField(_("last seen"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    close_code = models.PositiveIntegerField(_("close code"), null=True, blank=True)
    close_reason = models.CharField(_("why it closed"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connection history")
        ordering = ("-opened_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("station",),
                condition=models.Q(closed_at__isnull=True),
                name="connection_one_open_per_station",
            ),
        )
        indexes = (
            models.Index(fields=("station", "-opened_at"), name="connection_by_station"),
            models.Index(
                fields=("gateway",),
                condition=models.Q(closed_at__isnull=True),
                name="connection_open_by_gateway",
            ),
        )

    def __str__(self) -> str:
        return f"{self.station_id} {self.opened_at:%Y-%m-%d %H:%M:%S}"


class BootRecord(models.Model):
    """One BootNotification and how it was answered."""

    station = models.ForeignKey(
        ChargingStation, models.CASCADE, related_name="boots", verbose_name=_("charging station")
    )
    received_at = models.DateTimeField(_("received"))
    reason = models.CharField(_("reason"), max_length=30, blank=True)
    vendor = models.CharField(_("vendor"), max_length=50, blank=True)
    model = models.CharField(_("model"), max_length=50, blank=True)
    serial_number = models.CharField(_("serial number"), max_length=50, blank=True)
    firmware_version = models.CharField(_("firmware"), max_length=50, blank=True)
    answer = models.CharField(_("answer"), max_length=10, choices=ChargingStation.Registration.choices)

    class Meta:
        verbose_name = _("boot")
        verbose_name_plural = _("boot history")
        ordering = ("-received_at", "-id")
        indexes = (models.Index(fields=("station", "-received_at"), name="boot_by_station"),)

    def __str__(self) -> str:
        return f"{self.station_id} {self.received_at:%Y-%m-%d %H:%M:%S}"
