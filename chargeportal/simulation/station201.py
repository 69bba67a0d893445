"""A simulated OCPP 2.0.1 station."""
# ruff: noqa: D102 - `SimulatedStation` and `ChargingStation` say what their hooks are for

from datetime import datetime
from typing import Any

from ocpp.v201 import call, datatypes, enums

from chargeportal.simulation.charging import ChargingStation
from chargeportal.simulation.device_model import DeviceModel
from chargeportal.simulation.evse import Evse, Reading, Transaction
from chargeportal.simulation.journal import Sent
from chargeportal.simulation.meter_values import values_of
from chargeportal.simulation.speaker201 import Speaker201
from chargeportal.simulation.station16 import timestamp

_PLUGGED_STATUSES = ("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing")
#: Why a transaction ended: the reason in words of OCPP 1.6, then what 2.0.1 calls it and its trigger.
_ENDINGS = {
    "Local": ("Local", "StopAuthorized"),
    "Remote": ("Remote", "RemoteStop"),
    "EVDisconnected": ("EVDisconnected", "EVCommunicationLost"),
    "DeAuthorized": ("DeAuthorized", "Deauthorized"),
    "SoftReset": ("ImmediateReset", "ResetCommand"),
    "HardReset": ("ImmediateReset", "ResetCommand"),
    "UnlockCommand": ("Other", "UnlockCommand"),
    "PowerLoss": ("PowerLoss", "AbnormalCondition"),
    "Reboot": ("Reboot", "AbnormalCondition"),
    "EmergencyStop": ("EmergencyStop", "AbnormalCondition"),
}
_REPORT_ITEMS = 10


