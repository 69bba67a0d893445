"""What the API says of locations, stations, EVSEs and connectors."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import OrganisationReference
from chargeportal.common.api.fields import RowSerializer
from stations.models import ChargingStation, Connector, ConnectorStatus, Evse, Location
from stations.overview import EvseState


class LocationReference(RowSerializer):
    """A location, by name."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")

    class Meta:
        model = Location
        fields = ("id", "name")


class LocationSerializer(RowSerializer):
    """An address where cars charge."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    operator = OrganisationReference(help_text="Who runs the stations here.")
    host = OrganisationReference(allow_null=True, help_text="Whose ground it is.")
    opening_hours = serializers.JSONField(help_text="OCPI Hours object.")
    stations = serializers.SerializerMethodField(
        help_text="Identities of the stations here that you may see."
    )

    class Meta:
        model = Location
        fields = (
            "id", "name", "address", "postal_code", "city", "country", "latitude", "longitude", "time_zone",
            "opening_hours", "operator", "host", "is_published", "stations",
        )  # fmt: skip

    def get_stations(self, location: Location) -> list[str]:
        """The identities of the stations."""
        return [station.identity for station in location.stations.all()]


class ConnectorSerializer(RowSerializer):
    """A socket or cable."""

    class Meta:
        model = Connector
        fields = ("number", "standard", "format", "max_voltage_v", "max_current_a")


class EvseSerializer(RowSerializer):
    """A place for one car, and what it is doing now."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    status = serializers.SerializerMethodField(help_text="What the connectors last said, also while offline.")
    status_since = serializers.SerializerMethodField(help_text="Since when; null when never said.")
    error_code = serializers.SerializerMethodField(help_text="The station's own code while faulted.")
    connectors = ConnectorSerializer(many=True)

    class Meta:
        model = Evse
        fields = (
            "id", "number", "evse_id", "current_type", "max_power_kw", "status", "status_since", "error_code",
            "connectors",
        )  # fmt: skip

    def _state(self, evse: Evse) -> EvseState:
        return self.context["facts"].states[evse.pk]

    @extend_schema_field(serializers.ChoiceField(choices=ConnectorStatus.choices))
    def get_status(self, evse: Evse) -> str:
        """The present status."""
        return self._state(evse).status

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_status_since(self, evse: Evse) -> Any:
        """When it began."""
        return self._state(evse).since

    def get_error_code(self, evse: Evse) -> str:
        """The station's own code."""
        return self._state(evse).error_code


class EquipmentSerializer(RowSerializer):
    """What only the staff of the operator sees."""

    class Meta:
        model = ChargingStation
        fields = (
            "vendor", "model", "serial_number", "firmware_version", "registration", "security_profile",
            "heartbeat_interval_s", "last_boot_at", "last_seen_at", "created_at",
        )  # fmt: skip


class StationSerializer(RowSerializer):
    """A charging station with its EVSEs and what each is doing now."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    identity = serializers.CharField(help_text="The name it connects under; compared without regard to case.")
    location = LocationReference(allow_null=True)
    is_online = serializers.SerializerMethodField(help_text="Whether it is connected now.")
    equipment = serializers.SerializerMethodField(help_text="Null unless you are on the operator's staff.")
    evses = EvseSerializer(many=True)

    class Meta:
        model = ChargingStation
        fields = (
            "id", "identity", "name", "location", "is_online", "ocpp_version", "max_power_kw", "evses",
            "equipment",
        )  # fmt: skip

    def get_is_online(self, station: ChargingStation) -> bool:
        """Whether it is connected."""
        return station.pk in self.context["facts"].online

    @extend_schema_field(EquipmentSerializer(allow_null=True))
    def get_equipment(self, station: ChargingStation) -> Any:
        """The technical facts, for the staff."""
        return EquipmentSerializer(station).data if station.pk in self.context["facts"].managed else None


class StationCallSerializer(serializers.Serializer):
    """An OCPP CALL."""

    action = serializers.RegexField(
        r"^[A-Za-z0-9]{1,50}$", help_text="As the standard spells it, for the version the station speaks."
    )
    payload = serializers.DictField(
        help_text="As the official JSON schema of that version has it; {} where it has no required fields."
    )
    timeout_s = serializers.IntegerField(
        min_value=1, max_value=120, default=30, required=False, help_text="How long the station may take."
    )


class StationCallResultSerializer(serializers.Serializer):
    """The payload of the station's CALLRESULT."""

    result = serializers.DictField(help_text="As the station sent it.")
