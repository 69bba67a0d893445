"""The WebSocket of a live page."""

import asyncio
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.utils import translation

from chargeportal.live.hints import GROUP
from chargeportal.live.pages import Changes, LiveTopic, topic_named

NOT_ALLOWED = 4403
UNKNOWN_TOPIC = 4404
REFRESH_S = 30


class LivePageConsumer(AsyncJsonWebsocketConsumer):
    """Sends the fragments of one topic: all of them on connect, the changed ones after each hint.

    Every half minute everything is sent once more, so a lost hint heals by itself and ages on the
    page stay true.
    """

    topic: LiveTopic
    key: str

    async def connect(self) -> None:
        """The page is known and allowed, and gets everything; or its socket is closed with the reason."""
        route = self.scope["url_route"]["kwargs"]
        topic, self.key = topic_named(route["topic"]), route.get("key", "")
        self.refresher: asyncio.Task[None] | None = None
        await self.accept()
        if topic is None:
            await self.close(code=UNKNOWN_TOPIC)
            return
        self.topic = topic
        if not await database_sync_to_async(topic.allows)(self.scope.get("user"), self.key):
            await self.close(code=NOT_ALLOWED)
            return
        await self.channel_layer.group_add(GROUP, self.channel_name)
        self.refresher = asyncio.create_task(self._refresh_for_ever())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        """No hint reaches this page any more."""
        if self.refresher is not None:
            self.refresher.cancel()
            await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def live_changed(self, message: dict[str, Any]) -> None:
        """A hint arrived: what it concerns on this page is rendered again and sent."""
        await self._send_fragments(
            Changes(
                evse_ids=frozenset(message.get("evses", ())),
                session_ids=frozenset(message.get("sessions", ())),
                station_ids=frozenset(message.get("stations", ())),
                everything=message.get("all", False),
            )
        )

    async def _refresh_for_ever(self) -> None:
        while True:
            await self._send_fragments(Changes(everything=True))
            await asyncio.sleep(REFRESH_S)

    async def _send_fragments(self, changes: Changes) -> None:
        fragments = await database_sync_to_async(self._render)(changes)
        if fragments:
            await self.send_json({"fragments": fragments, "at": time.time()})

    def _render(self, changes: Changes) -> list[str]:
        language = self.scope.get("language") or translation.get_language()
        with translation.override(language):
            return [
                str(fragment) for fragment in self.topic.fragments(self.scope.get("user"), self.key, changes)
            ]
