"""What every test starts from: an empty cache, and English unless it says otherwise."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.utils import translation


@pytest.fixture(autouse=True)
def _fresh_surroundings() -> Iterator[None]:
    """Leave nothing of one test in the cache or in the thread's language for the next."""
    cache.clear()
    with translation.override("en"):
        yield
