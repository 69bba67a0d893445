"""The API does what its description says, for requests that a machine makes up from the description."""

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.utils import timezone
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from accounts import api_keys
from chargeportal.common.api.throttling import KeyThrottle
from chargeportal.runtime.published import PROJECT_ROOT
from sessions.models import ChargingSession
from tests.api.conftest import Network, bill
from tests.factories import meter_samples

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
Addresses = dict[str, dict[str, str]]
EXAMPLES = 3
#: Nobody is refused for asking often, or every made-up request after the first ones would be.
UNLIMITED = {"key": "1000000/min", "station-calls": "1000000/min", "card-claims": "1000000/hour"}


@pytest.fixture
def existing(network: Network, session: ChargingSession, monkeypatch: pytest.MonkeyPatch) -> Addresses:
    """A row of each kind, by the address that leads to it; the station is not connected."""
    monkeypatch.setattr(KeyThrottle, "THROTTLE_RATES", UNLIMITED)
    meter_samples(session, (session.started_at, 11_000.0, 1000.0))
    cdr = bill(session)
    network.station.connections.update(closed_at=timezone.now())
    return {
        "locations": {"id": str(network.location.public_id)},
        "stations": {"identity": network.station.identity},
        "sessions": {"id": str(session.public_id)},
        "cdrs": {"id": str(cdr.public_id)},
        "id-tokens": {"id": str(network.card.pk)},
        "billing-accounts": {"id": str(cdr.account.public_id)},
        "tariffs": {"id": str(cdr.tariff.public_id)},
    }


schema = schemathesis.openapi.from_path(PROJECT_ROOT / "docs" / "openapi.yaml")
schema.app = get_wsgi_application()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much,
    ],
)  # fmt: skip
def test_answers_are_as_described(case: schemathesis.Case, existing: Addresses, colleague: Any) -> None:
    key = _key_of(colleague)
    _address_what_exists(case, existing)
    case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=_beyond(case))


def _address_what_exists(case: schemathesis.Case, existing: Addresses) -> None:
    """A made-up id leads nowhere; for most kinds there is something to answer, and the address is its own."""
    if case.path_parameters:
        case.path_parameters.update(existing.get(case.path.split("/")[3], {}))


def _beyond(case: schemathesis.Case) -> list[Any]:
    """What a description cannot say of this request."""
    beyond = []
    if case.method == "POST":  # what may be added or called depends on more than the shape of the request
        beyond.append(positive_data_acceptance)
    if case.path.endswith(("/trial-balance/", "/revenue/")):  # two days that must stand in order
        beyond.append(positive_data_acceptance)
    if case.path.endswith("/samples/"):  # takes any cursor, and headers and parameters it does not know
        beyond.append(negative_data_rejection)
    return beyond


def _key_of(user: Any) -> str:
    return api_keys.issue(user, name="conformance")[1]
