"""What a simulated OCPP 2.0.1 station answers to the server's calls."""
# ruff: noqa: A002, ARG002, D102 - the hooks of the `ocpp` package, with the standard's argument names

from typing import Any

from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call_result, enums

from chargeportal.simulation.evse import Evse
from chargeportal.simulation.speaker import Speaker

_TRIGGERABLE = ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues", "TransactionEvent")


class Speaker201(Speaker, ChargePoint):
    """Answers the server's OCPP 2.0.1 calls."""

    _started_at: Evse | None = None

    @on(enums.Action.request_start_transaction)
    def on_request_start(self, evse_id: int | None = None, **_: Any) -> Any:
        place = self.station.place_for_remote_start(evse_id)
        if place:
            place.awaits_remote_start = True
        self._started_at = place
        return call_result.RequestStartTransaction(status=_start_stop(accepted=place is not None))

    @after(enums.Action.request_start_transaction)
    def after_request_start(self, id_token: dict[str, Any], remote_start_id: int, **_: Any) -> None:
        place, self._started_at = self._started_at, None
        if place is None:
            return
        asking = self.station.device_model.value("AuthCtrlr", "AuthorizeRemoteStart") == "true"
        token = id_token["id_token"]
        self.station.spawn(
            self.station.remote_start(place, token, remote_start_id=remote_start_id, authorize=asking)
        )

    @on(enums.Action.request_stop_transaction)
    def on_request_stop(self, transaction_id: str, **_: Any) -> Any:
        found = self.station.transaction_named(transaction_id) is not None
        return call_result.RequestStopTransaction(status=_start_stop(accepted=found))

    @after(enums.Action.request_stop_transaction)
    def after_request_stop(self, transaction_id: str, **_: Any) -> None:
        if transaction := self.station.transaction_named(transaction_id):
            self.station.spawn(self.station.stop(transaction.evse_number, reason="Remote"))

    @on(enums.Action.get_transaction_status)
    def on_get_transaction_status(self, transaction_id: str | None = None, **_: Any) -> Any:
        ongoing = None
        if transaction_id:
            ongoing = self.station.transaction_named(transaction_id) is not None
        return call_result.GetTransactionStatus(
            messages_in_queue=self.station.has_queued(transaction_id or ""), ongoing_indicator=ongoing
        )

    @on(enums.Action.reset)
    def on_reset(self, type: str, evse_id: int | None = None, **_: Any) -> Any:
        if evse_id is not None:
            return call_result.Reset(status=enums.ResetStatusEnumType.rejected)
        waits = type == enums.ResetEnumType.on_idle and self._is_busy()
        status = enums.ResetStatusEnumType.scheduled if waits else enums.ResetStatusEnumType.accepted
        return call_result.Reset(status=status)

    @after(enums.Action.reset)
    def after_reset(self, type: str, evse_id: int | None = None, **_: Any) -> None:
        if evse_id is None:
            self.station.spawn(self._reset(on_idle=type == enums.ResetEnumType.on_idle))

    @on(enums.Action.unlock_connector)
    def on_unlock(self, evse_id: int, connector_id: int, **_: Any) -> Any:
        place = self.station.evses.get(evse_id)
        status = enums.UnlockStatusEnumType.unlocked
        if place is None or connector_id != 1:
            status = enums.UnlockStatusEnumType.unknown_connector
        elif place.transaction:
            status = enums.UnlockStatusEnumType.ongoing_authorized_transaction
        elif self.station.kind == "dc":
            status = enums.UnlockStatusEnumType.unlock_failed
        return call_result.UnlockConnector(status=status)

    @on(enums.Action.change_availability)
    def on_change_availability(self, evse: dict[str, Any] | None = None, **_: Any) -> Any:
        places = self._places(evse)
        status = enums.ChangeAvailabilityStatusEnumType.accepted
        if not places:
            status = enums.ChangeAvailabilityStatusEnumType.rejected
        elif any(place.transaction for place in places):
            status = enums.ChangeAvailabilityStatusEnumType.scheduled
        return call_result.ChangeAvailability(status=status)

    @after(enums.Action.change_availability)
    def after_change_availability(
        self, operational_status: str, evse: dict[str, Any] | None = None, **_: Any
    ) -> None:
        numbers = [place.number for place in self._places(evse)]
        operative = operational_status == enums.OperationalStatusEnumType.operative
        self.station.spawn(self.station.change_availability(numbers, operative=operative))

    @on(enums.Action.trigger_message)
    def on_trigger(self, requested_message: str, evse: dict[str, Any] | None = None, **_: Any) -> Any:
        status = enums.TriggerMessageStatusEnumType.accepted
        if requested_message not in _TRIGGERABLE:
            status = enums.TriggerMessageStatusEnumType.not_implemented
        elif not self._places(evse):
            status = enums.TriggerMessageStatusEnumType.rejected
        return call_result.TriggerMessage(status=status)

    @after(enums.Action.trigger_message)
    def after_trigger(self, requested_message: str, evse: dict[str, Any] | None = None, **_: Any) -> None:
        if requested_message in _TRIGGERABLE:
            self.station.spawn(self.station.send_triggered(requested_message, self._places(evse)))

    @on(enums.Action.get_variables)
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        results = [self.station.device_model.read(wanted) for wanted in get_variable_data]
        return call_result.GetVariables(get_variable_result=results)

    @on(enums.Action.set_variables)
    def on_set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        results = [self.station.device_model.write(wanted) for wanted in set_variable_data]
        self.station.apply_variables()
        return call_result.SetVariables(set_variable_result=results)

    @on(enums.Action.get_base_report)
    def on_get_base_report(self, report_base: str, **_: Any) -> Any:
        status = enums.GenericDeviceModelStatusEnumType.accepted
        if report_base == enums.ReportBaseEnumType.summary_inventory:
            status = enums.GenericDeviceModelStatusEnumType.not_supported
        return call_result.GetBaseReport(status=status)

    @after(enums.Action.get_base_report)
    def after_get_base_report(self, request_id: int, report_base: str, **_: Any) -> None:
        if report_base != enums.ReportBaseEnumType.summary_inventory:
            only_configuration = report_base == enums.ReportBaseEnumType.configuration_inventory
            self.station.spawn(self.station.send_report(request_id, only_configuration=only_configuration))

    @on(enums.Action.clear_cache)
    def on_clear_cache(self, **_: Any) -> Any:
        return call_result.ClearCache(status=enums.ClearCacheStatusEnumType.accepted)

    @on(enums.Action.data_transfer)
    def on_data_transfer(self, vendor_id: str, **_: Any) -> Any:
        return call_result.DataTransfer(status=enums.DataTransferStatusEnumType.unknown_vendor_id)

    def _is_busy(self) -> bool:
        return any(place.transaction for place in self.station.evses.values())

    def _places(self, evse: dict[str, Any] | None) -> list[Evse]:
        if not evse:
            return list(self.station.evses.values())
        return [place for place in self.station.evses.values() if place.number == evse["id"]]

    async def _reset(self, *, on_idle: bool) -> None:
        for place in self.station.evses.values():
            if on_idle and place.transaction:
                await place.transaction.over.wait()
        await self.station.reboot(reason="RemoteReset", stop_reason="SoftReset", graceful=True)


def _start_stop(*, accepted: bool) -> enums.RequestStartStopStatusEnumType:
    status = enums.RequestStartStopStatusEnumType
    return status.accepted if accepted else status.rejected
