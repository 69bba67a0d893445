"""The device model of a simulated OCPP 2.0.1 station: components, variables and their values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ocpp.v201 import datatypes, enums

_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"


@dataclass(slots=True)
class Variable:
    """One variable. `data_type` is a DataEnumType of the standard."""

    value: str
    data_type: str = "string"
    mutability: str = "ReadWrite"
    instance: str | None = None
    unit: str | None = None
    reboot: bool = False

    @property
    def is_readable(self) -> bool:
        """Whether GetVariables shows it."""
        return self.mutability != "WriteOnly"


class DeviceModel:
    """The variables of one station, with the answers of GetVariables and SetVariables."""

    def __init__(
        self, *, identity: str, vendor: str, model: str, evses: int, kind: str, max_power_w: float,
        sample_interval_s: float,
    ) -> None:  # fmt: skip
        whole, yes = "integer", "boolean"
        self._variables: dict[tuple[str, str, int | None], Variable] = {
            ("ChargingStation", "VendorName", None): Variable(vendor, mutability="ReadOnly"),
            ("ChargingStation", "Model", None): Variable(model, mutability="ReadOnly"),
            ("ChargingStation", "SupplyPhases", None): Variable("3", whole, "ReadOnly"),
            ("ChargingStation", "Available", None): Variable("true", yes, "ReadOnly"),
            ("OCPPCommCtrlr", "HeartbeatInterval", None): Variable("300", whole, unit="s"),
            ("OCPPCommCtrlr", "WebSocketPingInterval", None): Variable("60", whole, unit="s", reboot=True),
            ("OCPPCommCtrlr", "OfflineThreshold", None): Variable("60", whole, unit="s"),
            ("OCPPCommCtrlr", "RetryBackOffWaitMinimum", None): Variable("1", whole, unit="s"),
            ("OCPPCommCtrlr", "MessageAttempts", None): Variable("5", whole, instance="TransactionEvent"),
            ("OCPPCommCtrlr", "MessageAttemptInterval", None): Variable(
                "10", whole, instance="TransactionEvent", unit="s"
            ),
            ("AuthCtrlr", "AuthorizeRemoteStart", None): Variable("false", yes),
            ("AuthCtrlr", "LocalAuthorizeOffline", None): Variable("true", yes),
            ("AuthCtrlr", "LocalPreAuthorize", None): Variable("false", yes),
            ("TxCtrlr", "EVConnectionTimeOut", None): Variable("60", whole, unit="s"),
            ("TxCtrlr", "StopTxOnInvalidId", None): Variable("true", yes),
            ("TxCtrlr", "StopTxOnEVSideDisconnect", None): Variable("true", yes, "ReadOnly"),
            ("TxCtrlr", "TxStartPoint", None): Variable("PowerPathClosed", "MemberList", "ReadOnly"),
            ("TxCtrlr", "TxStopPoint", None): Variable("PowerPathClosed", "MemberList", "ReadOnly"),
            ("SampledDataCtrlr", "TxUpdatedInterval", None): Variable(
                str(max(1, round(sample_interval_s))), whole, unit="s"
            ),
            ("SampledDataCtrlr", "TxUpdatedMeasurands", None): Variable(_MEASURANDS, "MemberList"),
            ("SecurityCtrlr", "Identity", None): Variable(identity, mutability="ReadOnly"),
            ("SecurityCtrlr", "BasicAuthPassword", None): Variable("", mutability="WriteOnly"),
            ("SecurityCtrlr", "SecurityProfile", None): Variable("1", whole, "ReadOnly"),
        }
        for number in range(1, evses + 1):
            power = Variable(str(round(max_power_w)), "decimal", "ReadOnly", unit="W")
            supply = Variable("DC" if kind == "dc" else "3", mutability="ReadOnly")
            self._variables["EVSE", "Power", number] = power
            self._variables["Connector", "SupplyPhases", number] = supply

    def value(self, component: str, variable: str) -> str:
        """Return the value of a variable of the station."""
        return self._variables[component, variable, None].value

    def set(self, component: str, variable: str, value: str) -> None:
        """The variable has the value, whatever its rules."""
        self._variables[component, variable, None].value = value

    def read(self, wanted: dict[str, Any]) -> datatypes.GetVariableResultType:
        """Return what GetVariables answers for one entry."""
        found, status = self._find(wanted)
        if found and not found.is_readable:
            status = "Rejected"
        shown = found.value if found and status == "Accepted" else None
        return datatypes.GetVariableResultType(
            attribute_status=enums.GetVariableStatusEnumType(status), attribute_value=shown,
            component=wanted["component"], variable=wanted["variable"],
            attribute_type=wanted.get("attribute_type"),
        )  # fmt: skip

    def write(self, wanted: dict[str, Any]) -> datatypes.SetVariableResultType:
        """Return what SetVariables answers for one entry; when Accepted the value is stored."""
        found, status = self._find(wanted)
        if found and status == "Accepted":
            status = _write(found, wanted["attribute_value"])
        return datatypes.SetVariableResultType(
            attribute_status=enums.SetVariableStatusEnumType(status),
            component=wanted["component"], variable=wanted["variable"],
            attribute_type=wanted.get("attribute_type"),
        )  # fmt: skip

    def report(self, *, only_configuration: bool) -> list[datatypes.ReportDataType]:
        """Return the entries of a base report."""
        return list(self._entries(only_configuration=only_configuration))

    def _find(self, wanted: dict[str, Any]) -> tuple[Variable | None, str]:
        component, variable = wanted["component"], wanted["variable"]
        name, evse_id = component["name"], (component.get("evse") or {}).get("id")
        if wanted.get("attribute_type") not in (None, "Actual"):
            return None, "NotSupportedAttributeType"
        found = self._variables.get((name, variable["name"], evse_id))
        if found and variable.get("instance") in (None, found.instance):
            return found, "Accepted"
        known = any(key[0] == name and key[2] == evse_id for key in self._variables)
        return None, "UnknownVariable" if known else "UnknownComponent"

    def _entries(self, *, only_configuration: bool) -> Iterator[datatypes.ReportDataType]:
        for (component, name, evse_id), variable in self._variables.items():
            if only_configuration and variable.mutability == "ReadOnly":
                continue
            evse = datatypes.EVSEType(id=evse_id) if evse_id else None
            if component == "Connector" and evse_id:
                evse = datatypes.EVSEType(id=evse_id, connector_id=1)
            shown = variable.value if variable.is_readable else None
            yield datatypes.ReportDataType(
                component=datatypes.ComponentType(name=component, evse=evse),
                variable=datatypes.VariableType(name=name, instance=variable.instance),
                variable_attribute=[
                    datatypes.VariableAttributeType(
                        value=shown, mutability=enums.MutabilityEnumType(variable.mutability)
                    )
                ],
                variable_characteristics=datatypes.VariableCharacteristicsType(
                    data_type=enums.DataEnumType(variable.data_type), supports_monitoring=False,
                    unit=variable.unit,
                ),
            )  # fmt: skip


def _write(variable: Variable, value: str) -> str:
    if variable.mutability == "ReadOnly":
        return "Rejected"
    if variable.data_type == "integer" and not value.isdecimal():
        return "Rejected"
    if variable.data_type == "boolean" and value not in ("true", "false"):
        return "Rejected"
    variable.value = value
    return "RebootRequired" if variable.reboot else "Accepted"
