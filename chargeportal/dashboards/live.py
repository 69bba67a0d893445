"""What the operators' pages push."""

from collections.abc import Iterable
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone

from billing.revenue.access import may_see
from chargeportal.dashboards import revenue_page, session_page, snapshots, station_page
from chargeportal.dashboards.network_page import filters
from chargeportal.dashboards.tile_html import tile_html
from chargeportal.live.pages import Changes, LiveTopic, register

#: `20260301-20260331`
_LONGEST_PERIOD = 17


def _may_watch(user: Any, key: str = "") -> bool:
    return _is_staff(user) and user.has_perm("stations.view_chargingstation") and not key


def _is_staff(user: Any) -> bool:
    return bool(user is not None and user.is_active and user.is_staff)


def _network_fragments(user: Any, _key: str, changes: Changes) -> Iterable[str]:
    """The tiles that changed and, when any did, the totals."""
    changed, totals = snapshots.update(user, changes, now=timezone.now())
    if not changed and not changes.everything:
        return []
    fragments = [tile_html(tile) for tile in changed]
    counts = [
        render_to_string("admin/network/count.html", {"filter": each}) for each in filters(totals.groups)
    ]
    return [*fragments, render_to_string("admin/network/figures.html", {"totals": totals}), *counts]


def _sees_station(user: Any, key: str) -> bool:
    return _is_staff(user) and station_page.station_of(user, key) is not None


def _station_fragments(user: Any, key: str, changes: Changes) -> Iterable[str]:
    station = station_page.station_of(user, key)
    if station is None or not station_page.concerns(station, changes):
        return []
    context = station_page.live_context(station, user=user, now=timezone.now())
    return [render_to_string(f"admin/station/{part}.html", context) for part in station_page.LIVE_PARTS]


def _sees_session(user: Any, key: str) -> bool:
    return _is_staff(user) and session_page.session_of(user, key) is not None


def _session_fragments(user: Any, key: str, changes: Changes) -> Iterable[str]:
    session = session_page.session_of(user, key)
    if session is None or not session_page.concerns(session, changes):
        return []
    context = session_page.live_context(session, user=user, now=timezone.now())
    return [render_to_string(f"admin/session/{part}.html", context) for part in session_page.LIVE_PARTS]


def _sees_revenue(user: Any, key: str) -> bool:
    return _is_staff(user) and may_see(user) and len(key) <= _LONGEST_PERIOD


def _revenue_fragments(user: Any, key: str, changes: Changes) -> Iterable[str]:
    now = timezone.now()
    if not revenue_page.concerns(user, changes, now=now):
        return []
    context = revenue_page.live_context(user, revenue_page.period_of(key, now=now), now=now)
    return [render_to_string(f"admin/revenue/{part}.html", context) for part in revenue_page.LIVE_PARTS]


register(LiveTopic("network", _may_watch, _network_fragments))
register(LiveTopic("operator-station", _sees_station, _station_fragments))
register(LiveTopic("operator-session", _sees_session, _session_fragments))
register(LiveTopic("revenue", _sees_revenue, _revenue_fragments))
