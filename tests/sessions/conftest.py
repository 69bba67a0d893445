"""A station with one EVSE and a driver's card, and a way to say things as that station."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.models import IdToken, Organisation, User
from stations.models import ChargingStation, Connector, Evse, Location
from stations.ocpp import dispatch, messages
from stations.ocpp.dispatch import Received, StationRef

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)


@dataclass
class Says:
    """Handles messages as the gateway's flusher does: one batch in one transaction."""

    station: ChargingStation
    version: str = "1.6"
    now: dt.datetime = NOON
    handled: list[Any] = field(default_factory=list)

    def __call__(self, message: Any, *, at: dt.datetime | None = None) -> Any:
        ref = StationRef(self.station.pk, self.station.identity, self.version)
        owner = dispatch.owner_of(type(message))
        assert owner is not None
        with transaction.atomic():
            (reply,) = owner.handler([Received(ref, message, at or self.now)])
        return reply

    def later(self, **delta: float) -> dt.datetime:
        return NOON + dt.timedelta(**delta)

    def start(self, **changes: Any) -> messages.TransactionReply:
        message = messages.TransactionStarted(
            transaction_ref=None if self.version == "1.6" else "tx-1",
            evse_number=1,
            connector_number=1,
            id_token=messages.IdTokenRef("CARD1", "ISO14443"),
            occurred_at=NOON,
            meter_start_wh=1000,
            seq_no=None if self.version == "1.6" else 0,
        )
        return self(replace(message, **changes))

    def stop(self, transaction_ref: str, **changes: Any) -> messages.TransactionReply:
        message = messages.TransactionEnded(
            transaction_ref=transaction_ref,
            occurred_at=self.later(hours=1),
            meter_stop_wh=12_000,
            seq_no=None if self.version == "1.6" else 9,
        )
        return self(replace(message, **changes), at=self.later(hours=1))

    def meter(self, transaction_ref: str | None, *values: tuple[float, float], evse_number: int = 1) -> None:
        readings = tuple(
            messages.MeterReading(sampled_at=self.later(minutes=minute), energy_wh=wh, power_w=11_000)
            for minute, wh in values
        )
        self(
            messages.MeterValues(evse_number=evse_number, transaction_ref=transaction_ref, readings=readings)
        )


@pytest.fixture(scope="session", autouse=True)
def _handlers() -> None:
    dispatch.autodiscover()


@pytest.fixture
def driver(db: None) -> User:
    return User.objects.create_user("driver@example.test", "long enough")


@pytest.fixture
def card(driver: User) -> IdToken:
    return IdToken.objects.create(uid="CARD1", user=driver, label="Blue card")


@pytest.fixture
def station(db: None) -> ChargingStation:
    operator = Organisation.objects.create(kind="operator", name="Operator")
    location = Location.objects.create(operator=operator, name="Square", address="Street 1", city="Umeå")
    station = ChargingStation.objects.create(
        identity="STATION-1", location=location, max_power_kw=Decimal(22)
    )
    evse = Evse.objects.create(station=station, number=1, max_power_kw=Decimal(22))
    Connector.objects.create(evse=evse, number=1)
    return station


@pytest.fixture
def says(station: ChargingStation, card: IdToken) -> Says:
    return Says(station)


@pytest.fixture
def says_201(station: ChargingStation, card: IdToken) -> Says:
    return Says(station, version="2.0.1")


SaysFactory = Callable[[ChargingStation], Says]
