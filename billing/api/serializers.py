"""What the API says of charge detail records."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.serializers import DriverReference
from billing.models import Cdr, CdrLine
from chargeportal.common.api.fields import RowSerializer
from stations.api.serializers import LocationReference


class CdrLineSerializer(RowSerializer):
    """One line: a quantity at a price, rounded once."""

    class Meta:
        model = CdrLine
        fields = (
            "position", "dimension", "quantity", "unit", "unit_price", "price_includes_vat", "vat_rate",
            "amount_excl_vat", "amount_vat", "amount_incl_vat", "trace",
        )  # fmt: skip


class CdrSerializer(RowSerializer):
    """What a session cost; never changed afterwards. The totals are the sums of the lines."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    session = serializers.UUIDField(source="session.public_id", help_text="The session it bills.")
    station = serializers.CharField(source="session.station.identity", help_text="The station's identity.")
    location = LocationReference(source="session.station.location", allow_null=True, default=None)
    driver = DriverReference(source="session.user", allow_null=True, default=None)
    tariff = serializers.CharField(
        source="tariff.name", allow_null=True, default=None, help_text="Null: nothing was charged for there."
    )
    sequence = serializers.IntegerField(help_text="1 is the first; odd is a charge, even a credit.")
    credits = serializers.UUIDField(
        source="credits.public_id", allow_null=True, default=None, help_text="The record this one credits."
    )
    remark = serializers.CharField(help_text="corrected, waived, or empty.")
    payment_kind = serializers.CharField(help_text="How it is paid for.")
    lines = CdrLineSerializer(many=True)

    class Meta:
        model = Cdr
        fields = (
            "id", "session", "sequence", "credits", "remark", "payment_kind", "station", "location", "driver",
            "started_at", "ended_at", "time_zone",
            "energy_wh", "charging_s", "parking_s", "tariff", "currency", "total_excl_vat", "total_vat",
            "total_incl_vat", "lines", "rated_at",
        )  # fmt: skip
