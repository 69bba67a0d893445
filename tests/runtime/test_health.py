"""The state of the product as machines see it."""

import pytest

from chargeportal.health.checks import note_worker_alive


@pytest.mark.django_db
def test_healthz_names_every_part(client):
    note_worker_alive()

    answer = client.get("/healthz/")

    assert answer.status_code == 200
    assert answer.json() | {"worker_seen_s_ago": 0} == {
        "status": "ok",
        "database": "ok",
        "cache": "ok",
        "worker": "ok",
        "worker_seen_s_ago": 0,
    }
