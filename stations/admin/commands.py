"""What people and the system asked stations to do."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from stations.admin.history import HistoryAdmin
from stations.command_words import kind_word
from stations.models import StationCommand

STATE_TONES = {
    "queued": "info", "sent": "info", "accepted": "success", "rejected": "danger", "error": "danger",
    "offline": "warning", "timed_out": "warning",
}  # fmt: skip


@admin.register(StationCommand)
class StationCommandAdmin(HistoryAdmin):
    """Every command with its outcome."""

    list_display = ("requested_at", "of_station", "asked", "outcome", "detail", "requested_by", "finished_at")
    list_filter = (("state", ChoicesDropdownFilter), "kind", ("requested_at", RangeDateTimeFilter))
    list_select_related = ("station", "requested_by")
    search_fields = ("station__identity", "station__name", "kind", "action", "detail", "requested_by__email")
    search_help_text = _("Station, command, answer or person")
    date_hierarchy = "requested_at"

    @display(description=_("command"), ordering="kind")
    def asked(self, command: StationCommand) -> str:
        """What was asked, in words."""
        return str(kind_word(command.kind))

    @display(description=_("outcome"), ordering="state", label=STATE_TONES)
    def outcome(self, command: StationCommand) -> tuple[str, str]:
        """How it ended."""
        return command.state, command.get_state_display()
