"""Who is charging at each EVSE now, in a constant number of queries."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sessions.metering import latest_readings
from sessions.models import ChargingSession
from stations.models import ConnectorStatus
from stations.overview import EvseState


@dataclass(frozen=True, slots=True)
class RunningSession:
    """The session now running at an EVSE, with the newest readings."""

    session_id: int
    public_id: str
    started_at: dt.datetime
    driver_label: str
    charging_state: str
    power_w: float | None
    energy_wh: Decimal | None
    soc_percent: float | None


_STATUS_OF_STATE: dict[str, ConnectorStatus] = {
    ChargingSession.ChargingState.EV_CONNECTED: ConnectorStatus.PREPARING,
    ChargingSession.ChargingState.CHARGING: ConnectorStatus.CHARGING,
    ChargingSession.ChargingState.SUSPENDED_EV: ConnectorStatus.SUSPENDED_EV,
    ChargingSession.ChargingState.SUSPENDED_EVSE: ConnectorStatus.SUSPENDED_EVSE,
    ChargingSession.ChargingState.IDLE: ConnectorStatus.FINISHING,
}


def evse_sessions(evse_ids: Iterable[int]) -> dict[int, RunningSession]:
    """The running session of each EVSE that has one; two queries."""
    sessions = list(
        ChargingSession.objects.active()
        .filter(evse__in=list(evse_ids))
        .select_related("user", "id_token")
        .order_by("started_at")
    )
    readings = latest_readings([session.pk for session in sessions])
    running: dict[int, RunningSession] = {}
    for session in sessions:
        if session.evse_id is None:
            continue
        latest = readings.get(session.pk)
        running[session.evse_id] = RunningSession(
            session_id=session.pk,
            public_id=str(session.public_id),
            started_at=session.started_at,
            driver_label=driver_label(session),
            charging_state=session.charging_state,
            power_w=latest.power_w if latest else None,
            energy_wh=latest.energy_wh if latest else None,
            soc_percent=latest.soc_percent if latest else None,
        )
    return running


def driver_label(session: ChargingSession) -> str:
    """How an operator recognises who charges: the driver, else the token's label, else the token."""
    if session.user is not None:
        return str(session.user)
    return str(session.id_token) if session.id_token is not None else session.id_token_uid


def display_status(state: EvseState, running: RunningSession | None) -> str:
    """The status to show: a 2.x transaction tells more than its connector's ``occupied``."""
    if running is None or state.status == ConnectorStatus.FAULTED:
        return state.status
    told = _STATUS_OF_STATE.get(running.charging_state)
    if told is not None:
        return told.value
    if state.status in (ConnectorStatus.AVAILABLE, ConnectorStatus.OCCUPIED, ConnectorStatus.UNKNOWN):
        return ConnectorStatus.CHARGING.value
    return state.status
