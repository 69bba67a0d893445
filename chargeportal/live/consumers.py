"""The WebSocket of a live page."""

import asyncio
import logging
import re
import time
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.utils import translation

from chargeportal.live.hints import GROUP
from chargeportal.live.pages import Changes, LiveTopic, is_anonymous, topic_named

logger = logging.getLogger(__name__)

NOT_ALLOWED = 4403
UNKNOWN_TOPIC = 4404
REFRESH_S = 30
#: The shortest time between two messages to one page; what changes meanwhile is sent together.
PAUSE_S = 0.3

_ID = re.compile(r'\bid="([^"]+)"')


class LivePageConsumer(AsyncJsonWebsocketConsumer):
    """Sends the fragments of one topic: all of them on connect, the changed ones after each hint.

    Every half minute everything is rendered once more, so a lost hint heals by itself and ages on the
    page stay true; whoever has logged out or may not see the page any more is shown out then. A
    fragment that reads as it did when it was last sent is not sent again.
    """

    topic: LiveTopic
    key: str

    async def connect(self) -> None:
        """The page gets its fragments from now on, if the person may see them."""
        route = self.scope["url_route"]["kwargs"]
        topic, self.key = topic_named(route["topic"]), route.get("key", "")
        self.tasks: list[asyncio.Task[None]] = []
        self.pending = Changes(everything=True)
        self.wake = asyncio.Event()
        self.sent: dict[str, int] = {}
        await self.accept()
        if topic is None:
            await self.close(code=UNKNOWN_TOPIC)
            return
        self.topic = topic
        if not await database_sync_to_async(topic.allows)(self.scope.get("user"), self.key):
            await self.close(code=NOT_ALLOWED)
            return
        await self.channel_layer.group_add(GROUP, self.channel_name)
        self.tasks = [
            asyncio.create_task(self._send_for_ever()),
            asyncio.create_task(self._refresh_for_ever()),
        ]

    async def disconnect(self, code: int) -> None:  # noqa: ARG002  (Channels gives the code)
        """Nothing is rendered for the page any more."""
        if self.tasks:
            for task in self.tasks:
                task.cancel()
            await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def live_changed(self, message: dict[str, Any]) -> None:
        """A hint arrived: what it concerns on this page is rendered again and sent."""
        self._note(
            Changes(
                evse_ids=frozenset(message.get("evses", ())),
                session_ids=frozenset(message.get("sessions", ())),
                station_ids=frozenset(message.get("stations", ())),
                everything=message.get("all", False),
            )
        )

    def _note(self, changes: Changes) -> None:
        self.pending = self.pending | changes
        self.wake.set()

    async def _refresh_for_ever(self) -> None:
        may_stay = True
        while may_stay:
            self._note(Changes(everything=True))
            await asyncio.sleep(REFRESH_S)
            may_stay = await self._may_stay()
        self.tasks[0].cancel()
        await self.close(code=NOT_ALLOWED)

    async def _may_stay(self) -> bool:
        """Whether the person is still logged in, active and allowed to see the page."""
        try:
            if not is_anonymous(self.scope.get("user")):
                self.scope["user"] = await self._person_now()
                if is_anonymous(self.scope["user"]):
                    return False
            return await database_sync_to_async(self.topic.allows)(self.scope.get("user"), self.key)
        except Exception:
            logger.exception("Who watches %s %s could not be read again", self.topic.name, self.key)
            return True  # nothing can be rendered either; the next round asks again

    async def _person_now(self) -> Any:
        """The user as the database has them now, nobody when their session has ended."""
        session = self.scope.get("session")
        if session is None:
            return None
        store = import_module(settings.SESSION_ENGINE).SessionStore
        return await get_user({"session": store(session.session_key)})

    async def _send_for_ever(self) -> None:
        while await self.wake.wait():
            self.wake.clear()
            changes, self.pending = self.pending, Changes()
            try:
                await self._send_fragments(changes)
            except Exception:
                logger.exception("Live topic %s %s could not be rendered", self.topic.name, self.key)
            await asyncio.sleep(PAUSE_S)

    async def _send_fragments(self, changes: Changes) -> None:
        fragments = self._new_of(await database_sync_to_async(self._render)(changes))
        if fragments:
            await self.send_json({"fragments": fragments, "at": time.time()})

    def _new_of(self, fragments: list[str]) -> list[str]:
        """Those fragments that differ from what this page got last."""
        new = []
        for fragment in fragments:
            found = _ID.search(fragment)
            name, seen = found[1] if found else fragment, hash(fragment)
            if self.sent.get(name) != seen:
                self.sent[name] = seen
                new.append(fragment)
        return new

    def _render(self, changes: Changes) -> list[str]:
        language = self.scope.get("language") or translation.get_language()
        with translation.override(language):
            return [
                str(fragment) for fragment in self.topic.fragments(self.scope.get("user"), self.key, changes)
            ]
