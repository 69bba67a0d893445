"""Charge detail records: `/api/v1/cdrs/`."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import viewsets

from billing.api.serializers import CdrSerializer
from billing.models import Cdr, CdrLine
from chargeportal.common.api.fields import UUID_IN_PATH
from chargeportal.common.api.filters import InstantFilter, TextFilter


class CdrFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    ended_from = InstantFilter(field_name="ended_at", lookup_expr="gte", help_text="Ended then or later.")
    ended_before = InstantFilter(field_name="ended_at", lookup_expr="lt", help_text="Ended before then.")
    station = TextFilter(
        field_name="session__station__identity",
        lookup_expr="iexact",
        max_length=48,
        help_text="At this station.",
    )
    location = django_filters.UUIDFilter(
        field_name="session__station__location__public_id", help_text="At this location."
    )
    session = django_filters.UUIDFilter(field_name="session__public_id", help_text="Of this session.")

    class Meta:
        model = Cdr
        fields = ()


@extend_schema_view(
    list=extend_schema(
        summary="List charge detail records",
        description="Those of your own sessions, and of the sessions at stations or of fleets you manage.",
    ),
    retrieve=extend_schema(summary="One charge detail record"),
)
class CdrViewSet(viewsets.ReadOnlyModelViewSet):
    """What ended sessions cost, line by line."""

    queryset = Cdr.objects.none()
    serializer_class = CdrSerializer
    filterset_class = CdrFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_IN_PATH
    ordering = ("-ended_at", "-id")
    ordering_fields = ("ended_at", "rated_at")

    def get_queryset(self) -> Any:
        """Those the person may see, with their lines."""
        lines = CdrLine.objects.order_by("position")
        return (
            Cdr.objects.visible_to(self.request.user)
            .select_related("session__station__location", "session__user", "tariff", "credits")
            .prefetch_related(Prefetch("lines", queryset=lines))
        )
