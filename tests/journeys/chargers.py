"""A charger as somebody else would write it: a client of the `ocpp` package, nothing of ours."""

import asyncio
import base64
import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Any

from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

Sample = tuple[dt.datetime, int, int]  # when, register in Wh, power in W


@contextlib.asynccontextmanager
async def connected(
    charge_point_class: type, protocol: str, *, url: str, identity: str, password: str
) -> AsyncIterator[Any]:
    """The charge point is connected and listens."""
    credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
    async with connect(
        f"{url}/{identity}",
        subprotocols=[Subprotocol(protocol)],
        additional_headers={"Authorization": f"Basic {credentials}"},
    ) as socket:
        charge_point = charge_point_class(identity, socket)
        listening = asyncio.create_task(charge_point.start())
        try:
            yield charge_point
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


class Charger16:
    """An OCPP 1.6 charger with one connector."""

    def __init__(self, charge_point: ChargePoint16) -> None:
        self.charge_point = charge_point
        self.transaction_id = 0

    @staticmethod
    def connected(**address: str) -> contextlib.AbstractAsyncContextManager[ChargePoint16]:
        """The charge point on a socket."""
        return connected(ChargePoint16, "ocpp1.6", **address)

    async def boot(self) -> None:
        """Accepted, and free."""
        answer = await self.charge_point.call(call16.BootNotification("Model One", "Vendor"))
        assert answer.status == "Accepted"
        await self.status("Available")

    async def status(self, status: str) -> None:
        """The connector's status is told."""
        await self.charge_point.call(
            call16.StatusNotification(1, "NoError", status, timestamp=_text(dt.datetime.now(dt.UTC)))
        )

    async def begin(self, token: str, at: dt.datetime, register_wh: int) -> None:
        """The car is plugged in, the card is accepted, the transaction runs."""
        await self.status("Preparing")
        verdict = await self.charge_point.call(call16.Authorize(token))
        assert verdict.id_tag_info["status"] == "Accepted"
        answer = await self.charge_point.call(call16.StartTransaction(1, token, register_wh, _text(at)))
        assert answer.id_tag_info["status"] == "Accepted"
        self.transaction_id = answer.transaction_id
        await self.status("Charging")

    async def sample(self, *samples: Sample) -> None:
        """The readings are sent."""
        values = [
            {
                "timestamp": _text(at),
                "sampled_value": [
                    {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
                    {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"},
                ],
            }
            for at, wh, power_w in samples
        ]
        await self.charge_point.call(call16.MeterValues(1, values, self.transaction_id))

    async def finish(self, at: dt.datetime, register_wh: int) -> None:
        """The transaction is over, the cable is out."""
        await self.charge_point.call(
            call16.StopTransaction(register_wh, _text(at), self.transaction_id, reason="EVDisconnected")
        )
        await self.status("Available")


class Charger201:
    """An OCPP 2.0.1 charger with one EVSE."""

    def __init__(self, charge_point: ChargePoint201) -> None:
        self.charge_point = charge_point
        self.transaction_id = str(uuid.uuid4())
        self.seq_no = 0

    @staticmethod
    def connected(**address: str) -> contextlib.AbstractAsyncContextManager[ChargePoint201]:
        """The charging station on a socket."""
        return connected(ChargePoint201, "ocpp2.0.1", **address)

    async def boot(self) -> None:
        """Accepted, and free."""
        station = {"model": "Model Two", "vendor_name": "Vendor"}
        answer = await self.charge_point.call(call201.BootNotification(station, "PowerUp"))
        assert answer.status == "Accepted"
        await self.status("Available")

    async def status(self, status: str) -> None:
        """The connector's status is told."""
        await self.charge_point.call(call201.StatusNotification(_text(dt.datetime.now(dt.UTC)), status, 1, 1))

    async def begin(self, token: str, at: dt.datetime, register_wh: int) -> None:
        """The car is plugged in, the card is accepted, the transaction runs."""
        await self.status("Occupied")
        id_token = {"id_token": token, "type": "ISO14443"}
        verdict = await self.charge_point.call(call201.Authorize(id_token))
        assert verdict.id_token_info["status"] == "Accepted"
        answer = await self._event(
            "Started", at, "Authorized", state="Charging", readings=[(at, register_wh, 0)],
            context="Transaction.Begin", id_token=id_token, evse={"id": 1, "connector_id": 1},
        )  # fmt: skip
        assert answer.id_token_info["status"] == "Accepted"

    async def sample(self, *samples: Sample) -> None:
        """The readings are sent."""
        await self._event("Updated", samples[-1][0], "MeterValuePeriodic", state="Charging", readings=samples)

    async def finish(self, at: dt.datetime, register_wh: int) -> None:
        """The transaction is over, the cable is out."""
        await self._event(
            "Ended", at, "EVCommunicationLost", state="Idle", readings=[(at, register_wh, 0)],
            context="Transaction.End", stopped_reason="EVDisconnected",
        )  # fmt: skip
        await self.status("Available")

    async def _event(
        self, kind: str, at: dt.datetime, trigger: str, *, state: str, readings: Any,
        context: str = "Sample.Periodic", stopped_reason: str | None = None, **more: Any,
    ) -> Any:  # fmt: skip
        info: dict[str, Any] = {"transaction_id": self.transaction_id, "charging_state": state}
        if stopped_reason:
            info["stopped_reason"] = stopped_reason
        values = [
            {
                "timestamp": _text(when),
                "sampled_value": [
                    {"value": wh, "measurand": "Energy.Active.Import.Register", "context": context},
                    {"value": power_w, "measurand": "Power.Active.Import", "context": context,
                     "unit_of_measure": {"unit": "W"}},
                ],
            }
            for when, wh, power_w in readings
        ]  # fmt: skip
        event = call201.TransactionEvent(
            kind, _text(at), trigger, self.seq_no, info, meter_value=values, **more
        )
        self.seq_no += 1
        return await self.charge_point.call(event)


def _text(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
