"""The configuration keys of a simulated OCPP 1.6 station."""

from dataclasses import dataclass

_MEASURANDS = (
    "Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage",
    "Current.Offered", "Power.Offered", "SoC", "Temperature",
)  # fmt: skip
_LONGEST_VALUE = 500


@dataclass(slots=True)
class Key:
    """One configuration key and what may be written into it."""

    value: str
    read_only: bool = False
    type: type = str
    reboot: bool = False
    secret: bool = False


class Configuration:
    """The keys of one station, with the answers of ChangeConfiguration."""

    def __init__(self, *, evses: int, sample_interval_s: float) -> None:
        self._keys = {
            "AllowOfflineTxForUnknownId": Key("false", type=bool),
            "AuthorizationCacheEnabled": Key("false", type=bool),
            "AuthorizeRemoteTxRequests": Key("false", type=bool),
            "ClockAlignedDataInterval": Key("0", type=int),
            "ConnectionTimeOut": Key("60", type=int),
            "ConnectorPhaseRotation": Key(",".join(f"{number}.RST" for number in range(evses + 1))),
            "GetConfigurationMaxKeys": Key("50", read_only=True, type=int),
            "HeartbeatInterval": Key("300", type=int),
            "LocalAuthorizeOffline": Key("true", type=bool),
            "LocalPreAuthorize": Key("false", type=bool),
            "MeterValuesAlignedData": Key(""),
            "MeterValuesSampledData": Key(",".join(_MEASURANDS)),
            "MeterValueSampleInterval": Key(str(max(1, round(sample_interval_s))), type=int),
            "MinimumStatusDuration": Key("0", type=int),
            "NumberOfConnectors": Key(str(evses), read_only=True, type=int),
            "ResetRetries": Key("1", type=int),
            "StopTransactionOnEVSideDisconnect": Key("true", type=bool),
            "StopTransactionOnInvalidId": Key("true", type=bool),
            "StopTxnAlignedData": Key(""),
            "StopTxnSampledData": Key("Energy.Active.Import.Register"),
            "SupportedFeatureProfiles": Key("Core,RemoteTrigger", read_only=True),
            "TransactionMessageAttempts": Key("5", type=int),
            "TransactionMessageRetryInterval": Key("10", type=int),
            "UnlockConnectorOnEVSideDisconnect": Key("true", type=bool),
            "WebSocketPingInterval": Key("60", type=int, reboot=True),
            "AuthorizationKey": Key("", secret=True),
            "SecurityProfile": Key("1", read_only=True, type=int),
        }

    def __getitem__(self, name: str) -> str:
        return self._keys[name].value

    def whole(self, name: str) -> int:
        """Return the value of a numeric key."""
        return int(self._keys[name].value)

    def is_on(self, name: str) -> bool:
        """Return the value of a yes-or-no key."""
        return self._keys[name].value == "true"

    def read(self, names: list[str] | None) -> tuple[list[dict[str, object]], list[str]]:
        """Return what GetConfiguration answers: the known keys asked for (all if none), and the unknown."""
        wanted = names or [name for name, key in self._keys.items() if not key.secret]
        known = [
            {"key": name, "readonly": self._keys[name].read_only, "value": self._keys[name].value}
            for name in wanted if self._is_readable(name)
        ]  # fmt: skip
        return known, [name for name in wanted if not self._is_readable(name)]

    def write(self, name: str, value: str) -> str:
        """Return the ConfigurationStatus; when Accepted or RebootRequired the value is stored."""
        key = self._keys.get(name)
        if key is None:
            return "NotSupported"
        if key.read_only or not _fits(name, key, value):
            return "Rejected"
        key.value = value.lower() if key.type is bool else value
        return "RebootRequired" if key.reboot else "Accepted"

    def _is_readable(self, name: str) -> bool:
        return name in self._keys and not self._keys[name].secret


def _fits(name: str, key: Key, value: str) -> bool:
    if key.type is int:
        return value.isdecimal()
    if key.type is bool:
        return value.lower() in ("true", "false")
    if name.endswith("Data") and value:  # one unknown measurand refuses the whole list (1.6 §5.3)
        return all(word.strip() in _MEASURANDS for word in value.split(","))
    return len(value) <= _LONGEST_VALUE
