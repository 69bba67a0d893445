"""The socket of a live page: what is sent, to whom, and how often."""

import asyncio

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser

from chargeportal.live import consumers
from chargeportal.live.consumers import LivePageConsumer
from chargeportal.live.hints import GROUP
from chargeportal.live.pages import Changes, LiveTopic


@pytest.fixture
def rendered(monkeypatch) -> list[Changes]:
    """A topic of its own, whose page shows how many EVSEs changed last; what it was asked is kept."""
    asked: list[Changes] = []

    def fragments(user, key, changes):
        asked.append(changes)
        return [f'<p id="a">{len(changes.evse_ids)}</p>', '<p id="b">always</p>']

    topic = LiveTopic("test-topic", lambda _user, key: key == "open", fragments)
    monkeypatch.setattr(consumers, "topic_named", lambda name: topic if name == "test-topic" else None)
    return asked


def socket(topic="test-topic", key="open") -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(LivePageConsumer.as_asgi(), f"/live/{topic}/{key}/")
    communicator.scope["url_route"] = {"kwargs": {"topic": topic, "key": key}}
    communicator.scope["user"] = AnonymousUser()
    return communicator


async def hint(*evse_ids: int) -> None:
    await get_channel_layer().group_send(
        GROUP, {"type": "live.changed", "all": False, "evses": list(evse_ids)}
    )


async def test_everything_comes_first_and_then_only_what_changed(rendered):
    page = socket()
    await page.connect()
    assert (await page.receive_json_from(2))["fragments"] == ['<p id="a">0</p>', '<p id="b">always</p>']
    await hint(7)
    assert (await page.receive_json_from(2))["fragments"] == ['<p id="a">1</p>']
    assert rendered == [Changes(everything=True), Changes(evse_ids=frozenset({7}))]
    await page.disconnect()


async def test_hints_of_one_moment_are_one_rendering(rendered):
    page = socket()
    await page.connect()
    await page.receive_json_from(2)
    for evse_id in range(20):
        await hint(evse_id)
    await asyncio.sleep(1)
    together = rendered[1:]
    assert len(together) <= 2
    assert frozenset().union(*(changes.evse_ids for changes in together)) == frozenset(range(20))
    await page.disconnect()


@pytest.mark.parametrize(
    ("topic", "key", "code"),
    [("test-topic", "closed", consumers.NOT_ALLOWED), ("other", "open", consumers.UNKNOWN_TOPIC)],
)
async def test_whoever_may_not_listen_is_told_so(topic, key, code, rendered):
    page = socket(topic, key)
    await page.connect()
    assert (await page.receive_output(2)) == {"type": "websocket.close", "code": code}
    assert rendered == []


async def test_a_rendering_that_fails_does_not_end_the_page(rendered, monkeypatch):
    failing = {"now": True}
    topic = consumers.topic_named("test-topic")

    def fragments(user, key, changes):
        if failing.pop("now", False):
            raise RuntimeError("once")
        return topic.fragments(user, key, changes)

    monkeypatch.setattr(consumers, "topic_named", lambda _name: LiveTopic("x", topic.allows, fragments))
    page = socket()
    await page.connect()
    assert await page.receive_nothing(0.5)
    await hint(1)
    assert (await page.receive_json_from(2))["fragments"][0] == '<p id="a">1</p>'
    await page.disconnect()
