"""Starts asked for from the portal, the admin or the API."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin
from sessions.models import StartRequest
from stations.admin.links import station_address

TONES = {
    "waiting": "info",
    "started": "success",
    "refused": "danger",
    "expired": "warning",
    "cancelled": "warning",
}


@admin.register(StartRequest)
class StartRequestAdmin(ReadOnlyAdmin):
    """Which remote starts led to a session and which did not."""

    operator_path = "evse__station__location__operator"
    list_display = ("requested_at", "outlet", "requested_by", "id_token", "outcome", "expires_at")
    list_filter = ("state", ("requested_at", RangeDateTimeFilter))
    list_select_related = ("evse__station", "requested_by", "id_token")
    search_fields = ("evse__station__identity", "evse__station__name", "requested_by__email", "id_token__uid")
    date_hierarchy = "requested_at"

    @display(description=_("EVSE"), ordering="evse__station__identity")
    def outlet(self, request: StartRequest) -> SafeString:
        """The EVSE, leading to its station."""
        return format_html(
            '<a class="cp-link" href="{}">{}</a>', station_address(request.evse.station_id), request.evse
        )

    @display(description=_("outcome"), ordering="state", label=TONES)
    def outcome(self, request: StartRequest) -> tuple[str, Any]:
        """How it went on."""
        return request.state, request.get_state_display()
