"""Who may connect, and what a boot tells us."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection

from chargeportal.live import hints
from stations.models import ChargingStation
from stations.models.stations import identity_characters
from stations.ocpp.dispatch import Received
from stations.ocpp.messages import BootNotification, BootReply, StationRecord
from stations.ocpp.rows import insert_rows, run_with_rows

#: How many unknown stations may wait for approval at a time; beyond it they are refused.
MOST_PENDING = 1_000
RETRY_BOOT_AFTER_S = 60

_BOOT_COLUMNS = {
    "station_id": "bigint", "received_at": "timestamptz", "reason": "text", "vendor": "text", "model": "text",
    "serial_number": "text", "firmware_version": "text",
}  # fmt: skip


def station_records(identities: Sequence[str]) -> dict[str, StationRecord]:
    """What the gateway must know of each known station, by identity in upper case; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, identity, password_digest, registration, security_profile,"
            " allows_messages_before_boot"
            " FROM stations_chargingstation WHERE upper(identity) = ANY(%s)",
            [[identity.upper() for identity in identities]],
        )
        return {
            identity.upper(): StationRecord(
                station_id=station_id,
                identity=identity,
                password_digests=(digest,) if digest else (),
                registration_status=registration,
                security_profile=profile,
                tolerate_before_boot=lax,
            )
            for station_id, identity, digest, registration, profile, lax in cursor.fetchall()
        }


def onboard(identity: str) -> StationRecord | None:
    """An unknown station waits for approval, if the project onboards and the queue is not full."""
    if not settings.OCPP_ONBOARD_UNKNOWN_STATIONS:
        return None
    try:
        identity_characters(identity)
    except ValidationError:
        return None
    pending = ChargingStation.objects.filter(registration=ChargingStation.Registration.PENDING)
    if pending.count() >= MOST_PENDING:
        return None
    station = ChargingStation.objects.create(
        identity=identity, registration=ChargingStation.Registration.PENDING, public_id=uuid.uuid4()
    )
    return StationRecord(
        station_id=station.pk, identity=identity, password_digests=(), registration_status="pending"
    )


def record_boots(batch: Sequence[Received[BootNotification]]) -> list[BootReply]:
    """Every boot is in the history and the stations' facts are those of the boot; one reply each."""
    rows = [_boot_row(received) for received in batch]
    verdicts = {
        station_id: (registration, interval_s)
        for station_id, registration, interval_s in run_with_rows(
            "UPDATE stations_chargingstation s SET vendor = r.vendor, model = r.model,"
            " serial_number = coalesce(nullif(r.serial_number, ''), s.serial_number),"
            " firmware_version = coalesce(nullif(r.firmware_version, ''), s.firmware_version),"
            " last_boot_at = r.received_at, last_seen_at = r.received_at"
            " FROM {rows} WHERE s.id = r.station_id"
            " RETURNING s.id, s.registration, s.heartbeat_interval_s",
            columns=_BOOT_COLUMNS,
            rows=sorted(rows, key=lambda row: row["station_id"]),
        )
    }
    for row in rows:
        row["answer"] = verdicts[row["station_id"]][0]
    insert_rows("stations_bootrecord", columns=_BOOT_COLUMNS | {"answer": "text"}, rows=rows)
    hints.changed(station_ids=verdicts)
    return [_boot_reply(*verdicts[received.station.id], now=received.received_at) for received in batch]


def _boot_row(received: Received[BootNotification]) -> dict:
    boot = received.message
    return {
        "station_id": received.station.id,
        "received_at": received.received_at,
        "reason": boot.reason[:30],
        "vendor": boot.vendor[:50],
        "model": boot.model[:50],
        "serial_number": boot.serial_number[:50],
        "firmware_version": boot.firmware_version[:50],
    }


def _boot_reply(registration: str, interval_s: int, *, now: dt.datetime) -> BootReply:
    accepted = registration == ChargingStation.Registration.ACCEPTED
    return BootReply(registration, interval_s if accepted else RETRY_BOOT_AFTER_S, now)
