"""A live page stays open as long as the person may see it, and no longer."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from accounts.models import User
from chargeportal.live import consumers
from chargeportal.live.consumers import LivePageConsumer
from chargeportal.live.pages import LiveTopic


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether the topic of these tests lets anybody in; it looks again five times a second."""
    answer = {"now": True}
    topic = LiveTopic("t", lambda _user, _key: answer["now"], lambda *_: ['<p id="a">here</p>'])
    monkeypatch.setattr(consumers, "topic_named", lambda _name: topic)
    monkeypatch.setattr(consumers, "REFRESH_S", 0.2)
    return answer


@pytest.fixture
def client(transactional_db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("driver@example.test", "long enough"))
    return client


@pytest.fixture
def page(client: Client) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(LivePageConsumer.as_asgi(), "/live/t/")
    scope: dict[str, Any] = communicator.scope
    scope["url_route"] = {"kwargs": {"topic": "t"}}
    scope["session"] = SessionStore(client.session.session_key)
    scope["user"] = User.objects.get()
    return communicator


async def shown_out(page: WebsocketCommunicator) -> bool:
    return await page.receive_output(3) == {"type": "websocket.close", "code": consumers.NOT_ALLOWED}


async def opened(page: WebsocketCommunicator) -> None:
    await page.connect()
    assert (await page.receive_json_from(2))["fragments"] == ['<p id="a">here</p>']


async def test_who_may_see_the_page_stays(page: WebsocketCommunicator, allowed: dict[str, bool]) -> None:
    await opened(page)
    await asyncio.sleep(1)
    assert await page.receive_nothing(0.1)
    await page.disconnect()


async def test_a_deactivated_user_is_shown_out(page: WebsocketCommunicator, allowed: dict[str, bool]) -> None:
    await opened(page)
    await User.objects.aupdate(is_active=False)
    assert await shown_out(page)
    await page.disconnect()


async def test_who_logged_out_is_shown_out(
    page: WebsocketCommunicator, allowed: dict[str, bool], client: Client
) -> None:
    await opened(page)
    await sync_to_async(client.logout)()
    assert await shown_out(page)
    await page.disconnect()


async def test_who_lost_the_right_is_shown_out(page: WebsocketCommunicator, allowed: dict[str, bool]) -> None:
    await opened(page)
    allowed["now"] = False
    assert await shown_out(page)
    await page.disconnect()


async def test_a_failing_look_shows_nobody_out(
    page: WebsocketCommunicator, allowed: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: object) -> None:
        raise RuntimeError("the database is away")

    await opened(page)
    monkeypatch.setattr(consumers, "get_user", fail)
    await asyncio.sleep(0.6)
    assert await page.receive_nothing(0.1)
    await page.disconnect()
