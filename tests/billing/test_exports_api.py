"""Exports over the API: ask, poll, take."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.exports import making
from billing.models import Export, ExportDownload
from tests.api.conftest import client_of, problem
from tests.billing.document_builders import book, document
from tests.factories import MembershipFactory, OrganisationFactory

pytestmark = pytest.mark.django_db
EXPORTS = "/api/v1/exports/"
NOVEMBER = {"kind": "invoices_csv", "period_start": "2026-11-01", "period_end": "2026-12-01"}


@pytest.fixture
def operator(db):
    return OrganisationFactory(name="Norrsken")


@pytest.fixture
def client(operator):
    return client_of(MembershipFactory(organisation=operator, role="finance").user)


@pytest.fixture
def stranger(db):
    return client_of(MembershipFactory(organisation=OrganisationFactory(), role="finance").user)


def test_an_export_is_asked_for_polled_and_taken(operator, client) -> None:
    book(document(operator=operator))
    asked = client.post(EXPORTS, NOVEMBER)
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    address = f"{EXPORTS}{asked.json()['id']}/"
    code, kind = problem(client.get(f"{address}download/"))
    assert (code, kind) == (409, "conflict")
    making.make(Export.objects.get().pk)
    polled = client.get(address).json()
    assert (polled["state"], polled["done_rows"], polled["file_name"]) == ("done", 1, "invoices_2026-11.csv")
    taken = client.get(f"{address}download/")
    content = b"".join(taken.streaming_content)
    assert len(content) == polled["size_bytes"]
    assert b"F-1001" in content
    (download,) = client.get(address).json()["downloads"]
    assert download["by"] == Export.objects.get().requested_by.email


def test_what_makes_no_sense_is_refused_with_the_reason(client) -> None:
    wrong = [
        {"period_end": "2026-10-01"},
        {"kind": "everything"},
        {"parameters": {"per": "day"}},
        {"kind": "sie", "parameters": {"per": "week"}},
        {"operator": str(OrganisationFactory().public_id)},
    ]
    assert [problem(client.post(EXPORTS, NOVEMBER | each)) for each in wrong] == [(400, "invalid-input")] * 5
    assert Export.objects.count() == 0


def test_a_failed_export_is_made_again(client) -> None:
    client.post(EXPORTS, NOVEMBER)
    export = Export.objects.get()
    assert problem(client.post(f"{EXPORTS}{export.public_id}/again/")) == (409, "conflict")
    Export.objects.update(state="failed", error="no")
    assert client.post(f"{EXPORTS}{export.public_id}/again/").status_code == 202
    assert Export.objects.get().state == "waiting"


def test_strangers_see_and_take_nothing(client, stranger) -> None:
    client.post(EXPORTS, NOVEMBER)
    export = Export.objects.get()
    making.make(export.pk)
    assert stranger.get(EXPORTS).json()["results"] == []
    address = f"{EXPORTS}{export.public_id}/"
    assert [problem(stranger.get(each))[0] for each in (address, f"{address}download/")] == [404, 404]
    assert problem(stranger.post(f"{address}again/"))[0] == 404
    assert ExportDownload.objects.count() == 0


@pytest.mark.parametrize("role", ["operator", "technician", "support"])
def test_other_roles_of_the_operator_may_not_export(operator, client, role) -> None:
    client.post(EXPORTS, NOVEMBER)
    other = client_of(MembershipFactory(organisation=operator, role=role).user)
    assert problem(other.post(EXPORTS, NOVEMBER)) == (403, "forbidden")
    assert other.get(EXPORTS).json()["results"] == []


def test_the_list_costs_the_same_at_one_row_and_at_three(client, django_assert_num_queries) -> None:
    client.post(EXPORTS, NOVEMBER)
    client.get(EXPORTS)
    with CaptureQueriesContext(connection) as captured:
        client.get(EXPORTS)
    at_one = len(captured)
    client.post(EXPORTS, NOVEMBER)
    client.post(EXPORTS, NOVEMBER)
    with django_assert_num_queries(at_one):
        assert len(client.get(EXPORTS).json()["results"]) == 3
