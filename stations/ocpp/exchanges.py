"""One CALL of a station, from its frame to the frame that answers it."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from stations.ocpp import errors
from stations.ocpp.dispatch import StationRef
from stations.ocpp.frame_log import frame_row
from stations.ocpp.framing import Call, write_error, write_result
from stations.ocpp.messages import BootReply, Refused
from stations.ocpp.translation import Translation


@dataclass(slots=True)
class Exchange:
    """What it takes to answer a CALL in its version and to log both."""

    station: StationRef
    connection_id: int
    translation: Translation
    call: Call
    received_at: datetime
    spread: bool = False  # many stations booted just now: their next heartbeats shall not come together

    def conclude(self, reply: Any) -> tuple[str, dict[str, Any]]:
        """Return the text that answers the CALL and the row for the frame log."""
        call = self.call
        if type(reply) is Refused:
            return self._refused(reply)
        if self.spread and type(reply) is BootReply:
            reply = replace(reply, interval_s=round(reply.interval_s * random.uniform(0.8, 1.2)))  # noqa: S311
        response = self.translation.encode_reply(reply, action=call.action)
        row = frame_row(
            station_id=self.station.id,
            connection_id=self.connection_id,
            occurred_at=self.received_at,
            message_id=call.message_id,
            action=call.action,
            payload=call.sent,
            response=response,
            answered_at=datetime.now(UTC),
            flags=call.flags,
        )
        return write_result(call.message_id, response), row

    def _refused(self, reply: Refused) -> tuple[str, dict[str, Any]]:
        call, version = self.call, self.translation.version
        row = frame_row(
            station_id=self.station.id,
            connection_id=self.connection_id,
            occurred_at=self.received_at,
            message_id=call.message_id,
            action=call.action,
            payload=call.sent,
            answered_at=datetime.now(UTC),
            error_code=errors.spelt(reply.code, version=version),
            error_description=reply.description,
            response=orjson.dumps(dict(reply.details), default=str) if reply.details else None,
            flags=call.flags,
        )
        text = write_error(
            call.message_id, reply.code, reply.description, dict(reply.details), version=version
        )
        return text, row
