"""Stripe's messages: taken in when their signature holds, stored by their id, handled once, in any order.

    @handles("setup_intent.succeeded")
    def card_saved(event: WebhookEvent, *, now: dt.datetime) -> None: ...

A handler takes from the message only what it is about (``event.payload["data"]["object"]["id"]``) and asks
Stripe how that stands now, so that an old message never undoes a newer one. It may be called again after a
crash. The module that registers is imported by ``billing.receivers``.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F, Value
from prometheus_client import Counter

from billing.models import WebhookEvent
from billing.payments import stripe_api
from billing.payments.stripe_objects import instant

logger = logging.getLogger(__name__)

Handler = Callable[..., Any]

#: After so many tries a message waits for a person (the admin lists it, and tries again at a click).
ATTEMPTS_AT_MOST = 30
#: A message that was not handled by then has lost its task.
LATE = dt.timedelta(minutes=1)

_handlers: dict[str, list[Handler]] = defaultdict(list)
_refused = Counter("stripe_webhooks_refused_total", "Webhooks whose signature did not hold")
_received = Counter("stripe_webhooks_received_total", "Webhooks taken in, repetitions included")


def handles(*types: str) -> Callable[[Handler], Handler]:
    """The decorated function is called for messages of these types."""

    def register(function: Handler) -> Handler:
        for name in types:
            _handlers[name].append(function)
        return function

    return register


def take_in(body: bytes, *, signature: str, now: dt.datetime) -> WebhookEvent | None:
    """The message is stored; returns it when it is new, None when we had it.

    Raises BadSignature, and then nothing is stored but the counter.
    """
    try:
        event = stripe_api.checked_event(body, signature=signature)
    except stripe_api.BadSignature:
        _refused.inc()
        raise
    _received.inc()
    row = WebhookEvent(
        stripe_id=event["id"][:80],
        type=event["type"][:80],
        payload=event,
        created_at=instant(event.get("created") or int(now.timestamp())),
        received_at=now,
    )
    before = WebhookEvent.objects.filter(stripe_id=row.stripe_id).exists()
    if before:
        return None
    WebhookEvent.objects.bulk_create([row], ignore_conflicts=True)
    return WebhookEvent.objects.get(stripe_id=row.stripe_id)


def handle(event_id: int, *, now: dt.datetime) -> bool:
    """The message has been handled, or says why not; False when it had been, or another worker has it."""
    event = WebhookEvent.objects.get(pk=event_id)
    mine = WebhookEvent.objects.filter(pk=event_id, handled_at=None, attempts=event.attempts)
    if event.handled_at is not None or not mine.update(attempts=F("attempts") + 1):
        return False
    try:
        for function in _handlers[event.type]:
            function(event, now=now)
    except stripe_api.PaymentsError as error:
        return _failed(event, error)
    except Exception as error:
        logger.exception("The message %s (%s) could not be handled", event.stripe_id, event.type)
        return _failed(event, error)
    WebhookEvent.objects.filter(pk=event_id).update(handled_at=now, error="")
    return True


def unhandled_ids(*, now: dt.datetime, most: int) -> list[int]:
    """Messages that wait: their task was lost or failed. Tried ever more seldom."""
    waits = ExpressionWrapper((F("attempts") * F("attempts") + 1) * Value(LATE), output_field=DurationField())
    waiting = WebhookEvent.objects.filter(handled_at=None, attempts__lt=ATTEMPTS_AT_MOST).alias(waits=waits)
    late = waiting.filter(received_at__lt=Value(now) - F("waits"))
    return list(late.order_by("received_at").values_list("pk", flat=True)[:most])


def about(event: WebhookEvent) -> str:
    """The id of what the message is about."""
    return str(event.payload.get("data", {}).get("object", {}).get("id", ""))


def _failed(event: WebhookEvent, error: Exception) -> bool:
    text = f"{type(error).__name__}: {error}"[:300]
    WebhookEvent.objects.filter(pk=event.pk, handled_at=None).update(error=text)
    return False
