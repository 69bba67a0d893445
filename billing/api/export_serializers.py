"""What the API says of exports, and what it takes to ask for one."""

from __future__ import annotations

from rest_framework import serializers

from billing.models import Export, ExportDownload, ExportKind
from chargeportal.common.api.fields import RowSerializer


class ExportDownloadSerializer(RowSerializer):
    """Somebody took the file."""

    by = serializers.EmailField(
        source="user.email", allow_null=True, default=None, help_text="Null: sent by a schedule."
    )

    class Meta:
        model = ExportDownload
        fields = ("taken_at", "by")


class ExportSerializer(RowSerializer):
    """An export: poll it until its state is `done` or `failed`."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    operator = serializers.UUIDField(source="operator.public_id", help_text="Whose books it is of.")
    requested_by = serializers.EmailField(
        source="requested_by.email", allow_null=True, default=None, help_text="Null: asked for by a schedule."
    )
    downloads = ExportDownloadSerializer(many=True)

    class Meta:
        model = Export
        fields = (
            "id", "operator", "kind", "period_start", "period_end", "parameters", "state", "done_rows",
            "total_rows", "file_name", "size_bytes", "sha256", "error", "requested_by", "requested_at",
            "finished_at", "downloads",
        )  # fmt: skip


class NewExportSerializer(serializers.Serializer):
    """What to export, of which days."""

    kind = serializers.ChoiceField(choices=ExportKind.choices, help_text="What to export.")
    period_start = serializers.DateField(help_text="The first day.")
    period_end = serializers.DateField(help_text="The day after the last.")
    operator = serializers.UUIDField(
        required=False, help_text="Whose books; may be left out by those who keep one operator's."
    )
    parameters = serializers.DictField(
        child=serializers.CharField(max_length=60, allow_blank=True),
        required=False,
        help_text="`sie`: per (`day` or `entry`), currency. `sepa`: message_id.",
    )
