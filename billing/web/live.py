"""What a guest's page pushes while the car charges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse

from billing.models import GuestCheckout
from chargeportal.live.pages import Changes, LiveTopic, register
from sessions.web.session_page import curve_context, live_context


def _checkout(key: str) -> GuestCheckout | None:
    """The guest's checkout once a session has begun; whoever has the address may watch."""
    checkouts = GuestCheckout.objects.filter(session__isnull=False)
    return checkouts.select_related("session__station__location", "session__evse").filter(token=key).first()


def _fragments(user: Any, key: str, changes: Changes) -> Iterable[str]:
    """The figures and the curve; the way to the bill once the session has ended."""
    checkout = _checkout(key)
    session = checkout.session if checkout else None
    if session is None:
        return []
    if not (changes.everything or session.pk in changes.session_ids or session.evse_id in changes.evse_ids):
        return []
    if not session.is_active:
        address = reverse("guest-session", args=[key])
        return [render_to_string("sessions/ended_fragment.html", {"session": session, "address": address})]
    context = live_context(session) | curve_context(session)
    return [render_to_string(f"sessions/{name}.html", context) for name in ("live_now", "live_curve")]


guest_topic = register(
    LiveTopic(name="guest", allows=lambda _user, key: _checkout(key) is not None, fragments=_fragments)
)
