"""What both versions' `ocpp` client objects share: a record of what they hear, and polite refusals."""

import json
import logging
from typing import TYPE_CHECKING, Any

from ocpp.charge_point import ChargePoint
from ocpp.exceptions import NotImplementedError as NotImplementedByStation
from ocpp.messages import Call, MessageType
from websockets.asyncio.client import ClientConnection

if TYPE_CHECKING:
    from chargeportal.simulation.station import SimulatedStation

#: At INFO it shows every frame.
wire_logger = logging.getLogger("chargeportal.simulation.wire")
wire_logger.setLevel(logging.WARNING)


class Speaker(ChargePoint):
    """An `ocpp` client on one socket, in the service of one simulated station."""

    last_sent_id: str | None = None

    def __init__(self, station: "SimulatedStation", socket: ClientConnection) -> None:
        super().__init__(
            station.identity, socket, response_timeout=station.call_timeout_s, logger=wire_logger
        )
        self.station: Any = station

    async def _send(self, message: str) -> None:
        kind, unique_id = json.loads(message)[:2]
        if kind == MessageType.Call:
            self.last_sent_id = unique_id
        await super()._send(message)

    async def _handle_call(self, msg: Call) -> Any:
        """Unknown and unsupported actions are both answered NotImplemented, as the standard says."""
        self.station.journal.hear(msg.action, msg.payload)
        if "_on_action" not in self.route_map.get(msg.action, {}):
            error = NotImplementedByStation(f"{msg.action} is not implemented")
            await self._send(msg.create_call_error(error).to_json())
            return None
        return await super()._handle_call(msg)
