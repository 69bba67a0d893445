"""What the API says of charging sessions and meter samples."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import DriverReference
from chargeportal.common.api.fields import RowSerializer
from sessions.models import ChargingSession, MeterSample
from stations.api.serializers import LocationReference


class TotalSerializer(serializers.Serializer):
    """An amount of money."""

    amount = serializers.DecimalField(max_digits=12, decimal_places=2, help_text="Including VAT.")
    currency = serializers.CharField(help_text="ISO 4217.")


class SessionSerializer(RowSerializer):
    """A charging session; times are the station's."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    station = serializers.CharField(source="station.identity", help_text="The station's identity.")
    evse_number = serializers.IntegerField(source="evse.number", allow_null=True, default=None)
    location = LocationReference(source="station.location", allow_null=True, default=None)
    id_token = serializers.CharField(source="id_token_uid", help_text="The token shown; empty when none was.")
    driver = DriverReference(source="user", allow_null=True, help_text="Who charged, as far as we know.")
    energy_wh = serializers.SerializerMethodField(
        help_text="Delivered: settled once ended, before that what the meter last said; null when unknown."
    )
    power_w = serializers.SerializerMethodField(help_text="Now; null when ended or never read.")
    soc_percent = serializers.SerializerMethodField(help_text="State of charge, where the car tells it.")
    total = serializers.SerializerMethodField(help_text="What it cost; null until it is billed.")

    flags = serializers.SerializerMethodField(
        help_text="What was odd about the data and tolerated; null unless you are on the operator's staff."
    )
    held_reason = serializers.SerializerMethodField(
        help_text="Why it is held for review before billing; null unless you are on the operator's staff."
    )

    class Meta:
        model = ChargingSession
        fields = (
            "id", "station", "evse_number", "connector_number", "location", "transaction_ref", "ocpp_version",
            "state", "charging_state", "authorization_status", "id_token", "driver", "started_at", "ended_at",
            "stop_reason", "meter_start_wh", "meter_stop_wh", "energy_wh", "power_w", "soc_percent", "total",
            "flags", "held_reason",
        )  # fmt: skip

    def _reading(self, session: ChargingSession) -> Any:
        return self.context["facts"].readings.get(session.pk)

    def _is_managed(self, session: ChargingSession) -> bool:
        return session.station_id in self.context["facts"].managed_stations

    def get_flags(self, session: ChargingSession) -> list[str] | None:
        """What was odd, for the staff."""
        return session.flags if self._is_managed(session) else None

    def get_held_reason(self, session: ChargingSession) -> str | None:
        """Why a person has to look, for the staff."""
        return session.held_reason if self._is_managed(session) else None

    @extend_schema_field(serializers.DecimalField(max_digits=14, decimal_places=3, allow_null=True))
    def get_energy_wh(self, session: ChargingSession) -> str | None:
        """Settled energy, else the meter's last word."""
        energy = session.energy_wh
        if energy is None and (reading := self._reading(session)) is not None:
            energy = reading.energy_wh
        return None if energy is None else f"{energy.quantize(Decimal('0.001')):f}"

    def get_power_w(self, session: ChargingSession) -> float | None:
        """The last power reading of a session in progress."""
        reading = self._reading(session) if session.is_active else None
        return reading.power_w if reading else None

    def get_soc_percent(self, session: ChargingSession) -> float | None:
        """The last state of charge."""
        reading = self._reading(session)
        return reading.soc_percent if reading else None

    @extend_schema_field(TotalSerializer(allow_null=True))
    def get_total(self, session: ChargingSession) -> Any:
        """The total of the bill."""
        total = self.context["facts"].totals.get(session.pk)
        return TotalSerializer({"amount": total[0], "currency": total[1]}).data if total else None


class SampleSerializer(RowSerializer):
    """What the meter showed at one instant; null where it did not say."""

    energy_wh = serializers.DecimalField(
        max_digits=14,
        decimal_places=3,
        allow_null=True,
        help_text="The meter's register, not the session's energy.",
    )

    class Meta:
        model = MeterSample
        fields = (
            "sampled_at", "context", "energy_wh", "power_w", "current_l1_a", "current_l2_a", "current_l3_a",
            "voltage_l1_v", "voltage_l2_v", "voltage_l3_v", "offered_a", "offered_w", "soc_percent",
            "temperature_c", "extra",
        )  # fmt: skip
