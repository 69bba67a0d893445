"""What a simulated OCPP 1.6 station answers to the server's calls."""
# ruff: noqa: A002, ARG002, D102 - the hooks of the `ocpp` package, with the standard's argument names

from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call_result, enums

from chargeportal.simulation.evse import Evse
from chargeportal.simulation.speaker import Speaker


class Speaker16(Speaker, ChargePoint):
    """Answers the server's OCPP 1.6 calls."""

    _started_at: Evse | None = None

    @on(enums.Action.remote_start_transaction)
    def on_remote_start(self, id_tag: str, connector_id: int | None = None, **_: Any) -> Any:
        place = self.station.place_for_remote_start(connector_id)
        if place:
            place.awaits_remote_start = True
        self._started_at = place
        return call_result.RemoteStartTransaction(status=_start_stop(accepted=place is not None))

    @after(enums.Action.remote_start_transaction)
    def after_remote_start(self, id_tag: str, **_: Any) -> None:
        place, self._started_at = self._started_at, None
        if place:
            asking = self.station.configuration.is_on("AuthorizeRemoteTxRequests")
            self.station.spawn(self.station.remote_start(place, id_tag, authorize=asking))

    @on(enums.Action.remote_stop_transaction)
    def on_remote_stop(self, transaction_id: int) -> Any:
        found = self.station.transaction_named(transaction_id) is not None
        return call_result.RemoteStopTransaction(status=_start_stop(accepted=found))

    @after(enums.Action.remote_stop_transaction)
    def after_remote_stop(self, transaction_id: int) -> None:
        if transaction := self.station.transaction_named(transaction_id):
            self.station.spawn(self.station.stop(transaction.evse_number, reason="Remote"))

    @on(enums.Action.reset)
    def on_reset(self, type: str) -> Any:
        return call_result.Reset(status=enums.ResetStatus.accepted)

    @after(enums.Action.reset)
    def after_reset(self, type: str) -> None:
        soft = type == enums.ResetType.soft
        stop_reason = "SoftReset" if soft else "HardReset"
        self.station.spawn(self.station.reboot(reason="RemoteReset", stop_reason=stop_reason, graceful=soft))

    @on(enums.Action.unlock_connector)
    def on_unlock(self, connector_id: int) -> Any:
        if self.station.kind == "dc" or connector_id not in self.station.evses:
            return call_result.UnlockConnector(status=enums.UnlockStatus.not_supported)
        return call_result.UnlockConnector(status=enums.UnlockStatus.unlocked)

    @after(enums.Action.unlock_connector)
    def after_unlock(self, connector_id: int) -> None:
        place = self.station.evses.get(connector_id)
        if self.station.kind == "ac" and place and place.transaction:
            self.station.spawn(self.station.stop(connector_id, reason="UnlockCommand"))

    @on(enums.Action.change_availability)
    def on_change_availability(self, connector_id: int, type: str) -> Any:
        places = self._places(connector_id)
        if not places:
            return call_result.ChangeAvailability(status=enums.AvailabilityStatus.rejected)
        busy = any(place.transaction for place in places)
        status = enums.AvailabilityStatus.scheduled if busy else enums.AvailabilityStatus.accepted
        return call_result.ChangeAvailability(status=status)

    @after(enums.Action.change_availability)
    def after_change_availability(self, connector_id: int, type: str) -> None:
        numbers = [place.number for place in self._places(connector_id)]
        operative = type == enums.AvailabilityType.operative
        self.station.spawn(self.station.change_availability(numbers, operative=operative))

    @on(enums.Action.trigger_message)
    def on_trigger(self, requested_message: str, connector_id: int | None = None) -> Any:
        known = requested_message in ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues")
        if not known:
            return call_result.TriggerMessage(status=enums.TriggerMessageStatus.not_implemented)
        if connector_id and connector_id not in self.station.evses:
            return call_result.TriggerMessage(status=enums.TriggerMessageStatus.rejected)
        return call_result.TriggerMessage(status=enums.TriggerMessageStatus.accepted)

    @after(enums.Action.trigger_message)
    def after_trigger(self, requested_message: str, connector_id: int | None = None) -> None:
        self.station.spawn(self.station.send_triggered(requested_message, self._places(connector_id or 0)))

    @on(enums.Action.get_configuration)
    def on_get_configuration(self, key: list[str] | None = None) -> Any:
        known, unknown = self.station.configuration.read(key)
        return call_result.GetConfiguration(configuration_key=known, unknown_key=unknown)

    @on(enums.Action.change_configuration)
    def on_change_configuration(self, key: str, value: str) -> Any:
        status = self.station.configuration.write(key, value)
        self.station.apply_configuration()
        return call_result.ChangeConfiguration(status=enums.ConfigurationStatus(status))

    @on(enums.Action.clear_cache)
    def on_clear_cache(self) -> Any:
        return call_result.ClearCache(status=enums.ClearCacheStatus.accepted)

    @on(enums.Action.data_transfer)
    def on_data_transfer(self, vendor_id: str, **_: Any) -> Any:
        return call_result.DataTransfer(status=enums.DataTransferStatus.unknown_vendor_id)

    def _places(self, connector_id: int) -> list[Evse]:
        if connector_id == 0:
            return list(self.station.evses.values())
        return [place for place in self.station.evses.values() if place.number == connector_id]


def _start_stop(*, accepted: bool) -> enums.RemoteStartStopStatus:
    return enums.RemoteStartStopStatus.accepted if accepted else enums.RemoteStartStopStatus.rejected
