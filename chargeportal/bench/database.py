"""The benchmark's own database: made, filled with stations, and counted."""

from contextlib import closing
from typing import Any

PASSWORD = "bench-station-password-0001"
ID_TOKEN = "BENCH0001"
PREFIXES = ("B16", "B201")


def prepare(stations: int) -> None:
    """Leave the tables made and the stations and one valid id token in them."""
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    _seed(stations)


def _seed(stations: int) -> None:
    from accounts.models import IdToken
    from stations.models import ChargingStation
    from stations.ocpp.credentials import digest_password

    digest = digest_password(PASSWORD)
    ChargingStation.objects.bulk_create(
        [
            ChargingStation(identity=f"{prefix}-{number:05d}", password_digest=digest)
            for prefix in PREFIXES
            for number in range(stations)
        ],
        batch_size=1_000,
        ignore_conflicts=True,
    )
    IdToken.objects.get_or_create(uid=ID_TOKEN)


def durability() -> dict[str, str]:
    """Return the settings that decide whether a commit survives a power cut."""
    names = ("fsync", "synchronous_commit", "full_page_writes")
    return {name: _value(f"SHOW {name}") for name in names}


def acknowledged_rows(action: str) -> int:
    """Return how many frames of this action the log has with an answer that is not an error."""
    return int(
        _value(
            "SELECT count(*) FROM stations_ocppframe WHERE action = %s AND direction = 'in'"
            " AND response IS NOT NULL AND error_code = ''",
            action,
        )
    )


def samples() -> int:
    """Return how many meter samples are stored."""
    return int(_value("SELECT count(*) FROM charging_sessions_metersample"))


def _value(sql: str, *parameters: Any) -> Any:
    from django.db import connection

    with closing(connection.cursor()) as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]
