"""Locations and charging stations: `/api/v1/locations/`, `/api/v1/stations/`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
from django.db.models import Prefetch
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import person
from chargeportal.common.api import problems
from chargeportal.common.api.fields import UUID_IN_PATH
from chargeportal.common.api.filters import TextFilter
from chargeportal.common.api.throttling import KeyThrottle, StationCallThrottle
from stations.api import serializers
from stations.api.calls import place_call
from stations.api.facts import facts_of
from stations.models import ChargingStation, Connector, Evse, Location
from stations.presence import online_station_ids
from stations.steering import may_send

_IDENTITY = OpenApiParameter(
    "identity", OpenApiTypes.STR, OpenApiParameter.PATH, description="The station's identity, any case."
)
_PROBLEM = problems.ProblemSerializer


class LocationFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    city = TextFilter(lookup_expr="iexact", max_length=60, help_text="In this city, any case.")
    country = TextFilter(
        lookup_expr="iexact", max_length=2, help_text="In this country (ISO 3166-1 alpha-2)."
    )

    class Meta:
        model = Location
        fields = ()


@extend_schema_view(
    list=extend_schema(
        summary="List locations",
        description="Published locations, and all of those you operate or host.",
    ),
    retrieve=extend_schema(summary="One location"),
)
class LocationViewSet(viewsets.ReadOnlyModelViewSet):
    """Addresses where cars charge."""

    queryset = Location.objects.none()
    serializer_class = serializers.LocationSerializer
    filterset_class = LocationFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_IN_PATH
    ordering = ("name", "id")
    ordering_fields = ("name", "city", "created_at")

    def get_queryset(self) -> Any:
        """Those the person may see, with the stations the person may see."""
        stations = ChargingStation.objects.visible_to(self.request.user).order_by("identity")
        return (
            Location.objects.visible_to(self.request.user)
            .select_related("operator", "host")
            .prefetch_related(Prefetch("stations", queryset=stations))
        )


class StationFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    location = django_filters.UUIDFilter(field_name="location__public_id", help_text="At this location.")
    online = django_filters.BooleanFilter(method="narrow_to_online", help_text="Connected now, or not.")
    identity = TextFilter(lookup_expr="iexact", max_length=48, help_text="With this identity, any case.")

    class Meta:
        model = ChargingStation
        fields = ()

    def narrow_to_online(self, queryset: Any, name: str, value: bool) -> Any:  # noqa: FBT001  (django-filter's)
        """Those that are connected now, or those that are not."""
        online = online_station_ids(now=timezone.now())
        return queryset.filter(pk__in=online) if value else queryset.exclude(pk__in=online)


@extend_schema_view(
    list=extend_schema(
        summary="List stations",
        description="Those at published locations, and all of those you operate or host, with live status.",
    ),
    retrieve=extend_schema(summary="One station", parameters=[_IDENTITY]),
)
class StationViewSet(viewsets.ReadOnlyModelViewSet):
    """Charging stations with their EVSEs, connectors and live status."""

    queryset = ChargingStation.objects.none()
    serializer_class = serializers.StationSerializer
    filterset_class = StationFilter
    lookup_field = "identity__iexact"
    lookup_url_kwarg = "identity"
    lookup_value_regex = r"[^/\x00]{1,48}"
    ordering = ("identity", "id")
    ordering_fields = ("identity", "created_at")

    def get_queryset(self) -> Any:
        """Those the person may see, with their EVSEs and connectors."""
        connectors = Connector.objects.order_by("number")
        evses = Evse.objects.order_by("number").prefetch_related(Prefetch("connectors", queryset=connectors))
        return (
            ChargingStation.objects.visible_to(self.request.user)
            .select_related("location")
            .prefetch_related(Prefetch("evses", queryset=evses))
        )

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """The serializer, knowing what is true of these stations now."""
        if args:
            stations = args[0] if isinstance(args[0], Sequence) else [args[0]]
            facts = facts_of(stations, user=self.request.user, now=timezone.now())
            kwargs["context"] = {**self.get_serializer_context(), "facts": facts}
        return super().get_serializer(*args, **kwargs)

    def get_throttles(self) -> list[Any]:
        """Calls to stations are counted by themselves as well."""
        classes = [KeyThrottle, StationCallThrottle] if self.action == "calls" else [KeyThrottle]
        return [throttle() for throttle in classes]

    @extend_schema(
        summary="Send an OCPP call",
        description=(
            "Checks the payload against the official schema of the OCPP version the station speaks, sends "
            "the CALL, waits for the answer and returns its payload; Rejected is a problem document. "
            "You must be operator or technician at the station's operator. The call is in the audit trail."
        ),
        parameters=[_IDENTITY],
        request=serializers.StationCallSerializer,
        responses={
            200: serializers.StationCallResultSerializer,
            (409, problems.CONTENT_TYPE): _PROBLEM,
            (422, problems.CONTENT_TYPE): _PROBLEM,
            (502, problems.CONTENT_TYPE): _PROBLEM,
            (504, problems.CONTENT_TYPE): _PROBLEM,
        },
        examples=[
            OpenApiExample(
                "Restart a 1.6 station", {"action": "Reset", "payload": {"type": "Soft"}}, request_only=True
            ),
            OpenApiExample(
                "Read a variable of a 2.0.1 station",
                {
                    "action": "GetVariables",
                    "payload": {
                        "getVariableData": [
                            {
                                "component": {"name": "OCPPCommCtrlr"},
                                "variable": {"name": "HeartbeatInterval"},
                            }
                        ]
                    },
                },
                request_only=True,
            ),
            OpenApiExample("Accepted", {"result": {"status": "Accepted"}}, response_only=True),
        ],
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def calls(self, request: Request, identity: str) -> Response:
        """Send a call and return its result."""
        station = self.get_object()
        if not may_send(request.user, station, kind="raw_call"):
            raise PermissionDenied
        form = serializers.StationCallSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response({"result": place_call(station, user=person(request), **form.validated_data)})
