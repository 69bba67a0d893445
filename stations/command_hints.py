"""Tells the gateway processes that a command waits."""

import json
import logging

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

CHANNEL = "ocpp:commands"
_clients: dict[str, redis.Redis] = {}


def announce(*, command_id: int, station_id: int) -> None:
    """Every gateway process hears of the command; if Redis is away its sweep finds the row later."""
    try:
        _client().publish(CHANNEL, json.dumps({"command": command_id, "station": station_id}))
    except redis.RedisError:
        logger.warning("Command %s could not be announced; the gateway's sweep will find it", command_id)


def _client() -> redis.Redis:
    url = settings.REDIS_URL
    if url not in _clients:
        _clients[url] = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    return _clients[url]
