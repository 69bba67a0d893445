"""Every refusal is a problem document, also where no resource is reached."""

import pytest
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from chargeportal.common.api.problems import KINDS
from tests.api.conftest import API, client_of, problem

pytestmark = pytest.mark.django_db
CARDS = f"{API}/id-tokens/"


@pytest.mark.parametrize("address", ["/api/", "/api/v1/nothing/", "/api/v2/stations/", f"{API}/stations"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_address_that_is_none_is_a_404(address, method, driver):
    assert problem(getattr(client_of(driver), method)(address)) == (404, "not-found")


@pytest.mark.parametrize(
    "address",
    ["stations/%00/", f"stations/{'x' * 49}/", "sessions/1/", f"locations/{'-' * 36}/", "id-tokens/x/",
     f"id-tokens/{'9' * 18}/", f"id-tokens/{'9' * 90}/"],
)  # fmt: skip
def test_a_name_that_no_row_can_have_is_a_404(address, driver):
    assert problem(client_of(driver).get(f"{API}/{address}")) == (404, "not-found")


@pytest.mark.parametrize("resource", ["locations", "stations", "sessions", "cdrs"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_what_is_only_read_cannot_be_written(resource, method, driver, session):
    response = getattr(client_of(driver), method)(f"{API}/{resource}/", {})
    assert problem(response) == (405, "method-not-allowed")
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b'{"uid": NaN}', b'{"uid": 1e999}', b'{"uid": "\\ud800"}', b'{"uid": "\\u0000"}',
     b"\xff", b'{"uid": "a\x00"}', b"[" * 100_000, b"[" * 70 + b"]" * 70, b'{"uid": ' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_a_body_that_is_not_json_is_a_400(body, driver):
    response = client_of(driver).generic("POST", CARDS, body, content_type="application/json")
    assert problem(response)[0] == 400


@pytest.mark.parametrize("body", ["[]", '"x"', "1", "null", "true"])
def test_a_body_that_is_not_an_object_is_a_400(body, driver):
    response = client_of(driver).generic("POST", CARDS, body, content_type="application/json")
    assert problem(response) == (400, "invalid-input")


def test_a_body_beyond_256_kib_is_a_413(driver):
    body = b'{"uid": "' + b"A" * 256 * 1024 + b'"}'
    response = client_of(driver).generic("POST", CARDS, body, content_type="application/json")
    assert problem(response) == (413, "too-large")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_other_content_types_are_a_415(content_type, driver):
    response = client_of(driver).generic("POST", CARDS, b"uid=1", content_type=content_type)
    assert problem(response) == (415, "unsupported-media-type")


def test_only_json_can_be_had(driver):
    response = client_of(driver).get(CARDS, headers={"Accept": "text/csv"})
    assert problem(response) == (406, "not-acceptable")


def test_every_field_at_fault_is_named(driver):
    response = client_of(driver).post(CARDS, {"label": "x" * 81, "type": "Telepathy"})
    assert problem(response) == (400, "invalid-input")
    assert {error["field"] for error in response.json()["errors"]} == {"uid", "label", "type"}


def test_the_type_leads_to_an_explanation(driver):
    document = client_of(driver).get(f"{API}/nothing/").json()
    meaning = APIClient().get(document["type"])
    assert meaning.status_code == 200
    assert meaning.json()["title"] == document["title"]
    assert problem(APIClient().get("/api/problems/none-such/")) == (404, "not-found")


def test_every_kind_has_an_explanation():
    for slug, kind in KINDS.items():
        explained = APIClient().get(f"/api/problems/{slug}/").json()
        assert (explained["status"], explained["meaning"]) == (kind.status, str(kind.meaning))


def test_what_nobody_expected_is_logged_and_told_without_details(caplog):
    class Failing(APIView):
        permission_classes = ()

        def get(self, request):
            raise RuntimeError("the secret of the database")

    response = Failing.as_view()(APIRequestFactory().get("/api/v1/x/")).render()
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert b"secret" not in response.content
    assert "the secret of the database" in caplog.text


def test_too_many_requests_are_told_when_to_go_on(driver, monkeypatch):
    from chargeportal.common.api.throttling import KeyThrottle

    monkeypatch.setattr(KeyThrottle, "THROTTLE_RATES", {"key": "2/min"})
    client, other = client_of(driver), client_of(driver)
    assert [client.get(CARDS).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get(CARDS)
    assert problem(refused) == (429, "too-many-requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert other.get(CARDS).status_code == 200  # another key counts for itself


def test_the_api_goes_on_without_a_cache(driver, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0",
        }
    }  # fmt: skip
    assert client_of(driver).get(CARDS).status_code == 200
