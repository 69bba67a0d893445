"""Charging sessions and their meter samples: `/api/v1/sessions/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from chargeportal.common.api.fields import UUID_IN_PATH
from chargeportal.common.api.filters import InstantFilter, TextFilter
from chargeportal.common.api.pagination import SamplePages
from sessions import ports
from sessions.api.serializers import SampleSerializer, SessionSerializer
from sessions.metering import LatestReading, latest_readings
from sessions.models import ChargingSession, MeterSample
from stations.models import ChargingStation


class SessionFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    active = django_filters.BooleanFilter(method="narrow_to_active", help_text="In progress, or ended.")
    started_from = InstantFilter(
        field_name="started_at", lookup_expr="gte", help_text="Started then or later."
    )
    started_before = InstantFilter(
        field_name="started_at", lookup_expr="lt", help_text="Started before then."
    )
    station = TextFilter(
        field_name="station__identity", lookup_expr="iexact", max_length=48, help_text="At this station."
    )
    location = django_filters.UUIDFilter(
        field_name="station__location__public_id", help_text="At this location."
    )
    id_token = TextFilter(
        field_name="id_token_uid",
        lookup_expr="iexact",
        max_length=255,
        help_text="With this token, any case.",
    )
    held = django_filters.BooleanFilter(
        field_name="held_reason", lookup_expr="exact", method="narrow_to_held",
        help_text="Held for review before billing, or not.",
    )  # fmt: skip

    class Meta:
        model = ChargingSession
        fields = ()

    def narrow_to_active(self, queryset: Any, name: str, value: bool) -> Any:  # noqa: FBT001  (django-filter's)
        """Those in progress, or those that ended."""
        state = ChargingSession.State.ACTIVE if value else ChargingSession.State.ENDED
        return queryset.filter(state=state)

    def narrow_to_held(self, queryset: Any, name: str, value: bool) -> Any:  # noqa: FBT001  (django-filter's)
        """Those that a person must look at, or the others."""
        return queryset.exclude(held_reason="") if value else queryset.filter(held_reason="")


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the meters last said of a page's sessions, what the billed ones cost, which one looks after."""

    readings: Mapping[int, LatestReading]
    totals: Mapping[int, tuple[Decimal, str]]
    managed_stations: set[int]


def facts_of(sessions: Sequence[ChargingSession], *, user: Any) -> SessionFacts:
    """The facts of those sessions, in a number of queries that does not grow with them."""
    ids = [session.pk for session in sessions]
    stations = ChargingStation.objects.managed_by(user).filter(
        pk__in={session.station_id for session in sessions}
    )
    return SessionFacts(
        readings=latest_readings(ids),
        totals=ports.pricing().totals(ids),
        managed_stations=set(stations.values_list("pk", flat=True)),
    )


@extend_schema_view(
    list=extend_schema(
        summary="List sessions",
        description="Your own sessions, those at stations you manage, and those of the fleets you manage.",
    ),
    retrieve=extend_schema(summary="One session"),
)
class SessionViewSet(viewsets.ReadOnlyModelViewSet):
    """Charging sessions, in progress and ended."""

    queryset = ChargingSession.objects.none()
    serializer_class = SessionSerializer
    filterset_class = SessionFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_IN_PATH
    ordering = ("-started_at", "-id")
    ordering_fields = ("started_at",)

    def get_queryset(self) -> Any:
        """Those the person may see."""
        return ChargingSession.objects.visible_to(self.request.user).select_related(
            "station__location", "evse", "user"
        )

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """The serializer, knowing readings and totals of all its sessions."""
        if args:
            sessions = args[0] if isinstance(args[0], Sequence) else [args[0]]
            facts = facts_of(sessions, user=self.request.user)
            kwargs["context"] = {**self.get_serializer_context(), "facts": facts}
        return super().get_serializer(*args, **kwargs)

    @extend_schema(
        summary="List the meter samples of a session",
        description="In the order of time, up to 5000 a page.",
        responses=SampleSerializer(many=True),
        filters=False,
    )
    @action(
        detail=True, pagination_class=SamplePages, filterset_class=None, filter_backends=[],
        serializer_class=SampleSerializer,
    )  # fmt: skip
    def samples(self, request: Request, id: Any) -> Response:  # noqa: A002  (the address's word)
        """The samples of the session."""
        session = self.get_object()
        page = self.paginate_queryset(MeterSample.objects.filter(session=session))
        return self.get_paginated_response(SampleSerializer(page, many=True).data)
