"""Readings that come for sessions which have ended: some stations send their last ones after the stop."""

import datetime as dt
from collections.abc import Iterable

from django.db import connection, transaction

from chargeportal.common.events import publish
from sessions import closing
from sessions.events import ReadingsCameLate
from sessions.models import ChargingSession

_ENDED = "SELECT id FROM charging_sessions_chargingsession WHERE id = ANY(%s) AND state = 'ended'"


def notice(session_ids: Iterable[int]) -> None:
    """For those of the sessions that have ended it is looked at, after the commit, what is proved now.

    Plain SQL, because it is asked for every batch of meter values.
    """
    ids = [session_id for session_id in session_ids if session_id is not None]
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, [ids])
        for (session_id,) in cursor.fetchall():
            publish(ReadingsCameLate(session_id))


def take(session_id: int, *, now: dt.datetime) -> bool:
    """The ended session is settled again if its readings prove something else; returns whether they did."""
    with transaction.atomic():
        session = (
            ChargingSession.objects.select_for_update(of=("self",))
            .select_related("station__location", "evse")
            .get(pk=session_id)
        )
        return closing.take_late_readings(session, now=now)
