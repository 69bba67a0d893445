"""Keeps the tiles of open network pages in memory: a hint costs what changed, not the whole network.

The database stays the truth: a snapshot is read anew whenever everything is asked for, which every open
page does each half minute.
"""

import datetime as dt
import threading
from collections import OrderedDict
from typing import Any

from accounts.backends import organisations_allowing
from chargeportal.dashboards import network
from chargeportal.dashboards.network import Tile, Totals
from chargeportal.live.pages import Changes

MOST_SNAPSHOTS = 50

_lock = threading.Lock()
_snapshots: OrderedDict[tuple[int, ...] | None, dict[int, Tile]] = OrderedDict()


def update(user: Any, changes: Changes, *, now: dt.datetime) -> tuple[list[Tile], Totals]:
    """The tiles that a hint concerns, read anew, and the totals over all of the person's tiles."""
    scope = _scope(user)
    known = _snapshots.get(scope)
    if known is None or changes.everything:
        changed = network.tiles(network.changed_evse_ids(user, Changes(everything=True)), now=now)
        known = {tile.state.evse_id: tile for tile in changed}
    else:
        changed = network.tiles(network.changed_evse_ids(user, changes), now=now)
        known = known | {tile.state.evse_id: tile for tile in changed}
    _keep(scope, known)
    ended_wh = network.energy_ended_today_wh(user, now=now)
    return changed, network.totals(known.values(), energy_ended_wh=ended_wh)


def forget() -> None:
    """No snapshot is kept."""
    with _lock:
        _snapshots.clear()


def _keep(scope: tuple[int, ...] | None, tiles: dict[int, Tile]) -> None:
    with _lock:
        _snapshots[scope] = tiles
        _snapshots.move_to_end(scope)
        while len(_snapshots) > MOST_SNAPSHOTS:
            _snapshots.popitem(last=False)


def _scope(user: Any) -> tuple[int, ...] | None:
    """People of the same operators share a snapshot; None is everything."""
    if user.is_superuser:
        return None
    return tuple(sorted(organisations_allowing(user, "stations.view_chargingstation")))
