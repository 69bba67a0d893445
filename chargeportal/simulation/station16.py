"""A simulated OCPP 1.6J station."""
# ruff: noqa: D102 - `SimulatedStation` and `ChargingStation` say what their hooks are for

from datetime import datetime
from typing import Any

from ocpp.v16 import call, call_result, datatypes, enums

from chargeportal.simulation.charging import ChargingStation
from chargeportal.simulation.configuration import Configuration
from chargeportal.simulation.evse import Evse, Reading, Transaction
from chargeportal.simulation.journal import Sent
from chargeportal.simulation.meter_values import values_of
from chargeportal.simulation.speaker16 import Speaker16

#: The transaction id in messages of a transaction that never got one.
_NEVER_NAMED = -1


def timestamp(moment: datetime) -> str:
    """Return the moment as stations write it: UTC with milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class SimulatedStation16(ChargingStation):
    """An OCPP 1.6J station: each EVSE is one connector."""

    version = "1.6"
    subprotocol = "ocpp1.6"
    new_id_each_time = True
    speaker_class = Speaker16

    def __init__(self, *, identity: str, **options: Any) -> None:
        super().__init__(identity=identity, **options)
        self.configuration = Configuration(evses=len(self.evses), sample_interval_s=self.sample_interval_s)

    def apply_configuration(self) -> None:
        """The station behaves as its configuration says."""
        interval_s = self.configuration.whole("HeartbeatInterval")
        if interval_s and interval_s != self.heartbeat_interval_s:
            self.set_heartbeat_interval(interval_s)
        self.sample_interval_s = self.configuration.whole("MeterValueSampleInterval") or 3600
        self.connection_timeout_s = self.configuration.whole("ConnectionTimeOut")
        self.outbox.attempts = max(1, self.configuration.whole("TransactionMessageAttempts"))
        self.outbox.retry_interval_s = self.configuration.whole("TransactionMessageRetryInterval")

    def set_heartbeat_interval(self, interval_s: float) -> None:
        """As in every station; the key HeartbeatInterval shows it."""
        super().set_heartbeat_interval(interval_s)
        self.configuration.write("HeartbeatInterval", str(round(self.heartbeat_interval_s)))

    def boot_message(self, reason: str) -> Any:  # noqa: ARG002 - 1.6 does not tell why
        return call.BootNotification(
            charge_point_vendor=self.vendor, charge_point_model=self.model,
            charge_point_serial_number=self.identity[:25], firmware_version=self.firmware,
            meter_type="Simulated MID meter",
        )  # fmt: skip

    def heartbeat_message(self) -> Any:
        return call.Heartbeat()

    def status_word(self, evse: Evse) -> str:
        return evse.status

    def status_message(self, evse: Evse) -> Any:
        return call.StatusNotification(
            connector_id=evse.number, error_code=enums.ChargePointErrorCode(evse.error_code),
            status=enums.ChargePointStatus(evse.status), timestamp=timestamp(evse.status_at),
            info=evse.info[:50] or None,
        )  # fmt: skip

    def station_status_message(self) -> Any:
        working = any(evse.is_operative for evse in self.evses.values())
        return call.StatusNotification(
            connector_id=0, error_code=enums.ChargePointErrorCode.no_error,
            status=enums.ChargePointStatus.available if working else enums.ChargePointStatus.unavailable,
            timestamp=timestamp(self.clock.now()),
        )  # fmt: skip

    async def authorize(self, token: str) -> str:
        answer = await self.call(call.Authorize(id_tag=token))
        return str(answer.id_tag_info["status"])

    def queue_started(self, transaction: Transaction, reading: Reading) -> Sent:
        message = call.StartTransaction(
            connector_id=transaction.evse_number, id_tag=transaction.id_token,
            meter_start=round(reading.energy_wh), timestamp=timestamp(reading.sampled_at),
        )  # fmt: skip

        def taken(answer: call_result.StartTransaction) -> None:
            transaction.ref = answer.transaction_id
            self.judge(transaction, str(answer.id_tag_info["status"]))

        return self.outbox.put("StartTransaction", lambda: message, taken=taken)

    def queue_sample(self, transaction: Transaction, reading: Reading) -> Sent:
        wanted = self.configuration["MeterValuesSampledData"].split(",")
        values = _meter_value(reading, "Sample.Periodic", wanted)

        def build() -> call.MeterValues:
            return call.MeterValues(
                connector_id=transaction.evse_number, transaction_id=_named(transaction), meter_value=[values]
            )

        return self.outbox.put("MeterValues", build)

    def queue_ended(self, transaction: Transaction, reading: Reading, *, token: str | None) -> Sent:
        begin = Reading(sampled_at=transaction.started_at, energy_wh=transaction.meter_start_wh)
        end = Reading(sampled_at=reading.sampled_at, energy_wh=reading.energy_wh)
        wanted = self.configuration["StopTxnSampledData"].split(",")
        data = [
            _meter_value(begin, "Transaction.Begin", wanted),
            _meter_value(end, "Transaction.End", wanted),
        ]

        def build() -> call.StopTransaction:
            return call.StopTransaction(
                transaction_id=_named(transaction), meter_stop=round(reading.energy_wh),
                timestamp=timestamp(reading.sampled_at), reason=enums.Reason(transaction.stop_reason),
                id_tag=token, transaction_data=data if data[0].sampled_value else None,
            )  # fmt: skip

        return self.outbox.put("StopTransaction", build)

    async def send_triggered(self, message: str, places: list[Evse]) -> None:
        """What TriggerMessage asked for has been sent."""
        if message == "BootNotification":
            await self.boot_again()
        elif message == "Heartbeat":
            await self.try_call(self.heartbeat_message())
        elif message == "StatusNotification":
            for place in places:
                await self.tell_status(place, again=True)
        else:
            for place in places:
                await self.try_call(self._triggered_values(place))

    def _triggered_values(self, place: Evse) -> Any:
        wanted = self.configuration["MeterValuesSampledData"].split(",")
        values = _meter_value(place.read(self.clock.now()), "Trigger", wanted)
        named = place.transaction.ref if place.transaction else None
        transaction_id = named if isinstance(named, int) else None
        return call.MeterValues(
            connector_id=place.number, transaction_id=transaction_id, meter_value=[values]
        )


def _named(transaction: Transaction) -> int:
    """Return the transaction's id; -1 when the server never gave one (1.6 errata §3.18)."""
    return transaction.ref if isinstance(transaction.ref, int) else _NEVER_NAMED


def _meter_value(reading: Reading, context: str, wanted: list[str]) -> datatypes.MeterValue:
    sampled = [
        datatypes.SampledValue(
            value=each.text, context=enums.ReadingContext(context),
            format=enums.ValueFormat.raw, measurand=enums.Measurand(each.measurand),
            phase=enums.Phase(each.phase) if each.phase else None,
            location=enums.Location(each.location), unit=enums.UnitOfMeasure(each.unit),
        )
        for each in values_of(reading) if each.measurand in wanted
    ]  # fmt: skip
    return datatypes.MeterValue(timestamp=timestamp(reading.sampled_at), sampled_value=sampled)
