"""The description of the API, and the pages that show it."""

import re
import warnings

import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from chargeportal.runtime.published import PROJECT_ROOT

OPERATIONS = {
    ("get", "/api/v1/locations/"), ("get", "/api/v1/locations/{id}/"),
    ("get", "/api/v1/stations/"), ("get", "/api/v1/stations/{identity}/"),
    ("post", "/api/v1/stations/{identity}/calls/"),
    ("get", "/api/v1/sessions/"), ("get", "/api/v1/sessions/{id}/"),
    ("get", "/api/v1/sessions/{id}/samples/"),
    ("get", "/api/v1/cdrs/"), ("get", "/api/v1/cdrs/{id}/"),
    ("get", "/api/v1/id-tokens/"), ("post", "/api/v1/id-tokens/"), ("get", "/api/v1/id-tokens/{id}/"),
    ("post", "/api/v1/id-tokens/{id}/block/"), ("post", "/api/v1/id-tokens/{id}/unblock/"),
    ("get", "/api/v1/ledger/accounts/"), ("get", "/api/v1/ledger/entries/"),
    ("get", "/api/v1/ledger/trial-balance/"),
    ("get", "/api/v1/exports/"), ("post", "/api/v1/exports/"), ("get", "/api/v1/exports/{id}/"),
    ("get", "/api/v1/exports/{id}/download/"), ("post", "/api/v1/exports/{id}/again/"),
    ("get", "/api/v1/billing-accounts/"), ("get", "/api/v1/billing-accounts/{id}/"),
    ("get", "/api/v1/holds/"), ("get", "/api/v1/holds/{id}/"), ("post", "/api/v1/holds/{id}/decide/"),
    ("get", "/api/v1/invoice-runs/"), ("post", "/api/v1/invoice-runs/"),
    ("get", "/api/v1/invoice-runs/{id}/"), ("get", "/api/v1/invoices/"),
    ("get", "/api/v1/invoices/{id}/"), ("post", "/api/v1/invoices/{id}/credit/"),
    ("get", "/api/v1/invoices/{id}/pdf/"), ("get", "/api/v1/invoices/{id}/ubl/"),
    ("get", "/api/v1/payments/"), ("get", "/api/v1/payments/{id}/"),
    ("post", "/api/v1/payments/{id}/refund/"), ("get", "/api/v1/price-groups/"),
    ("get", "/api/v1/price-groups/{id}/"), ("get", "/api/v1/revenue/"), ("get", "/api/v1/tariffs/"),
    ("get", "/api/v1/tariffs/{id}/"), ("post", "/api/v1/tariffs/{id}/lint/"),
    ("post", "/api/v1/tariffs/{id}/simulate/"),
    ("get", "/api/v1/tariffs/{id}/simulations/{simulation}/"),
}  # fmt: skip


@pytest.fixture(scope="module")
def description():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return SchemaGenerator().get_schema(request=None, public=True)


def operations(description):
    return [
        (method, path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_names_every_operation_and_no_other(description):
    assert {(method, path) for method, path, _ in operations(description)} == OPERATIONS


def test_every_operation_says_what_it_does_and_how_it_may_be_refused(description):
    for _, path, operation in operations(description):
        assert operation["summary"], path
        assert operation["description"], path
        assert {"400", "401", "403", "404", "429", "default"} <= set(operation["responses"]), path
        refused = operation["responses"]["404"]["content"]["application/problem+json"]["schema"]
        assert refused == {"$ref": "#/components/schemas/Problem"}
        assert {"bearerKey": []} in operation["security"], path


def test_the_committed_description_is_that_of_the_code(description):
    committed = yaml.safe_load((PROJECT_ROOT / "docs" / "openapi.yaml").read_text())
    assert set(committed["paths"]) == set(description["paths"])
    assert set(committed["components"]["schemas"]) == set(description["components"]["schemas"])


@pytest.mark.django_db
def test_the_description_is_for_everybody():
    response = Client().get("/api/schema/")
    assert response.status_code == 200
    assert set(yaml.safe_load(response.content)["paths"]) == {path for _, path in OPERATIONS}


@pytest.mark.django_db
def test_the_page_that_shows_it_loads_nothing_from_elsewhere():
    response = Client().get("/api/docs/")
    page = response.content.decode()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert [address for address in loaded if address.endswith("swagger-ui-bundle.js")]
    assert not [address for address in loaded if address.startswith(("http", "//"))]
    assert "script-src 'self' 'unsafe-inline'" in response.headers["Content-Security-Policy"]
    for address in loaded:
        if address.startswith("/static/"):
            answer = Client().get(address)
            assert answer.status_code == 200, address
            answer.close()
