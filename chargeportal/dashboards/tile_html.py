"""Renders tiles; what reads as before is not rendered again, for whoever looks at it."""

from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from chargeportal.dashboards.network import Tile
from chargeportal.templatetags.chargeportal_formats import age

#: A few states of each of some thousand EVSEs, of one to two kB each.
MOST_KEPT = 5_000


def tile_html(tile: Tile) -> SafeString:
    """The tile as it stands on the page, in the reader's language."""
    return _rendered(tile, age(tile.since), get_language() or "en")


@lru_cache(maxsize=MOST_KEPT)
def _rendered(tile: Tile, _age: str, _language: str) -> SafeString:
    return render_to_string("admin/network/tile.html", {"tile": tile})
