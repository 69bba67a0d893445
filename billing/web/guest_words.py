"""What a guest's page says: which phase the charging is in, and why it failed if it did."""

from __future__ import annotations

import datetime as dt
from typing import Any

from billing.models import GuestCheckout
from billing.payments import guest_end
from billing.web.outlets import code_of
from sessions import ports
from sessions.models import ChargingSession, StartRequest
from sessions.remote_control import PATIENCE
from sessions.web.location import outlet_of
from sessions.web.session_page import curve_context, finished_context, live_context
from stations.models import ConnectorStatus, StationCommand

State = GuestCheckout.State
_PLUGGED_IN = {ConnectorStatus.PREPARING, ConnectorStatus.OCCUPIED, ConnectorStatus.FINISHING}


def phase_of(checkout: GuestCheckout) -> str:
    """paying, starting, charging, settling, done, failed or expired."""
    if checkout.state == State.CHARGING and checkout.session is not None:
        return "charging" if checkout.session.is_active else "settling"
    return {
        State.CHECKOUT: "paying",
        State.PAID: "starting",
        State.STARTING: "starting",
        State.DONE: "done",
        State.FAILED: "failed",
        State.EXPIRED: "expired",
    }.get(State(checkout.state), "settling")


def page_of(checkout: GuestCheckout, *, now: dt.datetime) -> dict[str, Any]:
    """Everything the page shows in its phase."""
    phase = phase_of(checkout)
    page: dict[str, Any] = {
        "checkout": checkout,
        "payment": checkout.payment,
        "evse": checkout.evse,
        "code": code_of(checkout.evse),
        "location": checkout.evse.station.location,
        "phase": phase,
        "hold": checkout.payment.authorised or checkout.payment.requested,
    }
    if phase == "starting":
        page |= _starting(checkout)
    elif phase in {"failed", "expired"}:
        page |= {"why": why(checkout), "is_released": checkout.payment.state != "authorised"}
    elif checkout.session is not None:
        page |= _of_session(checkout, checkout.session, phase, now=now)
    page["sign"] = sign_of(page)
    return page


def sign_of(page: dict[str, Any]) -> str:
    """Changes when the progress on the page has something new to say."""
    flags = f"{page.get('is_plugged_in', False):d}{page.get('is_held', False):d}"
    return f"{page['phase']}-{page.get('step', '')}-{flags}"


def why(checkout: GuestCheckout) -> str:
    """Why it came to nothing: expired, taken, offline, refused or no_car."""
    if checkout.state == State.EXPIRED:
        return "expired"
    request = checkout.start_request
    if request is None:
        return "taken"
    if request.state == StartRequest.State.EXPIRED:
        return "no_car"
    is_offline = request.command is not None and request.command.state == StationCommand.State.OFFLINE
    return "offline" if is_offline else "refused"


def _starting(checkout: GuestCheckout) -> dict[str, Any]:
    request = checkout.start_request
    command = request.command if request else None
    is_ready = command is not None and command.state == StationCommand.State.ACCEPTED
    outlet = outlet_of(checkout.evse_id, None)
    return {
        "step": "car" if is_ready else "asking",
        "is_plugged_in": outlet.status in _PLUGGED_IN,
        "patience_s": PATIENCE.total_seconds(),
    }


def _of_session(
    checkout: GuestCheckout, session: ChargingSession, phase: str, *, now: dt.datetime
) -> dict[str, Any]:
    if phase == "charging":
        return live_context(session) | curve_context(session)
    page = finished_context(session) | {"is_held": bool(session.held_reason)}
    if phase == "done":
        page |= curve_context(session)
        page |= {
            "price": ports.pricing().price(session, now=now),
            "receipt": guest_end.receipt_of(checkout),
            "released": checkout.payment.authorised - checkout.payment.captured,
        }
    return page
