"""Tells the product what happened: signed messages, sent again until they are answered with 2xx."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import threading
from urllib.parse import urlsplit

from chargeportal.stripe_fake import checkout
from chargeportal.stripe_fake.store import Object, Store, shown

logger = logging.getLogger(__name__)

ATTEMPTS_AT_MOST = 12
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
WATCH_S = 0.2
ANSWER_WITHIN_S = 20
EXPIRE_EVERY_S = 5


def body(event: Object) -> bytes:
    """The message's bytes."""
    return json.dumps(shown(event), separators=(",", ":")).encode()


def signature(payload: bytes, *, secret: str, at: int) -> str:
    """The `Stripe-Signature` header of a message."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


class Messenger(threading.Thread):
    """Sends the events that were not answered yet, in the background, until `stop`."""

    def __init__(self, store: Store, *, url: str, secret: str) -> None:
        super().__init__(name="stripe-fake-webhooks", daemon=True)
        self._store, self._url, self._secret = store, url, secret
        self._ended = threading.Event()
        self._expire_at = 0.0

    def run(self) -> None:
        """Look for work until stopped."""
        while not self._ended.wait(WATCH_S):
            with self._store.lock:
                self._expire_pages()
                waiting = [self._store.objects[event_id] for event_id in self._store.pending]
                due = [event for event in waiting if event["_due"] <= self._store.clock()]
            for event in due:
                self._send(event)

    def stop(self) -> None:
        """Leave no thread behind."""
        self._ended.set()
        self.join()

    def _expire_pages(self) -> None:
        if self._store.clock() >= self._expire_at:
            self._expire_at = self._store.clock() + EXPIRE_EVERY_S
            if checkout.expire_old(self._store):
                self._store.save()

    def _send(self, event: Object) -> None:
        answered = post(self._url, body(event), secret=self._secret, at=self._store.now())
        with self._store.lock:
            event["_attempts"] += 1
            if answered or event["_attempts"] >= ATTEMPTS_AT_MOST:
                event["pending_webhooks"] = 0
                self._store.pending.remove(event["id"])
            pause_s = min(FIRST_PAUSE_S * 2 ** event["_attempts"], LONGEST_PAUSE_S)
            event["_due"] = self._store.clock() + pause_s
            self._store.save()


def post(url: str, payload: bytes, *, secret: str, at: int) -> bool:
    """Whether the receiver took the message."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_WITHIN_S)
    headers = {
        "Content-Type": "application/json",
        "Stripe-Signature": signature(payload, secret=secret, at=at),
    }
    try:
        connection.request("POST", parts.path, payload, headers)
        return 200 <= connection.getresponse().status < 300  # noqa: PLR2004 - HTTP's successes
    except (OSError, http.client.HTTPException) as error:
        logger.info("Webhook not delivered: %s", error)
        return False
    finally:
        connection.close()
