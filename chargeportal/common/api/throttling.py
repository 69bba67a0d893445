"""How often one key, or one person without a key, may ask."""

from __future__ import annotations

import logging
from typing import Any

from rest_framework.throttling import SimpleRateThrottle

logger = logging.getLogger(__name__)


class KeyThrottle(SimpleRateThrottle):
    """Counts by API key; by user with a login cookie; by address for strangers."""

    scope = "key"

    def get_cache_key(self, request: Any, view: Any) -> str:
        """Where the cache keeps this asker's history."""
        if request.auth is not None and hasattr(request.auth, "pk"):
            ident = f"key-{request.auth.pk}"
        elif request.user.is_authenticated:
            ident = f"user-{request.user.pk}"
        else:
            ident = f"address-{self.get_ident(request)}"
        return self.cache_format % {"scope": self.scope, "ident": ident}

    def allow_request(self, request: Any, view: Any) -> bool:
        """Whether it may go on; without a cache everybody may, because counting is not worth an outage."""
        try:
            return bool(super().allow_request(request, view))
        except Exception:
            logger.warning("Requests are not counted: the cache is out of reach", exc_info=True)
            return True


class StationCallThrottle(KeyThrottle):
    """Calls to stations, which cost more than rows."""

    scope = "station-calls"


class CardClaimThrottle(KeyThrottle):
    """Adding cards by number, so that nobody tries which numbers exist; counts by person, not by key."""

    scope = "card-claims"

    def get_cache_key(self, request: Any, view: Any) -> str:
        """Where the cache keeps this person's history."""
        return self.cache_format % {"scope": self.scope, "ident": f"user-{request.user.pk}"}
