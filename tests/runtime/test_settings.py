"""Settings that are computed rather than written down."""

import asyncio

import pytest
from channels.layers import get_channel_layer

from chargeportal.common.logging import MASK, without_secrets
from chargeportal.settings import environment


def test_the_secret_key_is_made_once_and_kept_private(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY")
    var = tmp_path / "var"

    first, second = environment.secret_key(var), environment.secret_key(var)

    assert first == second
    assert len(first) >= 50
    assert (var / "secret_key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in var.iterdir()) == ["secret_key"]


def test_a_given_secret_key_is_used_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "given")

    assert environment.secret_key(tmp_path / "var") == "given"
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://ann:p%40ss@db.example:5433/charge?sslmode=require",
            {"NAME": "charge", "USER": "ann", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": "5433"},
        ),
        (
            "postgresql://chargeportal@/chargeportal?host=%2Fvar%2Frun%2Fx",
            {
                "NAME": "chargeportal",
                "USER": "chargeportal",
                "PASSWORD": "",
                "HOST": "/var/run/x",
                "PORT": "",
            },
        ),
    ],
)
def test_a_database_address(url, expected):
    parsed = environment.database(url)

    assert {name: parsed[name] for name in expected} == expected
    assert parsed["OPTIONS"] == ({"sslmode": "require"} if "sslmode" in url else {})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:pw@cache:6379/2", "redis://:pw@cache:6379/2"),
        ("unix:///tmp/a/valkey.sock?db=3", "redis+socket:///tmp/a/valkey.sock?virtual_host=3"),
        ("unix:///tmp/a/valkey.sock", "redis+socket:///tmp/a/valkey.sock?virtual_host=0"),
    ],
)
def test_celery_gets_its_own_spelling_of_a_socket(url, expected):
    assert environment.celery_broker(url) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "x", "password": "a"}, {"event": "x", "password": MASK}),
        ({"event": "Authorization: Basic ZGVtbzpwYXNz"}, {"event": f"Authorization: Basic {MASK}"}),
        (
            {"event": "cannot reach postgresql://ann:geheim@db/x"},
            {"event": f"cannot reach postgresql://ann:{MASK}@db/x"},
        ),
        ({"event": "GET /ocpp/DEMO-AC-1 101", "n": 1}, {"event": "GET /ocpp/DEMO-AC-1 101", "n": 1}),
    ],
)
def test_secrets_stay_out_of_the_logs(event, expected):
    assert without_secrets(None, "info", event) == expected


@pytest.mark.slow
async def test_a_page_that_was_idle_longer_than_a_socket_timeout_still_hears():
    """redis-py's default time-out of 5 s would have ended the page's subscription meanwhile."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("idle", channel)
    waiting = asyncio.create_task(layer.receive(channel))

    await asyncio.sleep(6.5)
    await layer.group_send("idle", {"type": "changed"})

    assert await asyncio.wait_for(waiting, timeout=60) == {"type": "changed"}
    await layer.flush()


def test_pages_may_run_scripts_of_our_own_only(client):
    policy = client.get("/account/login/").headers["Content-Security-Policy"]

    assert "default-src 'self'; script-src 'self';" in policy
    assert "'unsafe-eval'" in client.get("/admin/login/").headers["Content-Security-Policy"]
