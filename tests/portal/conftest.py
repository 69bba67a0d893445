"""A town with a place to charge, a driver, somebody else, and the operator's staff."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import IdToken, Membership, Organisation, User
from billing.models import PriceComponent, Tariff, TariffAssignment, TariffElement
from sessions.models import ChargingSession
from stations.models import (
    ChargingStation,
    Connector,
    ConnectorStatus,
    Evse,
    Location,
    StationConnection,
    StatusInterval,
)

PASSWORD = "a long enough password"


@dataclass(frozen=True)
class Place:
    """A location with one station and two outlets, the first of them free."""

    location: Location
    station: ChargingStation
    evse: Evse
    second: Evse


@pytest.fixture
def operator(db: None) -> Organisation:
    return Organisation.objects.create(kind="operator", name="Norrkraft")


@pytest.fixture
def make_place(operator: Organisation) -> Callable[..., Place]:
    def make(name: str = "Stortorget", *, city: str = "Umeå", **fields) -> Place:
        location = Location.objects.create(
            operator=operator, name=name, address=f"{name} 1", city=city, **fields
        )
        station = ChargingStation.objects.create(
            identity=f"STATION-{name}", name=f"Laddare {name}", location=location
        )
        evses = [
            Evse.objects.create(station=station, number=number, max_power_kw=Decimal(22)) for number in (1, 2)
        ]
        for evse in evses:
            Connector.objects.create(evse=evse, number=1)
        return Place(location, station, *evses)

    return make


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    made = make_place()
    connect(made.station)
    set_status(made.evse, ConnectorStatus.AVAILABLE)
    set_status(made.second, ConnectorStatus.CHARGING)
    return made


def connect(station: ChargingStation) -> None:
    now = timezone.now()
    StationConnection.objects.create(
        station=station, gateway="test", ocpp_version="1.6", opened_at=now, last_seen_at=now
    )


def disconnect(station: ChargingStation, *, ago: dt.timedelta) -> None:
    StationConnection.objects.filter(station=station).delete()
    ChargingStation.objects.filter(pk=station.pk).update(last_seen_at=timezone.now() - ago)


def set_status(evse: Evse, status: str, *, ago: dt.timedelta = dt.timedelta(minutes=25)) -> None:
    at = timezone.now() - ago
    connector = evse.connectors.get()
    StatusInterval.objects.filter(connector=connector, ended_at=None).delete()
    StatusInterval.objects.create(
        station=evse.station, connector=connector, status=status, started_at=at, received_at=at
    )


@pytest.fixture
def tariff(operator: Organisation, place: Place) -> Tariff:
    tariff = Tariff.objects.create(operator=operator, name="Torget")
    element = TariffElement.objects.create(tariff=tariff)
    for kind, price in (("ENERGY", "4.95"), ("PARKING_TIME", "60")):
        PriceComponent.objects.create(element=element, type=kind, price=Decimal(price))
    TariffAssignment.objects.create(
        tariff=tariff, location=place.location, valid_from=timezone.now() - dt.timedelta(days=400)
    )
    return tariff


def make_user(email: str, **fields) -> User:
    return User.objects.create_user(email, PASSWORD, language="en", **fields)


@pytest.fixture
def driver(db: None) -> User:
    return make_user("driver@example.test", name="Anna Lind")


@pytest.fixture
def stranger(db: None) -> User:
    return make_user("stranger@example.test")


@pytest.fixture
def colleague(operator: Organisation) -> User:
    """Staff of the operator whose stations these are."""
    user = make_user("support@example.test")
    Membership.objects.create(user=user, organisation=operator, role="support")
    return user


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def driver_client(driver: User) -> Client:
    return logged_in(driver)


@pytest.fixture
def card(driver: User) -> IdToken:
    return IdToken.objects.create(uid="04A2B3C4", user=driver, label="Key ring")


@pytest.fixture
def make_session(driver: User, place: Place) -> Callable[..., ChargingSession]:
    def make(
        *, number: int = 1, user: User | None = None, running: bool = False, **fields
    ) -> ChargingSession:
        started = timezone.now() - dt.timedelta(days=0 if running else number, hours=2)
        ended = (
            {}
            if running
            else {"ended_at": started + dt.timedelta(hours=1), "state": "ended", "energy_wh": 12345}
        )
        return ChargingSession.objects.create(
            **{
                "station": place.station,
                "evse": place.evse,
                "connector_number": 1,
                "transaction_ref": f"{number}",
                "ocpp_version": "2.0.1",
                "user": user or driver,
                "authorization_status": "accepted",
                "started_at": started,
                "start_received_at": started,
                "meter_start_wh": 1000,
                **ended,
                **fields,
            }
        )

    return make
