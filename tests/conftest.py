"""What every test starts from: an empty cache, and English unless it says otherwise."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import translation

from chargeportal.testing.emptying import empty_only_what_is_filled

empty_only_what_is_filled()


@pytest.fixture(autouse=True)
def _fresh_surroundings() -> Iterator[None]:
    """Leave nothing of one test in the cache or in the thread's language for the next."""
    cache.clear()
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _empty_partitions(request: pytest.FixtureRequest) -> None:
    """Leave a transactional test no samples and frames of others: Django empties only what it manages."""
    marker = request.node.get_closest_marker("django_db")
    by_marker = marker is not None and marker.kwargs.get("transaction", False)
    if by_marker or "transactional_db" in request.fixturenames:
        request.getfixturevalue("transactional_db")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM charging_sessions_metersample; DELETE FROM stations_ocppframe")
