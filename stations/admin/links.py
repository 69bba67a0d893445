"""Small pieces of lists: links to the pages of stations and states as chips."""

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from stations.models import ChargingStation


def station_address(station_id: int) -> str:
    """Where the page of a station is."""
    return reverse("dashboards:station", args=[station_id])


def station_link(station: ChargingStation) -> SafeString:
    """The station's name, leading to its page."""
    return format_html('<a class="cp-link" href="{}">{}</a>', station_address(station.pk), station)


def status_html(status: str, *, is_online: bool = True) -> SafeString:
    """The state as a chip: colour, icon and word."""
    return render_to_string("shared/status.html", {"status": status, "is_online": is_online})
