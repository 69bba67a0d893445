"""What the stations of the benchmark send."""

from datetime import UTC, datetime
from itertools import count

_ids = count(1)

_METER_VALUES_16 = (
    b'[2,"%d","MeterValues",{"connectorId":1,"transactionId":%d,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":"1284537","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","location":"Outlet","unit":"Wh"},'
    b'{"value":"10845.2","context":"Sample.Periodic","measurand":"Power.Active.Import","location":"Outlet","unit":"W"},'
    b'{"value":"15.7","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1","location":"Outlet","unit":"A"},'
    b'{"value":"15.8","context":"Sample.Periodic","measurand":"Current.Import","phase":"L2","location":"Outlet","unit":"A"},'
    b'{"value":"15.6","context":"Sample.Periodic","measurand":"Current.Import","phase":"L3","location":"Outlet","unit":"A"},'
    b'{"value":"230.4","context":"Sample.Periodic","measurand":"Voltage","phase":"L1-N","location":"Outlet","unit":"V"},'
    b'{"value":"229.8","context":"Sample.Periodic","measurand":"Voltage","phase":"L2-N","location":"Outlet","unit":"V"},'
    b'{"value":"47","context":"Sample.Periodic","measurand":"SoC","location":"EV","unit":"Percent"}]}]}]'
)
_METER_VALUES_201 = (
    b'[2,"%d","MeterValues",{"evseId":1,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":1284537.0,"context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","location":"Outlet","unitOfMeasure":{"unit":"Wh","multiplier":0}},'
    b'{"value":10845.2,"context":"Sample.Periodic","measurand":"Power.Active.Import","location":"Outlet","unitOfMeasure":{"unit":"W"}},'
    b'{"value":15.7,"context":"Sample.Periodic","measurand":"Current.Import","phase":"L1","location":"Outlet","unitOfMeasure":{"unit":"A"}},'
    b'{"value":15.8,"context":"Sample.Periodic","measurand":"Current.Import","phase":"L2","location":"Outlet","unitOfMeasure":{"unit":"A"}},'
    b'{"value":15.6,"context":"Sample.Periodic","measurand":"Current.Import","phase":"L3","location":"Outlet","unitOfMeasure":{"unit":"A"}},'
    b'{"value":230.4,"context":"Sample.Periodic","measurand":"Voltage","phase":"L1-N","location":"Outlet","unitOfMeasure":{"unit":"V"}},'
    b'{"value":229.8,"context":"Sample.Periodic","measurand":"Voltage","phase":"L2-N","location":"Outlet","unitOfMeasure":{"unit":"V"}},'
    b'{"value":47.0,"context":"Sample.Periodic","measurand":"SoC","location":"EV","unitOfMeasure":{"unit":"Percent"}}]}]}]'
)


def timestamp() -> bytes:
    """Return the time as a station writes it; no two samples of a station share it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


def meter_values_16(transaction_id: int) -> bytes:
    """Return a MeterValues of 1.6 with eight sampled values."""
    return _METER_VALUES_16 % (next(_ids), transaction_id, timestamp())


def meter_values_201(_: int = 0) -> bytes:
    """Return a MeterValues of 2.0.1 with eight sampled values."""
    return _METER_VALUES_201 % (next(_ids), timestamp())


def authorize_16(_: int = 0) -> bytes:
    """Return an Authorize of 1.6."""
    return b'[2,"%d","Authorize",{"idTag":"BENCH0001"}]' % next(_ids)


def start_transaction() -> bytes:
    """Return a StartTransaction of 1.6."""
    return (
        b'[2,"%d","StartTransaction",{"connectorId":1,"idTag":"BENCH0001","meterStart":1284000,"timestamp":"%b"}]'
        % (next(_ids), timestamp())
    )


def boot(subprotocol: str) -> bytes:
    """Return a BootNotification."""
    if subprotocol == "ocpp1.6":
        return b'[2,"%d","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"B1"}]' % next(
            _ids
        )
    return (
        b'[2,"%d","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"Bench","model":"B1"}}]'
        % next(_ids)
    )


def status(subprotocol: str, connector: int) -> bytes:
    """Return a StatusNotification: connector 0 (1.6: the station) or 1 is available."""
    if subprotocol == "ocpp1.6":
        return (
            b'[2,"%d","StatusNotification",{"connectorId":%d,"errorCode":"NoError","status":"Available","timestamp":"%b"}]'
            % (next(_ids), connector, timestamp())
        )
    return (
        b'[2,"%d","StatusNotification",{"evseId":1,"connectorId":%d,"connectorStatus":"Available","timestamp":"%b"}]'
        % (next(_ids), connector + 1, timestamp())
    )
