"""One operator with a station and a driver who charged there, and people who have nothing to do with it."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import api_keys
from accounts.models import IdToken, Membership, Organisation, User
from billing.cdrs import rate_session
from billing.models import Cdr
from sessions.models import ChargingSession
from stations.models import ChargingStation, ConnectorStatus, Evse, Location
from tests.factories import (
    IdTokenFactory,
    LocationFactory,
    MembershipFactory,
    OrganisationFactory,
    SessionFactory,
    UserFactory,
    online_evse,
    priced_tariff,
)

API = "/api/v1"


@pytest.fixture(autouse=True)
def _nobody_has_asked_before() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def client_of(user: User) -> APIClient:
    """A client that shows a key of the user."""
    _, secret = api_keys.issue(user, name="test")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def ids(response: Any, name: str = "id") -> list[str]:
    """One member of each row of a list."""
    assert response.status_code == 200, response.content
    return [row[name] for row in response.json()["results"]]


def problem(response: Any) -> tuple[int, str]:
    """The status and the kind of a problem document, which says itself what the response says."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    document = response.json()
    assert document["status"] == response.status_code
    assert document["title"]
    return response.status_code, document["type"].removeprefix("/api/problems/").removesuffix("/")


@dataclass(frozen=True)
class Network:
    """What there is to see."""

    operator: Organisation
    location: Location
    station: ChargingStation
    evse: Evse
    card: IdToken
    driver: User


@pytest.fixture
def network(db: None) -> Network:
    operator = OrganisationFactory(name="Norrkraft")
    location = LocationFactory(operator=operator, name="Stortorget", city="Umeå")
    evse = online_evse(status=ConnectorStatus.CHARGING, identity="UMEA-1", location=location, name="Torget 1")
    driver = UserFactory(email="anna@example.test", name="Anna Lind")
    card = IdTokenFactory(uid="04A2B3C4", user=driver, label="Key ring")
    priced_tariff(operator=operator, ENERGY="4.95", FLAT="10")
    return Network(operator, location, evse.station, evse, card, driver)


@pytest.fixture
def driver(network: Network) -> User:
    return network.driver


@pytest.fixture
def stranger(network: Network) -> User:
    """Another driver."""
    return UserFactory(email="bo@example.test", name="Bo Ek")


@pytest.fixture
def colleague(network: Network) -> User:
    """The operator's staff."""
    return staff(network.operator, Membership.Role.OPERATOR)


@pytest.fixture
def competitor(network: Network) -> User:
    """Staff of another operator."""
    return staff(OrganisationFactory(name="Söderkraft"), Membership.Role.OPERATOR)


def staff(organisation: Organisation, role: str) -> User:
    return MembershipFactory(organisation=organisation, role=role).user


@pytest.fixture
def make_session(network: Network) -> Callable[..., ChargingSession]:
    def make(*, days_ago: int = 0, **fields: Any) -> ChargingSession:
        started_at = timezone.now().replace(microsecond=0) - dt.timedelta(days=days_ago, hours=2)
        return SessionFactory(
            **{"evse": network.evse, "id_token": network.card, "started_at": started_at, **fields}
        )

    return make


@pytest.fixture
def session(make_session: Callable[..., ChargingSession]) -> ChargingSession:
    """An ended session of the driver: an hour, 11 kWh."""
    return make_session(ended=True)


@pytest.fixture
def cdr(session: ChargingSession) -> Cdr:
    """11 kWh at 4.95 and a start fee of 10, VAT included."""
    cdr = bill(session)
    assert cdr.total_incl_vat == Decimal("64.45")
    return cdr


def bill(session: ChargingSession) -> Cdr:
    cdr = rate_session(session.pk, now=timezone.now())
    assert cdr is not None
    return cdr
