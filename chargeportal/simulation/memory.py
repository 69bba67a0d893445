"""What a simulated station keeps when it loses power: its registers and the transactions that ran."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chargeportal.simulation.evse import Evse, Reading, Transaction


class Memory:
    """A small file per station. Losing it is harmless: the station then begins anew."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._path = folder / f"{quote(identity, safe='')}.json"

    def save(self, evses: dict[int, Evse], *, version: str) -> None:
        """The file says how the EVSEs stand; it is never half-written."""
        content = {"version": version, "evses": {number: _kept(evse) for number, evse in evses.items()}}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(content))
        unfinished.replace(self._path)

    def recall(self, evses: dict[int, Evse], *, version: str) -> list[Transaction]:
        """The meters show what they showed last; returns the transactions that the power loss cut off.

        A transaction of the other OCPP version cannot be told in this one, and is forgotten.
        """
        try:
            content = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return []
        if not isinstance(content, dict) or "evses" not in content:
            return []
        interrupted = []
        for number, evse in evses.items():
            kept = content["evses"].get(str(number))
            if kept:
                evse.outlet.meter.register_wh = kept["register_wh"]
            if kept and kept["transaction"] and content["version"] == version:
                interrupted.append(_transaction(kept["transaction"]))
        return interrupted


def _kept(evse: Evse) -> dict[str, Any]:
    running = evse.transaction
    return {
        "register_wh": evse.outlet.meter.register_wh,
        "transaction": _facts(running) if running and running.ref is not None else None,
    }


def _facts(transaction: Transaction) -> dict[str, Any]:
    return {
        "evse_number": transaction.evse_number,
        "id_token": transaction.id_token,
        "started_at": transaction.started_at.isoformat(),
        "meter_start_wh": transaction.meter_start_wh,
        "remote_start_id": transaction.remote_start_id,
        "ref": transaction.ref,
        "key": transaction.key,
        "seq_no": transaction.seq_no,
        "last_at": transaction.last.sampled_at.isoformat(),
        "last_wh": transaction.last.energy_wh,
    }


def _transaction(facts: dict[str, Any]) -> Transaction:
    last_at, last_wh = facts.pop("last_at"), facts.pop("last_wh")
    facts["started_at"] = datetime.fromisoformat(facts["started_at"])
    last = Reading(sampled_at=datetime.fromisoformat(last_at), energy_wh=last_wh)
    return Transaction(**facts, last=last, is_exact=True)
