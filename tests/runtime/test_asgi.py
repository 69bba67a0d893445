"""Which part of the product answers what."""

import pytest
from asgiref.testing import ApplicationCommunicator

from chargeportal import asgi, asgi_gateway
from chargeportal.runtime.web import server_config


def request(path: str) -> dict:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 4000),
        "scheme": "http",
    }


@pytest.mark.django_db(transaction=True)
async def test_requests_go_to_django():
    communicator = ApplicationCommunicator(asgi.application, request("/healthz/"))
    await communicator.send_input({"type": "http.request", "body": b""})

    assert (await communicator.receive_output(timeout=60))["status"] == 200
    assert b"database" in (await communicator.receive_output(timeout=60))["body"]
    await communicator.wait()


async def test_a_gateway_process_has_no_pages():
    communicator = ApplicationCommunicator(asgi_gateway.application, request("/admin/"))
    await communicator.send_input({"type": "http.request", "body": b""})

    assert (await communicator.receive_output(timeout=60))["status"] == 404


async def test_an_unknown_live_page_is_refused():
    scope = {"type": "websocket", "path": "/nowhere/", "headers": [(b"origin", b"https://evil.example")]}
    communicator = ApplicationCommunicator(asgi.application, scope)
    await communicator.send_input({"type": "websocket.connect"})

    assert (await communicator.receive_output(timeout=60))["type"] == "websocket.close"


def test_the_server_has_the_options_that_charging_stations_need(settings):
    config = server_config("chargeportal.asgi:application", host="127.0.0.1", port=0)

    assert (config.ws, config.loop, config.backlog) == ("websockets-sansio", "uvloop", 4096)
    assert (config.ws_ping_interval, config.ws_ping_timeout) == (60, 60)
    assert config.ws_per_message_deflate is False
    assert config.ws_max_size > settings.OCPP_MAX_MESSAGE_BYTES  # the gateway, not the server, answers these
