"""The hardware of the network and what it said."""

from stations.models.commands import StationCommand
from stations.models.connections import BootRecord, StationConnection
from stations.models.frames import OcppFrame
from stations.models.locations import Location
from stations.models.stations import ChargingStation, Connector, Evse
from stations.models.status import ConnectorStatus, StatusInterval

__all__ = [
    "BootRecord",
    "ChargingStation",
    "Connector",
    "ConnectorStatus",
    "Evse",
    "Location",
    "OcppFrame",
    "StationCommand",
    "StationConnection",
    "StatusInterval",
]
