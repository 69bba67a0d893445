"""Makes the rows that tests need; every field has a believable value."""

import datetime as dt
from decimal import Decimal
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.models import IdToken, Membership, Organisation, User
from billing.models import PriceComponent, Tariff, TariffAssignment, TariffElement
from sessions.models import ChargingSession, MeterSample
from stations.models import (
    ChargingStation,
    Connector,
    ConnectorStatus,
    Evse,
    Location,
    OcppFrame,
    StationConnection,
    StatusInterval,
)
from stations.ocpp.rows import insert_rows

PASSWORD = "a long enough password"


class OrganisationFactory(DjangoModelFactory):
    class Meta:
        model = Organisation

    name = factory.Sequence(lambda n: f"Operator {n}")
    kind = Organisation.Kind.OPERATOR


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.test")
    password = factory.django.Password(PASSWORD)
    name = factory.Sequence(lambda n: f"Person {n}")


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory, is_staff=True)
    organisation = factory.SubFactory(OrganisationFactory)
    role = Membership.Role.OPERATOR


class IdTokenFactory(DjangoModelFactory):
    class Meta:
        model = IdToken

    uid = factory.Sequence(lambda n: f"CARD{n:06}")
    user = factory.SubFactory(UserFactory)


class LocationFactory(DjangoModelFactory):
    class Meta:
        model = Location

    operator = factory.SubFactory(OrganisationFactory)
    name = factory.Sequence(lambda n: f"Location {n}")
    address = "Storgatan 1"
    city = "Umeå"


class StationFactory(DjangoModelFactory):
    class Meta:
        model = ChargingStation

    identity = factory.Sequence(lambda n: f"CP-{n:04}")
    location = factory.SubFactory(LocationFactory)
    vendor = "Chargers AB"
    model = "Duo 22"
    ocpp_version = "1.6"
    max_power_kw = Decimal(22)


class EvseFactory(DjangoModelFactory):
    class Meta:
        model = Evse

    station = factory.SubFactory(StationFactory)
    number = 1
    max_power_kw = Decimal(22)


class ConnectorFactory(DjangoModelFactory):
    class Meta:
        model = Connector

    evse = factory.SubFactory(EvseFactory)
    number = 1


class ConnectionFactory(DjangoModelFactory):
    """An open connection, so the station is online."""

    class Meta:
        model = StationConnection

    station = factory.SubFactory(StationFactory)
    gateway = "test:1:1"
    ocpp_version = "1.6"
    opened_at = factory.LazyFunction(lambda: timezone.now() - dt.timedelta(hours=3))
    last_seen_at = factory.LazyFunction(timezone.now)


class StatusFactory(DjangoModelFactory):
    """The present status of a connector."""

    class Meta:
        model = StatusInterval

    connector = factory.SubFactory(ConnectorFactory)
    station = factory.LazyAttribute(lambda interval: interval.connector.evse.station)
    status = ConnectorStatus.AVAILABLE
    started_at = factory.LazyFunction(lambda: timezone.now() - dt.timedelta(hours=2))
    received_at = factory.LazyAttribute(lambda interval: interval.started_at)


class SessionFactory(DjangoModelFactory):
    """A session in progress; ``ended=True`` makes one of an hour and 11 kWh."""

    class Meta:
        model = ChargingSession

    class Params:
        ended = factory.Trait(
            state=ChargingSession.State.ENDED,
            ended_at=factory.LazyAttribute(lambda session: session.started_at + dt.timedelta(hours=1)),
            end_received_at=factory.LazyAttribute(lambda session: session.ended_at),
            meter_stop_wh=Decimal(12_000),
            energy_wh=Decimal(11_000),
            stop_reason="local",
        )

    evse = factory.SubFactory(EvseFactory)
    station = factory.LazyAttribute(lambda session: session.evse.station)
    connector_number = 1
    transaction_ref = factory.Sequence(lambda n: f"{n + 1}")
    ocpp_version = "1.6"
    id_token = factory.SubFactory(IdTokenFactory)
    id_token_uid = factory.LazyAttribute(lambda session: session.id_token.uid if session.id_token else "")
    user = factory.LazyAttribute(lambda session: session.id_token.user if session.id_token else None)
    authorization_status = "accepted"
    started_at = factory.LazyFunction(lambda: timezone.now() - dt.timedelta(hours=2))
    start_received_at = factory.LazyAttribute(lambda session: session.started_at)
    meter_start_wh = Decimal(1000)


class TariffFactory(DjangoModelFactory):
    class Meta:
        model = Tariff

    operator = factory.SubFactory(OrganisationFactory)
    name = factory.Sequence(lambda n: f"Tariff {n}")


def priced_tariff(*, operator: Organisation, **prices: str) -> Tariff:
    """A tariff that holds everywhere: ``priced_tariff(operator=o, ENERGY="4.95", FLAT="10")``."""
    tariff = TariffFactory(operator=operator)
    element = TariffElement.objects.create(tariff=tariff, position=1)
    for dimension, price in prices.items():
        PriceComponent.objects.create(element=element, type=dimension, price=Decimal(price))
    TariffAssignment.objects.create(tariff=tariff, valid_from=timezone.now() - dt.timedelta(days=365))
    return tariff


def online_evse(*, status: str = ConnectorStatus.AVAILABLE, **station: Any) -> Evse:
    """An EVSE of a connected station whose connector says so."""
    evse = EvseFactory(station=StationFactory(**station))
    ConnectionFactory(station=evse.station)
    StatusFactory(connector=ConnectorFactory(evse=evse), status=status)
    return evse


def meter_samples(session: ChargingSession, *values: tuple[dt.datetime, float, float]) -> None:
    """The session's meter has shown these: (instant, power in W, register in Wh)."""
    insert_rows(
        MeterSample._meta.db_table,
        columns={
            "station_id": "bigint", "evse_number": "smallint", "sampled_at": "timestamptz", "context": "text",
            "session_id": "bigint", "transaction_ref": "text", "received_at": "timestamptz",
            "energy_wh": "numeric", "power_w": "double precision",
        },
        rows=[
            {
                "station_id": session.station_id, "evse_number": session.evse.number if session.evse else 1,
                "sampled_at": at, "context": "Sample.Periodic", "session_id": session.pk,
                "transaction_ref": session.transaction_ref, "received_at": at, "energy_wh": energy_wh,
                "power_w": power_w,
            }
            for at, power_w, energy_wh in values
        ],
    )  # fmt: skip


def log_frame(station: ChargingStation, *, at: dt.datetime, action: str, **fields: Any) -> None:
    """The log of OCPP messages has this one."""
    insert_rows(
        OcppFrame._meta.db_table,
        columns={
            "station_id": "bigint", "occurred_at": "timestamptz", "direction": "text", "message_id": "text",
            "action": "text", "payload": "jsonb", "response": "jsonb", "answered_at": "timestamptz",
            "error_code": "text", "error_description": "text", "flags": "text[]", "raw": "text",
        },
        rows=[
            {
                "station_id": station.pk, "occurred_at": at, "direction": "in", "message_id": "m1",
                "action": action, "payload": {}, "response": {}, "answered_at": at, "error_code": "",
                "error_description": "", "flags": [], **fields,
            }
        ],
    )  # fmt: skip
