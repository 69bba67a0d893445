"""What the API says of people and their tokens."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.models import IdToken, Organisation, User
from chargeportal.common.api.fields import Instant, RowSerializer

_ADDABLE = [choice for choice in IdToken.Type.choices if choice[0] != IdToken.Type.CENTRAL]


class OrganisationReference(RowSerializer):
    """An organisation, by name."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")

    class Meta:
        model = Organisation
        fields = ("id", "name")


class DriverReference(RowSerializer):
    """A driver, by name."""

    id = serializers.UUIDField(source="public_id", help_text="The driver's lasting id.")
    name = serializers.CharField(source="get_full_name", help_text="Name, or e-mail address without one.")

    class Meta:
        model = User
        fields = ("id", "name")


class IdTokenSerializer(RowSerializer):
    """A token and whether it works."""

    organisation = OrganisationReference(
        allow_null=True, help_text="Whose token it is; null: the driver's own."
    )
    driver = DriverReference(source="user", allow_null=True, help_text="Who charges with it.")
    is_blocked = serializers.SerializerMethodField(help_text="Whether it is refused at chargers.")

    class Meta:
        model = IdToken
        fields = (
            "id", "uid", "type", "label", "organisation", "driver", "valid_from", "valid_until", "is_blocked",
            "blocked_at", "block_reason", "created_at",
        )  # fmt: skip

    def get_is_blocked(self, token: IdToken) -> bool:
        """Whether it is refused at chargers."""
        return token.blocked_at is not None


class NewIdTokenSerializer(serializers.Serializer):
    """A token to be added."""

    uid = serializers.RegexField(
        r"^[\x21-\x7e]{1,36}$", help_text="As the charger reads it: printable ASCII without spaces."
    )
    type = serializers.ChoiceField(
        choices=_ADDABLE, required=False, help_text="ISO14443 unless told otherwise."
    )
    label = serializers.CharField(  # type: ignore[assignment]  # the field's name, not its caption
        max_length=80, required=False, allow_blank=True, help_text="For people."
    )
    organisation = serializers.UUIDField(required=False, help_text="Whose token it shall be.")
    driver_email = serializers.EmailField(
        max_length=254, required=False, help_text="One of the organisation's people, who will charge with it."
    )
    valid_from = Instant(required=False, help_text="Refused before.")
    valid_until = Instant(required=False, help_text="Refused from then on.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Validity ends after it begins."""
        start, end = attrs.get("valid_from"), attrs.get("valid_until")
        if start is not None and end is not None and start >= end:
            raise serializers.ValidationError({"valid_until": _("Must be after valid_from.")})
        return attrs


class BlockSerializer(serializers.Serializer):
    """Why a token is blocked."""

    reason = serializers.CharField(
        max_length=200,
        required=False,
        default="",
        allow_blank=True,
        help_text="Shown to those who look after it.",
    )
