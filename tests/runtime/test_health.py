"""The state of the product as machines see it."""

import pytest
from django.db import connection

from chargeportal.health.checks import WORKER_FRESH_S, WORKER_KEY, examine, note_worker_alive


@pytest.fixture(autouse=True)
def _no_sign_of_life():
    from django.core.cache import cache

    cache.delete(WORKER_KEY)


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


@pytest.mark.django_db
def test_a_worker_that_was_never_seen_makes_it_degraded_but_serving(client):
    answer = client.get("/healthz/")

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["worker"]) == ("degraded", "down")


@pytest.mark.django_db
def test_a_worker_that_has_gone_quiet_is_down(time_machine):
    time_machine.move_to("2026-11-20T12:00:00Z", tick=False)
    note_worker_alive()
    time_machine.shift(WORKER_FRESH_S)

    assert examine().worker == "down"
    assert examine().worker_seen_s_ago == WORKER_FRESH_S


@pytest.mark.django_db
def test_without_a_cache_it_serves_and_says_so(client, settings):
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "unix:///nowhere/valkey.sock?db=0"},
    }
    answer = client.get("/healthz/")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "database": "ok",
        "cache": "down",
        "worker": "unknown",
        "worker_seen_s_ago": None,
    }


@pytest.mark.django_db(transaction=True)
def test_without_a_database_it_answers_503(client, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    answer = client.get("/healthz/")

    assert (answer.status_code, answer.json()["database"]) == (503, "down")


@pytest.mark.django_db
def test_metrics_count_the_network(client, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        answer = client.get("/metrics")

    assert answer.status_code == 200
    lines = answer.content.decode().splitlines()
    for name in ("stations", "stations_online", "sessions_active", "sessions_unrated", "commands_waiting"):
        assert f"chargeportal_{name} 0.0" in lines
    assert any(line.startswith("django_http_requests_") for line in lines)


@pytest.mark.django_db(transaction=True)
def test_metrics_answer_without_a_database(client, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"chargeportal_stations" not in answer.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({"REMOTE_ADDR": "192.0.2.7"}, 403),
        ({"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, 403),
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer wrong"}, 403),
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer scrape-token"}, 200),
    ],
)
def test_others_need_the_token_for_metrics(client, settings, extra, status):
    settings.METRICS_TOKEN = "scrape-token"

    assert client.get("/metrics", **extra).status_code == status


def test_without_a_token_nobody_else_reads_the_metrics(client, settings):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7", HTTP_AUTHORIZATION="Bearer ").status_code == 403
