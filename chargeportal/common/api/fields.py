"""Fields that several resources share."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models
from rest_framework import serializers

#: A lasting id in an address.
UUID_IN_PATH = "[0-9a-fA-F-]{36}"


class Instant(serializers.DateTimeField):
    """An ISO 8601 instant, given out in UTC; refuses what overflows in another zone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=dt.UTC, **kwargs)

    def to_internal_value(self, value: Any) -> Any:
        """An aware datetime."""
        try:
            instant = super().to_internal_value(value)
            instant.astimezone(dt.UTC)
        except (OverflowError, ValueError):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ssZ")
        return instant


class RowSerializer(serializers.ModelSerializer):
    """A row of a table; its instants are in UTC."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.DateTimeField: Instant
    }
