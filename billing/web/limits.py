"""How often one address may do what costs others something."""

from __future__ import annotations

import logging

from django.core.cache import cache
from django.http import HttpRequest

logger = logging.getLogger(__name__)

WINDOW_S = 600


def is_too_often(request: HttpRequest, *, what: str, most: int) -> bool:
    """Whether this address has done it more than ``most`` times in ten minutes; counts this time.

    Without a cache nobody is counted: that is not worth an outage.
    """
    key = f"often:{what}:{request.META.get('REMOTE_ADDR', '')}"
    try:
        cache.add(key, 0, timeout=WINDOW_S)
        return int(cache.incr(key)) > most
    except Exception:
        logger.warning("Requests are not counted: the cache is out of reach", exc_info=True)
        return False