class SimulatedStation201(ChargingStation):
    """An OCPP 2.0.1 station with one connector per EVSE. Transactions start when they are authorised."""

    version = "2.0.1"
    subprotocol = "ocpp2.0.1"
    new_id_each_time = False
    speaker_class = Speaker201

    def __init__(self, *, identity: str, id_token_type: str = "ISO14443", **options: Any) -> None:  # noqa: S107
        super().__init__(identity=identity, **options)
        self.id_token_type = id_token_type
        self.device_model = DeviceModel(
            identity=identity, vendor=self.vendor, model=self.model, evses=len(self.evses),
            kind=self.kind, max_power_w=self.max_power_w, sample_interval_s=self.sample_interval_s,
        )  # fmt: skip

    def apply_variables(self) -> None:
        """The station behaves as its variables say."""
        interval_s = float(self.device_model.value("OCPPCommCtrlr", "HeartbeatInterval"))
        if interval_s and interval_s != self.heartbeat_interval_s:
            self.set_heartbeat_interval(interval_s)
        self.sample_interval_s = float(self.device_model.value("SampledDataCtrlr", "TxUpdatedInterval"))
        self.sample_interval_s = self.sample_interval_s or 3600
        self.connection_timeout_s = float(self.device_model.value("TxCtrlr", "EVConnectionTimeOut"))
        self.outbox.attempts = max(1, int(self.device_model.value("OCPPCommCtrlr", "MessageAttempts")))
        self.outbox.retry_interval_s = float(
            self.device_model.value("OCPPCommCtrlr", "MessageAttemptInterval")
        )

    def set_heartbeat_interval(self, interval_s: float) -> None:
        """As in every station; the variable HeartbeatInterval shows it."""
        super().set_heartbeat_interval(interval_s)
        self.device_model.set("OCPPCommCtrlr", "HeartbeatInterval", str(round(self.heartbeat_interval_s)))

    def boot_message(self, reason: str) -> Any:
        station = datatypes.ChargingStationType(
            vendor_name=self.vendor, model=self.model, serial_number=self.identity[:25],
            firmware_version=self.firmware,
        )  # fmt: skip
        return call.BootNotification(charging_station=station, reason=enums.BootReasonEnumType(reason))

    def heartbeat_message(self) -> Any:
        return call.Heartbeat()

    def status_word(self, evse: Evse) -> str:
        return "Occupied" if evse.status in _PLUGGED_STATUSES else evse.status

    def status_message(self, evse: Evse) -> Any:
        return call.StatusNotification(
            timestamp=timestamp(evse.status_at), evse_id=evse.number, connector_id=1,
            connector_status=enums.ConnectorStatusEnumType(self.status_word(evse)),
        )  # fmt: skip

    async def authorize(self, token: str) -> str:
        answer = await self.call(call.Authorize(id_token=self._id_token(token)))
        return str(answer.id_token_info["status"])

    def queue_started(self, transaction: Transaction, reading: Reading) -> Sent:
        transaction.ref = transaction.key
        trigger = "Authorized" if transaction.remote_start_id is None else "RemoteStart"
        return self._queue(
            transaction, "Started", trigger, reading, context="Transaction.Begin",
            token=transaction.id_token, with_evse=True,
        )  # fmt: skip

    def queue_sample(self, transaction: Transaction, reading: Reading) -> Sent:
        return self._queue(transaction, "Updated", "MeterValuePeriodic", reading)

    def queue_charging_state(self, transaction: Transaction, *, at: datetime) -> Sent:
        return self._queue(transaction, "Updated", "ChargingStateChanged", None, at=at)

    def queue_ended(self, transaction: Transaction, reading: Reading, *, token: str | None) -> Sent:
        reason, trigger = _ENDINGS.get(transaction.stop_reason, ("Other", "AbnormalCondition"))
        if transaction.stop_reason == "EVDisconnected":
            transaction.charging_state = "Idle"
        return self._queue(
            transaction, "Ended", trigger, reading, context="Transaction.End", token=token,
            stopped_reason=reason,
        )  # fmt: skip

    async def send_triggered(self, message: str, places: list[Evse]) -> None:
        """What TriggerMessage asked for has been sent."""
        if message == "BootNotification":
            await self.boot_again()
        elif message == "Heartbeat":
            await self.try_call(self.heartbeat_message())
        elif message == "StatusNotification":
            for place in places:
                await self.tell_status(place, again=True)
        elif message == "MeterValues":
            for place in places:
                values = _meter_value(place.read(self.clock.now()), "Trigger")
                await self.try_call(call.MeterValues(evse_id=place.number, meter_value=[values]))
        else:
            for place in places:
                if transaction := place.transaction:
                    reading = place.read(self.clock.now())
                    self._queue(transaction, "Updated", "Trigger", reading, context="Trigger")

    async def send_report(self, request_id: int, *, only_configuration: bool) -> None:
        """The device model has been reported in parts."""
        entries = self.device_model.report(only_configuration=only_configuration)
        parts = [entries[at : at + _REPORT_ITEMS] for at in range(0, len(entries), _REPORT_ITEMS)]
        for number, part in enumerate(parts):
            await self.try_call(
                call.NotifyReport(
                    request_id=request_id, generated_at=timestamp(self.clock.now()), seq_no=number,
                    report_data=part, tbc=number < len(parts) - 1,
                )
            )  # fmt: skip

    def has_queued(self, ref: str) -> bool:
        """Whether messages of this transaction, or of any when `ref` is empty, wait to be sent."""
        return self.outbox.holds(ref) if ref else len(self.outbox) > 0

    def _id_token(self, token: str) -> datatypes.IdTokenType:
        return datatypes.IdTokenType(id_token=token, type=enums.IdTokenEnumType(self.id_token_type))

    def _queue(  # noqa: PLR0913 - a transaction event has this many parts
        self, transaction: Transaction, event: str, trigger: str, reading: Reading | None, *,
        context: str = "Sample.Periodic", token: str | None = None, at: datetime | None = None,
        stopped_reason: str | None = None, with_evse: bool = False,
    ) -> Sent:  # fmt: skip
        message = call.TransactionEvent(
            event_type=enums.TransactionEventEnumType(event),
            timestamp=timestamp(reading.sampled_at if reading else at or self.clock.now()),
            trigger_reason=enums.TriggerReasonEnumType(trigger),
            seq_no=transaction.next_seq_no(),
            transaction_info=datatypes.TransactionType(
                transaction_id=transaction.key,
                charging_state=enums.ChargingStateEnumType(transaction.charging_state),
                stopped_reason=enums.ReasonEnumType(stopped_reason) if stopped_reason else None,
                remote_start_id=transaction.remote_start_id,
            ),
            meter_value=[_meter_value(reading, context)] if reading else None,
            offline=None if self.ready.is_set() else True,
            evse=datatypes.EVSEType(id=transaction.evse_number, connector_id=1) if with_evse else None,
            id_token=self._id_token(token) if token else None,
        )  # fmt: skip

        def taken(answer: Any) -> None:
            if answer.id_token_info and token == transaction.id_token:
                self.judge(transaction, str(answer.id_token_info["status"]))

        return self.outbox.put("TransactionEvent", lambda: message, taken=taken, about=transaction.key)


def _meter_value(reading: Reading, context: str) -> datatypes.MeterValueType:
    sampled = [
        datatypes.SampledValueType(
            value=each.number, context=enums.ReadingContextEnumType(context),
            measurand=enums.MeasurandEnumType(each.measurand),
            phase=enums.PhaseEnumType(each.phase) if each.phase else None,
            location=enums.LocationEnumType(each.location),
            unit_of_measure=datatypes.UnitOfMeasureType(unit=each.unit),
        )
        for each in values_of(reading) if each.measurand != "Temperature"  # 2.0.1 has none
    ]  # fmt: skip
    return datatypes.MeterValueType(timestamp=timestamp(reading.sampled_at), sampled_value=sampled)
