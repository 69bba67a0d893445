"""New stations: their password, the address to enter in the charger, and their approval."""

from dataclasses import dataclass
from urllib.parse import quote

from django.db import transaction
from django.http import HttpRequest

from accounts import audit
from accounts.models import User
from chargeportal.live import hints
from stations.models import ChargingStation
from stations.ocpp.credentials import digest_password, new_password

SUBPROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")


@dataclass(frozen=True, slots=True)
class ConnectionDetails:
    """What a technician enters in the charger. ``base_address`` is for chargers that add their identity."""

    identity: str
    address: str
    base_address: str
    password: str


def connection_address(request: HttpRequest, identity: str) -> str:
    """The WebSocket address of the station, on the host by which the page was reached."""
    return f"{_base(request)}{quote(identity, safe='')}"


def _base(request: HttpRequest) -> str:
    return f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}/ocpp/"


def new_connection_details(request: HttpRequest, station: ChargingStation) -> ConnectionDetails:
    """The station has a fresh password, readable only in the result; an older one opens no more."""
    password = new_password()
    with transaction.atomic():
        ChargingStation.objects.filter(pk=station.pk).update(password_digest=digest_password(password))
        audit.record(_actor(request), act="station.password_set", subject=f"station {station.identity}")
    return ConnectionDetails(
        identity=station.identity,
        address=connection_address(request, station.identity),
        base_address=_base(request),
        password=password,
    )


def decide(station: ChargingStation, *, registration: str, actor: User | None) -> bool:
    """The station is accepted or rejected, once; false when somebody had decided so already.

    An accepted station learns it with its next BootNotification, which its retry interval brings soon.
    """
    with transaction.atomic():
        changed = (
            ChargingStation.objects.filter(pk=station.pk)
            .exclude(registration=registration)
            .update(registration=registration)
        )
        if changed:
            audit.record(actor, act=f"station.{registration}", subject=f"station {station.identity}")
            hints.changed(station_ids=[station.pk])
    return bool(changed)


def _actor(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
