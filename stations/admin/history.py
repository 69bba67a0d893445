"""What stations went through: statuses, connections and boots."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin
from chargeportal.templatetags.chargeportal_formats import duration
from stations.admin.links import station_link, status_html
from stations.models import BootRecord, StationConnection, StatusInterval


class HistoryAdmin(ReadOnlyAdmin):
    """Records of a station, newest first."""

    operator_path = "station__location__operator"
    list_select_related = ("station",)
    search_fields = ("station__identity", "station__name")
    search_help_text = _("Station")

    @display(description=_("charging station"), ordering="station__identity")
    def of_station(self, row: object) -> SafeString:
        """The station, as a link to its page."""
        return station_link(row.station)


@admin.register(StatusInterval)
class StatusIntervalAdmin(HistoryAdmin):
    """Every status of every connector, from when to when."""

    list_display = (
        "of_station",
        "outlet",
        "shown_status",
        "started_at",
        "ended_at",
        "lasted",
        "error_code",
        "info",
    )
    list_filter = (("status", ChoicesDropdownFilter), ("started_at", RangeDateTimeFilter))
    list_select_related = ("station", "connector__evse")
    search_fields = ("station__identity", "station__name", "error_code", "info", "vendor_error_code")
    search_help_text = _("Station, error code or information")
    date_hierarchy = "started_at"

    @display(description=_("EVSE"))
    def outlet(self, interval: StatusInterval) -> str:
        """Which EVSE, and which connector where it has several."""
        connector = interval.connector
        if connector is None:
            return str(_("whole station"))
        return (
            f"{connector.evse.number}"
            if connector.number == 1
            else f"{connector.evse.number}.{connector.number}"
        )

    @display(description=_("status"), ordering="status")
    def shown_status(self, interval: StatusInterval) -> SafeString:
        """The status as everywhere: colour, icon and word."""
        return status_html(interval.status)

    @display(description=_("lasted"))
    def lasted(self, interval: StatusInterval) -> str | SafeString:
        """How long it held; the present one has no end yet."""
        if interval.ended_at is None:
            return format_html("<strong>{}</strong>", _("now"))
        return duration(interval.ended_at - interval.started_at)


@admin.register(StationConnection)
class StationConnectionAdmin(HistoryAdmin):
    """When stations were connected."""

    list_display = ("of_station", "opened_at", "closed_at", "ocpp_version", "remote_address", "close_reason")
    list_filter = ("ocpp_version", ("opened_at", RangeDateTimeFilter))
    search_fields = ("station__identity", "station__name", "remote_address", "close_reason")
    date_hierarchy = "opened_at"


@admin.register(BootRecord)
class BootRecordAdmin(HistoryAdmin):
    """Each start of a station's controller."""

    list_display = ("of_station", "received_at", "reason", "vendor", "model", "firmware_version", "answer")
    list_filter = ("answer", "reason", ("received_at", RangeDateTimeFilter))
    search_fields = ("station__identity", "station__name", "serial_number", "firmware_version")
    date_hierarchy = "received_at"
